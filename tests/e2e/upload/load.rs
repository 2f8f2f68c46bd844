//! A large component is compiled beside other work.

use serde_json::json;

use super::{bytes, component, is_well};
use crate::server::{Server, command};
use crate::timeline::{COMPILING, patiently, patiently_for};

const MIB: usize = 1 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_large_component_is_followed_while_it_compiles_and_is_at_hand_after_that() {
    let start = async |flags: &[&str]| {
        let mut serve = command("serve", "sqlite::memory:", &[]);
        serve.args(flags);
        Server::of(serve).await
    };
    let server = start(&[]).await;
    let mut large = bytes::with_dead_code(component("echo", &[("test.echo", "big2.echo")]), MIB, 500, 20);
    // New to the cache, whatever ran before.
    bytes::stamp(&mut large, &format!("{} {:?}", std::process::id(), std::time::SystemTime::now()));
    let http = reqwest::Client::new();
    let request = http.post(format!("{}/blocks?wait=0", server.url())).header("content-type", "application/wasm");
    let answer = patiently("the answer", request.body(large.clone()).send()).await.unwrap();
    assert_eq!(answer.status().as_u16(), 202);
    let place = answer.headers()["location"].to_str().unwrap().to_owned();
    // Others are answered meanwhile.
    let compiled = async {
        let mut answered = 0;
        loop {
            is_well(&server).await;
            let (status, upload) = server.get(&place).await;
            assert_eq!(status, 200, "{upload}");
            if upload["status"] != "compiling" {
                return (answered, upload);
            }
            answered += 1;
        }
    };
    let (answered, upload) = patiently_for(COMPILING, "the component to be compiled", compiled).await;
    assert_eq!((&upload["status"], &upload["version"]["type"]), (&json!("ready"), &json!("big2.echo")), "{upload}");
    assert!(answered > 0, "nobody was answered while it was compiled");
    server.terminate().await;
    // What was compiled once is not compiled again: it has too little time for that.
    let server = start(&["--compile-cpu-ms", "1000"]).await;
    let (status, answer) = server.upload(large).await;
    assert_eq!(status, 201, "{answer}");
    server.terminate().await;
}
