//! Uploads that are no blocks: each is refused with its reason, and the server is as well as before.

use blockyard::app::App;
use blockyard::blocks::uploads::{Uploader, VERSION_EXISTS};
use futures::future::join_all;
use serde_json::{Value, json};

use super::{bytes, component, is_well, uploaded, versioned};
use crate::server::{Server, command};
use crate::support::{config, guest};
use crate::timeline::patiently;

const MIB: usize = 1 << 20;

async fn server() -> Server {
    Server::start("sqlite::memory:", &[]).await
}

async fn refused(server: &Server, component: Vec<u8>, status: u16, code: &str) -> Value {
    let (found, answer) = server.upload(component).await;
    assert_eq!((found, &answer["code"]), (status, &json!(code)), "{answer}");
    is_well(server).await;
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_block_is_refused_with_its_reason() {
    let server = server().await;
    let echo = std::fs::read(guest("echo")).unwrap();
    let detail = |answer: &Value| answer["detail"].as_str().unwrap().to_owned();
    refused(&server, b"#!/bin/sh\necho no\n".to_vec(), 422, "not-a-component").await;
    refused(&server, Vec::new(), 400, "empty-body").await;
    refused(&server, b"\0asm\x01\0\0\0".to_vec(), 422, "core-module").await;
    for cut in [9, 1000, echo.len() / 2, echo.len() - 1] {
        refused(&server, echo[..cut].to_vec(), 422, "not-a-component").await;
    }
    let mut spoiled = echo.clone();
    let middle = spoiled.len() / 3;
    spoiled[middle..middle + 64].fill(0xff);
    let (status, answer) = server.upload(spoiled).await;
    assert!(status == 422, "{answer}");
    let engine = wasmtime::Engine::default();
    let machine_code = engine.precompile_component(&echo).unwrap();
    refused(&server, machine_code, 422, "machine-code").await;
    for (name, import) in [("opens-sockets", "wasi:sockets/"), ("opens-files", "wasi:filesystem/")] {
        let answer = refused(&server, std::fs::read(guest(name)).unwrap(), 422, "foreign-import").await;
        let detail = detail(&answer);
        assert!(
            detail.contains(import) && detail.contains("@0.2") && detail.contains("it offers blockyard:block/"),
            "{detail}"
        );
    }
    let answer = refused(&server, component("echo", &[("test.echo", "core.echo")]), 422, "reserved-category").await;
    assert!(detail(&answer).contains("`core`"), "{answer}");
    // The type's own check comes before its version is looked at: 9.0.0 of a built-in block is no news.
    refused(&server, component("versioned", &[("custom.versioned", "api.versioned-no")]), 422, "reserved-category")
        .await;
    let answer = refused(&server, component("bad-manifest", &[]), 422, "invalid-manifest").await;
    let pointers: Vec<_> = answer["errors"].as_array().unwrap().iter().map(|error| error["pointer"].clone()).collect();
    assert!(pointers.contains(&json!("/name")) && pointers.contains(&json!("/version")), "{answer}");
    let schemas = component("bad-manifest", &[("bad-manifest:manifest", "bad-manifest:schemas_")]);
    let answer = refused(&server, schemas, 422, "invalid-manifest").await;
    assert_eq!(answer["errors"][0]["pointer"], "/configSchema", "{answer}");
    let answer = refused(&server, component("manifest-loops", &[]), 422, "manifest-failed").await;
    assert!(detail(&answer).contains("CPU"), "{answer}");
    server.terminate().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_refused_before_it_is_read() {
    let server = server().await;
    let large = component("echo", &[]).into_iter().chain(std::iter::repeat_n(0, 40 * MIB)).collect();
    // The server may close the connection while it is still sent.
    let http = reqwest::Client::new();
    let request = http.post(format!("{}/blocks", server.url())).header("content-type", "application/wasm");
    if let Ok(answer) = patiently("the answer", request.body::<Vec<u8>>(large).send()).await {
        assert_eq!(answer.status().as_u16(), 413);
        let answer: Value = answer.json().await.unwrap();
        assert!(answer["detail"].as_str().unwrap().contains("33554432"), "{answer}");
    }
    is_well(&server).await;
    let request = http.post(format!("{}/blocks", server.url())).header("content-type", "application/json");
    let answer = patiently("the answer", request.body("{}").send()).await.unwrap();
    assert_eq!(answer.status().as_u16(), 415);
    server.terminate().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_version_with_other_bytes_is_a_conflict() {
    let server = server().await;
    uploaded(&server, versioned(1)).await;
    let other = component("versioned", &[("narrow.versioned.example", "others.versioned.example")]);
    let answer = refused(&server, other, 409, "version-exists").await;
    assert!(answer["detail"].as_str().unwrap().contains("sha256:"), "{answer}");
    assert_eq!(uploaded(&server, versioned(1)).await["version"], "1.0.0+versioned");
    server.terminate().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_takes_minutes_to_compile_is_given_up() {
    // That version is at hand without being compiled there.
    let usual = server().await;
    uploaded(&usual, versioned(1)).await;
    usual.terminate().await;
    let mut serve = command("serve", "sqlite::memory:", &[]);
    serve.args(["--compile-cpu-ms", "3000"]);
    let server = Server::of(serve).await;
    // Few large functions of many locals cost the most.
    let bomb = bytes::with_dead_code(component("echo", &[]), 24 * MIB, 60_000, 2_000);
    let compiling = server.upload(bomb);
    let others = async {
        for _ in 0..20 {
            is_well(&server).await;
        }
    };
    let ((status, answer), ()) = tokio::join!(compiling, others);
    assert_eq!((status, &answer["code"]), (422, &json!("compile-limit")), "{answer}");
    is_well(&server).await;
    uploaded(&server, versioned(1)).await;
    server.terminate().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_uploads_at_once_all_come_in() {
    let server = server().await;
    let uploads = (0..10).map(|n| server.upload(component("echo", &[("test.echo", &format!("try{n}.echo"))])));
    for (n, (status, answer)) in join_all(uploads).await.into_iter().enumerate() {
        assert_eq!((status, &answer["version"]["type"]), (201, &json!(format!("try{n}.echo"))), "{answer}");
    }
    is_well(&server).await;
    let types = server.get("/blocks").await.1;
    assert_eq!(types["items"].as_array().unwrap().len(), 13 + 10);
    server.terminate().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_type_belongs_to_whom_it_was_first_uploaded_by() {
    let app = App::start(config(&["pause"])).await.unwrap();
    let upload = async |user: &str, is_admin: bool, component: Vec<u8>| {
        let uploader = Uploader { user_id: user.into(), is_admin };
        app.uploads.receive(uploader, component.into()).await.unwrap().done.await.unwrap()
    };
    upload("alice", false, versioned(1)).await.unwrap();
    let refused = upload("mallory", false, versioned(2)).await.unwrap_err();
    assert_eq!(refused.code, "not-owner");
    assert!(refused.message.contains("custom.versioned"), "{}", refused.message);
    // Not even the bytes that are there.
    assert_eq!(upload("mallory", false, versioned(1)).await.unwrap_err().code, "not-owner");
    upload("alice", false, versioned(2)).await.unwrap();
    upload("root", true, versioned(3)).await.unwrap();
    let other = component("versioned", &[("narrow.versioned.example", "others.versioned.example")]);
    assert_eq!(upload("root", true, other).await.unwrap_err().code, VERSION_EXISTS);
    // What the server was started with is nobody's.
    let refused = upload("alice", true, std::fs::read(guest("pause")).unwrap()).await.unwrap_err();
    assert_eq!(refused.code, "not-owner");
    app.stop().await;
}
