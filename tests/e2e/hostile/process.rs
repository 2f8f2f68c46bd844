//! A whole process with a secret in its environment and everything logged: what it prints and logs holds none of it.

use std::process::Stdio;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use super::Server;
use super::canary::{CANARY, WAYS, assert_clean, traces};
use crate::server::binary;
use crate::support::{cache_dir, graph, guest};
use crate::timeline::{COMPILING, patiently_for};

/// Both guests with each way out, side by side; some fail.
fn document() -> Value {
    let reversed: Vec<String> = traces().iter().map(|trace| trace.chars().rev().collect()).collect();
    let mut nodes = Vec::new();
    for way in WAYS {
        for block in ["leaks-secret", "reveals"] {
            let config = json!({"way": way, "place": "query", "reversed": reversed, "sends": true});
            let id = format!("{block}-{way}");
            nodes.push(json!({"id": id, "type": format!("test.{block}"), "config": config, "onError": "continue"}));
        }
    }
    graph(json!(nodes), &[])
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_the_result_nor_any_line_of_the_log_holds_a_secret_of_the_environment() {
    let (server, directory) = (Server::start().await, TempDir::new().unwrap());
    let file = |name: &str, content: Value| {
        let path = directory.path().join(name);
        std::fs::write(&path, content.to_string()).unwrap();
        path
    };
    let rules = json!([{"host": "good.example", "secrets": ["canary"]}]);
    let grants = json!({"test.leaks-secret": {"http": rules}, "test.reveals": {"http": rules, "reveal": ["canary"]}});
    let database = directory.path().join("run.db");
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("BLOCKYARD_")) {
        command.env_remove(name);
    }
    command.arg("run").arg(file("workflow.json", document())).args(["--log", "trace"]);
    command.arg("--database").arg(format!("sqlite://{}", database.display()));
    command.arg("--cache-dir").arg(cache_dir()).arg("--grants").arg(file("grants.json", grants));
    command.arg("--block").arg(guest("leaks-secret")).arg("--block").arg(guest("reveals"));
    command.arg("--http-rewrite").arg(format!("https://good.example=http://127.0.0.1:{}", server.port()));
    command.env("BLOCKYARD_SECRET_CANARY", CANARY).env("BLOCKYARD_SECRET_CANARY_HOSTS", "good.example");
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = patiently_for(COMPILING, "the process", command.output()).await.unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    // It went all the way, and was as talkative as it can be.
    assert!(server.seen().len() >= 2 * WAYS.len(), "{log}");
    assert!(log.contains("request sent") && log.contains("[secret canary]"), "{log}");
    assert_clean("standard output", &output.stdout);
    assert_clean("the log", &output.stderr);
    assert_clean("the database", &std::fs::read(&database).unwrap());
}
