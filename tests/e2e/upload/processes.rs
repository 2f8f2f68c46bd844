//! Several processes on one Postgres, and processes that end while they compile.

use serde_json::json;
use tempfile::TempDir;

use super::{TYPE, activate, bytes, component, granted, narrow, tested, uploaded, versioned};
use crate::server::{Server, Worker, command};
use crate::support::{graph, postgres};
use crate::timeline::patiently;

#[tokio::test(flavor = "multi_thread")]
async fn what_one_process_receives_all_of_them_run() {
    let url = postgres();
    let one = Server::of({
        let mut serve = command("serve", &url, &[]);
        serve.arg("--no-worker");
        serve
    })
    .await;
    let other = Server::of({
        let mut serve = command("serve", &url, &[]);
        serve.arg("--no-worker");
        serve
    })
    .await;
    let worker = Worker::start(command("worker", &url, &[])).await;
    let document = graph(json!([{"id": "it", "type": TYPE}]), &[]);
    for version in ["1.0.0+versioned", "2.0.0+versioned"] {
        let major = version[..1].parse().unwrap();
        uploaded(&one, versioned(major)).await;
        granted(&one, &narrow()).await;
        assert_eq!(activate(&one, version).await.0, 200);
        // The worker has never heard of it but by the notice.
        let id = one.submit(&document, &json!(null)).await;
        assert_eq!(one.ended(&id).await["output"]["version"], version);
        let known = async {
            while tested_or_nothing(&other).await != version {
                tokio::task::yield_now().await;
            }
        };
        patiently("the other process to hear of it", known).await;
    }
    other.terminate().await;
    worker.terminate().await;
    assert_eq!(tested(&one).await, "2.0.0+versioned");
    one.terminate().await;
}

async fn tested_or_nothing(server: &Server) -> serde_json::Value {
    server.post(&format!("/blocks/{TYPE}/test"), &json!({})).await.1["output"]["version"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_outlives_the_process_that_received_it() {
    let directory = TempDir::new().unwrap();
    let url = format!("sqlite://{}", directory.path().join("test.db").display());
    let server = Server::start(&url, &[]).await;
    // Large enough to be still compiled when the process is killed, and new to the cache each time.
    let mut large = bytes::with_dead_code(component("echo", &[]), 512 << 10, 500, 20);
    bytes::stamp(&mut large, &format!("{} {:?}", std::process::id(), std::time::SystemTime::now()));
    let http = reqwest::Client::new();
    let request = http.post(format!("{}/blocks?wait=0", server.url())).header("content-type", "application/wasm");
    let answer = patiently("the answer", request.body(large).send()).await.unwrap();
    assert_eq!(answer.status().as_u16(), 202);
    let place = answer.headers()["location"].to_str().unwrap().to_owned();
    server.kill().await;
    let server = Server::start(&url, &[]).await;
    let done = async {
        loop {
            let (_, upload) = server.get(&place).await;
            if upload["status"] != "compiling" {
                return upload;
            }
        }
    };
    let upload = patiently("the component to be compiled", done).await;
    assert_eq!((&upload["status"], &upload["version"]["type"]), (&json!("ready"), &json!("test.echo")), "{upload}");
    server.terminate().await;
}
