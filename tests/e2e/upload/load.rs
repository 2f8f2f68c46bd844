//! A large component is compiled beside other work.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{bytes, component};
use crate::server::{Server, command};
use crate::timeline::patiently;

const MIB: usize = 1 << 20;

async fn call(server: &Server) -> Duration {
    let body = json!({"config": {"expression": "input.a + 1"}, "input": {"a": 1}});
    let since = Instant::now();
    let (status, answer) = server.post("/blocks/core.transform/test", &body).await;
    assert_eq!((status, &answer["output"]), (200, &json!(2)), "{answer}");
    since.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_component_is_followed_while_it_compiles_and_is_at_hand_after_that() {
    let start = async || Server::of(command("serve", "sqlite::memory:", &[])).await;
    let server = start().await;
    let mut large = bytes::with_dead_code(component("echo", &[("test.echo", "big2.echo")]), MIB, 500, 20);
    // New to the cache, whatever ran before.
    bytes::stamp(&mut large, &format!("{} {:?}", std::process::id(), std::time::SystemTime::now()));
    let http = reqwest::Client::new();
    let request = http.post(format!("{}/blocks?wait=0", server.url())).header("content-type", "application/wasm");
    let answer = patiently("the answer", request.body(large.clone()).send()).await.unwrap();
    assert_eq!(answer.status().as_u16(), 202);
    let place = answer.headers()["location"].to_str().unwrap().to_owned();
    // Others are answered meanwhile.
    let mut answered = 0;
    loop {
        call(&server).await;
        let (status, upload) = server.get(&place).await;
        assert_eq!(status, 200, "{upload}");
        if upload["status"] != "compiling" {
            assert_eq!(
                (&upload["status"], &upload["version"]["type"]),
                (&json!("ready"), &json!("big2.echo")),
                "{upload}"
            );
            break;
        }
        answered += 1;
    }
    assert!(answered > 10, "{answered} calls while it was compiled");
    server.terminate().await;
    // What was compiled once is not compiled again.
    let server = start().await;
    let since = Instant::now();
    let (status, answer) = server.upload(large).await;
    assert_eq!(status, 201, "{answer}");
    println!("a component of 1 MiB is usable {} ms after it was sent, from the cache", since.elapsed().as_millis());
    assert!(since.elapsed() < Duration::from_secs(5));
    server.terminate().await;
}
