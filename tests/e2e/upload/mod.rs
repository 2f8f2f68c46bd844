//! Components that are uploaded to a running server.

mod bytes;
mod gate;
mod load;
mod processes;
mod pushed;
mod refusals;
mod schemas;
mod versions;

use serde_json::{Value, json};

use crate::server::Server;
use crate::support::guest;
use crate::timeline::{COMPILING, patiently_for};

/// The component of a guest, with some bytes changed: `(from, to)` of one length.
fn component(name: &str, changes: &[(&str, &str)]) -> Vec<u8> {
    bytes::changed(std::fs::read(guest(name)).unwrap(), changes)
}

/// Version `major` of the block that says its version.
fn versioned(major: usize) -> Vec<u8> {
    component("versioned", &[("1.0.0+versioned", &format!("{major}.0.0+versioned"))])
}

const TYPE: &str = "custom.versioned";

/// What version 1 asks for.
fn narrow() -> Value {
    json!({"http": [{"host": "narrow.versioned.example"}]})
}

/// It computes, once the block for that is compiled.
async fn is_well(server: &Server) {
    let body = json!({"config": {"expression": "input.a + 1"}, "input": {"a": 1}});
    let compiled = async {
        loop {
            let (status, answer) = server.post("/blocks/core.transform/test", &body).await;
            if answer["error"]["code"] != "unavailable" {
                return (status, answer);
            }
        }
    };
    let (status, answer) = patiently_for(COMPILING, "a block that ships with it", compiled).await;
    assert_eq!((status, &answer["output"]), (200, &json!(2)), "{answer}");
}

async fn uploaded(server: &Server, component: Vec<u8>) -> Value {
    let (status, answer) = server.upload(component).await;
    assert_eq!(status, 201, "{answer}");
    assert_eq!(answer["status"], "ready");
    answer["version"].clone()
}

async fn activate(server: &Server, version: &str) -> (u16, Value) {
    let version = version.replace('+', "%2B");
    server.post(&format!("/blocks/{TYPE}/versions/{version}/activate"), &json!({})).await
}

async fn granted(server: &Server, grant: &Value) -> Value {
    let (status, answer) = server.put(&format!("/blocks/{TYPE}/grants"), grant).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

/// Version 1, granted and active.
async fn in_use(server: &Server) {
    uploaded(server, versioned(1)).await;
    granted(server, &narrow()).await;
    assert_eq!(activate(server, "1.0.0+versioned").await.0, 200);
}

/// What the block answers when it is tested.
async fn tested(server: &Server) -> Value {
    let (status, answer) = server.post(&format!("/blocks/{TYPE}/test"), &json!({})).await;
    assert_eq!(status, 200, "{answer}");
    answer["output"]["version"].clone()
}
