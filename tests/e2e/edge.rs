//! Where the server meets the world: signals, and many who want to be served at once.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::Child;

use crate::server::{command, start};
use crate::support::graph;
use crate::timeline::{COMPILING, patiently, patiently_for};

fn tell(child: &Child, signal: &str) {
    let pid = child.id().expect("it runs").to_string();
    assert!(std::process::Command::new("kill").args([signal, &pid]).status().unwrap().success());
}

async fn ended(mut child: Child) -> ExitStatus {
    patiently("the end of the process", child.wait()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thread_that_waits_for_ever_does_not_keep_a_process_from_ending() {
    let directory = TempDir::new().unwrap();
    let grants = directory.path().join("grants");
    assert!(std::process::Command::new("mkfifo").arg(&grants).status().unwrap().success());
    let mut serve = command("serve", "sqlite::memory:", &[]);
    serve.args(["--listen", "127.0.0.1:0", "--grants"]).arg(&grants).stderr(Stdio::null());
    let child = serve.spawn().unwrap();
    // Open as soon as the other side reads, which it does for as long as this is open.
    let opened = tokio::task::spawn_blocking(move || std::fs::File::options().write(true).open(grants));
    let writing = patiently_for(COMPILING, "the process to read", opened).await.unwrap().unwrap();
    tell(&child, "-TERM");
    assert!(ended(child).await.success());
    drop(writing);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_a_process_at_once() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let mut serve = command("serve", "sqlite::memory:", &["pause"]);
        serve.args(["--listen", "127.0.0.1:0", "--shutdown-ms", "3600000"]);
        let (child, url) = start(serve, "listening on ").await;
        let node = json!({"id": "it", "type": "test.pause", "config": {"ms": 3_000_000}, "timeoutMs": 3_500_000});
        let body = json!({"workflowDefinition": graph(json!([node]), &[])});
        let http = reqwest::Client::new();
        let sent = http.post(format!("{url}/workflows/execute")).json(&body).send();
        let answer = patiently("the answer", sent).await.unwrap();
        assert_eq!(answer.status().as_u16(), 202);
        let accepted: Value = answer.json().await.unwrap();
        let id = accepted["executionId"].as_str().unwrap();
        let running = async {
            loop {
                let execution = http.get(format!("{url}/executions/{id}")).send().await.unwrap();
                if execution.json::<Value>().await.unwrap()["status"] == "running" {
                    return;
                }
            }
        };
        patiently("the execution to run", running).await;
        tell(&child, "-TERM");
        let address = url.trim_start_matches("http://");
        let refused = async { while TcpStream::connect(address).await.is_ok() {} };
        patiently("the server to take no more", refused).await;
        tell(&child, signal);
        let status = ended(child).await;
        assert_eq!((status.code(), status.signal()), (Some(code), None));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_say_nothing_do_not_take_all_files() {
    // Fewer than connections come; half of them are for others.
    let serve = command("serve", "sqlite::memory:", &[]);
    let mut limited = tokio::process::Command::new("sh");
    limited.args(["-c", "ulimit -n 300; exec \"$@\"", "sh"]).arg(serve.as_std().get_program());
    limited.args(serve.as_std().get_args()).args(["--listen", "127.0.0.1:0"]);
    limited.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("BLOCKYARD_")) {
        limited.env_remove(name);
    }
    let (child, url) = start(limited, "listening on ").await;
    let address = url.trim_start_matches("http://");
    let mut silent = Vec::new();
    for _ in 0..295 {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    let http = reqwest::Client::new();
    let body = json!({"config": {"expression": "input.a + 1"}, "input": {"a": 1}});
    let sent = http.post(format!("{url}/blocks/core.transform/test")).json(&body).send();
    let answer: Value = patiently("the answer", sent).await.unwrap().json().await.unwrap();
    assert_eq!(answer["output"], 2, "{answer}");
    drop(silent);
    tell(&child, "-TERM");
    assert!(ended(child).await.success());
}
