//! Several processes on one Postgres, and processes that end while they compile.

use std::sync::Arc;
use std::time::Duration;

use blockyard::store::{Store, UploadStatus};
use serde_json::json;

use super::{TYPE, activate, bytes, component, granted, narrow, tested, uploaded, versioned};
use crate::server::{Server, Worker, command};
use crate::support::{config_in_file, graph, postgres};
use crate::timeline::{COMPILING, patiently, patiently_for};

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
async fn what_one_process_has_answered_another_knows_at_once() {
    let url = postgres();
    let start = async || {
        let mut serve = command("serve", &url, &[]);
        serve.arg("--no-worker");
        Server::of(serve).await
    };
    let (one, other) = (start().await, start().await);
    for major in 1..=4 {
        let version = format!("{major}.0.0+versioned");
        let document = graph(json!([{"id": "it", "type": format!("{TYPE}@{version}")}]), &[]);
        uploaded(&one, versioned(major)).await;
        if major == 1 {
            let (status, answer) = other.get(&format!("/blocks/{TYPE}?version={major}.0.0%2Bversioned")).await;
            assert_eq!((status, &answer["version"]), (200, &json!(version)), "{answer}");
            granted(&one, &narrow()).await;
            assert_eq!(activate(&other, &version).await.0, 200);
        }
        let (_, report) = other.post("/workflows/validate", &document).await;
        assert_eq!(report["valid"], true, "{report}");
        let (status, answer) = other.post(&format!("/blocks/{TYPE}/test"), &json!({"version": version})).await;
        assert_eq!((status, &answer["output"]["version"]), (200, &json!(version)), "{answer}");
        let (status, answer) = activate(&one, &version).await;
        assert_eq!(status, 200, "{answer}");
        // What is narrowed and given back is no surprise either.
        granted(&one, &json!({})).await;
        assert_eq!(activate(&one, &version).await.0, 409);
        granted(&one, &narrow()).await;
        let (status, answer) = activate(&other, &version).await;
        assert_eq!(status, 200, "{answer}");
    }
    one.terminate().await;
    other.terminate().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_outlives_the_process_that_received_it() {
    let (config, _directory) = config_in_file(&[]);
    let url = &config.database.url;
    let server = Server::start(url, &[]).await;
    // Large enough to be still compiled when the process is killed, and new to the cache each time.
    let mut large = bytes::with_dead_code(component("echo", &[]), 512 << 10, 500, 20);
    bytes::stamp(&mut large, &format!("{} {:?}", std::process::id(), std::time::SystemTime::now()));
    let http = reqwest::Client::new();
    let request = http.post(format!("{}/blocks?wait=0", server.url())).header("content-type", "application/wasm");
    let answer = patiently("the answer", request.body(large).send()).await.unwrap();
    assert_eq!(answer.status().as_u16(), 202);
    let place = answer.headers()["location"].to_str().unwrap().to_owned();
    server.kill().await;
    let store = Store::open(&config.database, Arc::new(|_| {})).await.unwrap();
    let left = store.upload(place.rsplit('/').next().unwrap()).await.unwrap().unwrap();
    assert_eq!(left.status, UploadStatus::Compiling, "it was not killed in time");
    store.close().await.unwrap();
    let server = Server::start(url, &[]).await;
    let done = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        loop {
            let (_, upload) = server.get(&place).await;
            if upload["status"] != "compiling" {
                return upload;
            }
            ticks.tick().await;
        }
    };
    let upload = patiently_for(COMPILING, "the component to be compiled", done).await;
    assert_eq!((&upload["status"], &upload["version"]["type"]), (&json!("ready"), &json!("test.echo")), "{upload}");
    server.terminate().await;
}
