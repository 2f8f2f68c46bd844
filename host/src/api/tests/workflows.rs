//! Saving and reading workflows.

use serde_json::json;

use super::super::testing::{Server, filter_workflow};
use crate::config::ApiConfig;
use crate::domain::{AuditEntry, BlockType, Json, UserId};
use crate::store::NewBlockVersion;

#[tokio::test]
async fn a_workflow_is_made_saved_read_and_deleted() {
    let server = Server::start().await;
    let made = server.post("/workflows", &filter_workflow("a b")).await;
    assert_eq!((made.status.as_u16(), made.header("location")), (201, "/workflows/a%20b"));
    let document = made.json();
    assert_eq!((&document["workflowId"], &document["version"]), (&json!("a b"), &json!(1)));
    assert!(document["metadata"]["createdAt"].as_str().unwrap().ends_with('Z'));
    assert_eq!(server.post("/workflows", &filter_workflow("a b")).await.problem(), (409, "workflow-exists".to_owned()));

    // What was read can be changed and saved as it is.
    let mut next = document.clone();
    next["name"] = json!("Changed");
    let saved = server.put("/workflows/a%20b", &next).await;
    assert_eq!((saved.status.as_u16(), saved.json()["version"].clone()), (200, json!(2)));
    let stamps = |document: &serde_json::Value| document["metadata"]["createdAt"].clone();
    assert_eq!(stamps(&saved.json()), stamps(&document));
    assert_eq!(server.get("/workflows/a%20b?version=1").await.json(), document);
    assert_eq!(server.get("/workflows/a%20b/versions/2").await.json()["name"], "Changed");
    let versions = server.get("/workflows/a%20b/versions").await.json();
    assert_eq!(versions["items"].as_array().unwrap().len(), 2);

    assert_eq!(server.put("/workflows/other", &next).await.problem().0, 422);
    assert_eq!(server.put("/workflows/other", &filter_workflow("other")).await.problem().0, 404);
    assert_eq!(server.call("DELETE", "/workflows/a%20b").await.status, 204);
    assert_eq!(server.call("DELETE", "/workflows/a%20b").await.problem().0, 404);
}

#[tokio::test]
async fn yaml_is_taken_and_an_id_given() {
    let server = Server::start().await;
    let text = "nodes:\n  - id: t\n    type: core.transform\n    config: { expression: input }\n";
    let made = server.send_text("POST", "/workflows", "application/yaml", text).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let document = made.json();
    assert_eq!(document["workflowId"], document["name"]);
    assert_eq!(document["nodes"][0]["config"]["expression"], "input");
}

#[tokio::test]
async fn lists_come_in_pages() {
    let server = Server::start().await;
    for id in ["a", "b", "c"] {
        server.post("/workflows", &filter_workflow(id)).await;
    }
    let first = server.get("/workflows?limit=2").await.json();
    assert_eq!(first["items"].as_array().unwrap().len(), 2);
    let rest = server.get(&format!("/workflows?limit=2&cursor={}", first["nextCursor"].as_str().unwrap())).await.json();
    assert_eq!(rest["items"].as_array().unwrap().len(), 1);
    assert!(rest["nextCursor"].is_null());
}

#[tokio::test]
async fn what_is_wrong_is_listed_with_its_places() {
    let server = Server::start().await;
    let mut document = filter_workflow("w");
    document["nodes"][0]["type"] = json!("core.none");
    document["edges"] = json!([{"source": "big", "target": "gone"}]);
    let problem = server.post("/workflows", &document).await;
    assert_eq!(problem.problem(), (422, "invalid-workflow".to_owned()));
    let report = server.post("/workflows/validate", &document).await;
    assert_eq!((report.status.as_u16(), report.json()["valid"].clone()), (200, json!(false)));
    assert_eq!(problem.json()["errors"], report.json()["errors"]);
    let codes: Vec<_> = report.json()["errors"].as_array().unwrap().iter().map(|e| e["code"].clone()).collect();
    assert!(codes.contains(&json!("unknown-block")) && codes.contains(&json!("unknown-node")), "{codes:?}");
    let inline = server.post("/workflows/execute", &json!({"workflowDefinition": document})).await;
    let pointer = inline.json()["errors"][0]["pointer"].as_str().unwrap().to_owned();
    assert!(pointer.starts_with("/workflowDefinition/"), "{pointer}");
    let reserved = server.post("/workflows", &filter_workflow("validate")).await;
    assert_eq!(reserved.json()["errors"][0]["code"], "reserved-id");
    let shape = server.post("/workflows/validate", &json!({"nodes": 7})).await.json();
    assert_eq!(shape["errors"][0]["pointer"], "/nodes");
}

#[tokio::test]
async fn a_block_that_is_deleted_while_a_workflow_is_saved_is_an_unknown_one() {
    let server = Server::start_in_memory(ApiConfig::default()).await;
    let block_type: BlockType = "custom.x".parse().unwrap();
    let entry = || AuditEntry {
        id: server.state.sources.id(),
        at: 1,
        user_id: UserId::local(),
        action: "block.uploaded".to_owned(),
        subject: "block/custom.x".to_owned(),
        details: Json::null(),
    };
    let manifest = json!({
        "type": "custom.x", "version": "1.0.0", "name": "X", "configSchema": true, "inputSchema": true,
        "outputs": [{"port": "out"}],
    });
    let store = &server.state.store;
    store.keep_component("sha256:x", b"abc", server.state.sources.now_ms()).await.unwrap();
    let new = NewBlockVersion {
        block_type: block_type.clone(),
        version: semver::Version::new(1, 0, 0),
        digest: "sha256:x".to_owned(),
        bytes: 3,
        manifest: manifest.into(),
        reveals: false,
        user_id: UserId::local(),
        is_admin: true,
        upload_id: "u".to_owned(),
        now: 1,
    };
    store.add_block_version(new, entry()).await.unwrap();
    server.state.catalogue.refresh().await.unwrap();
    let activated = server.call("POST", "/blocks/custom.x/versions/1.0.0/activate").await;
    assert_eq!(activated.status, 200, "{}", activated.text());
    let mut document = filter_workflow("w");
    document["nodes"].as_array_mut().unwrap().push(json!({"id": "x", "type": "custom.x"}));
    assert_eq!(server.post("/workflows", &document).await.status, 201);
    // Another process is faster, and this one has not heard of it.
    store.spoil("DELETE FROM blocks").await;
    document["workflowId"] = json!("other");
    for answer in [server.post("/workflows", &document).await, {
        document["workflowId"] = json!("w");
        server.put("/workflows/w", &document).await
    }] {
        assert_eq!(answer.problem(), (422, "invalid-workflow".to_owned()));
        let error = answer.json()["errors"][0].clone();
        assert_eq!((&error["code"], &error["pointer"]), (&json!("unknown-block"), &json!("/nodes/1/type")), "{error}");
    }
}
