//! Versions: pending, activated, rolled back, pinned by executions, deleted.

use futures::future::join_all;
use serde_json::json;
use tempfile::TempDir;

use super::gate::Gate;
use super::{TYPE, activate, component, granted, in_use, narrow, tested, uploaded, versioned};
use crate::server::{Server, command};
use crate::support::{graph, on_postgres, postgres};

fn database(directory: &TempDir) -> String {
    if on_postgres() { postgres() } else { format!("sqlite://{}", directory.path().join("test.db").display()) }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_used_once_it_is_granted_and_activated() {
    let directory = TempDir::new().unwrap();
    let url = database(&directory);
    let server = Server::start(&url, &[]).await;
    let version = uploaded(&server, versioned(1)).await;
    assert_eq!((&version["type"], &version["status"]), (&json!(TYPE), &json!("pending")));
    assert_eq!(
        version["missing"],
        json!({"http": [{"host": "narrow.versioned.example"}], "reveal": [], "stateless": false})
    );
    // Nothing of it is used yet.
    let (status, answer) = server.post(&format!("/blocks/{TYPE}/test"), &json!({})).await;
    assert_eq!((status, &answer["code"]), (409, &json!("not-active")), "{answer}");
    let body = json!({"version": "1.0.0+versioned"});
    let (status, answer) = server.post(&format!("/blocks/{TYPE}/test"), &body).await;
    assert_eq!((status, &answer["code"]), (409, &json!("not-granted")), "{answer}");
    let (status, answer) = activate(&server, "1.0.0+versioned").await;
    assert_eq!(
        (status, &answer["code"], &answer["errors"][0]["pointer"]),
        (409, &json!("not-granted"), &json!("/http/0"))
    );
    let (_, answer) = server.get(&format!("/blocks/{TYPE}")).await;
    assert_eq!((&answer["activeVersion"], &answer["version"]), (&json!(null), &json!("1.0.0+versioned")));
    let answer = granted(&server, &narrow()).await;
    assert_eq!(answer["versions"][0]["status"], "inactive");
    let (status, answer) = activate(&server, "1.0.0+versioned").await;
    assert_eq!((status, &answer["status"]), (200, &json!("active")));
    assert_eq!(tested(&server).await, "1.0.0+versioned");
    assert_eq!(activate(&server, "7.0.0").await.1["code"], "unknown-version");
    // The same bytes again are no news, and after a restart all is as it was.
    assert_eq!(uploaded(&server, versioned(1)).await["status"], "active");
    server.terminate().await;
    let server = Server::start(&url, &[]).await;
    assert_eq!(tested(&server).await, "1.0.0+versioned");
    let actions = server.get("/audit").await.1;
    let actions: Vec<_> = actions["items"].as_array().unwrap().iter().map(|entry| entry["action"].clone()).collect();
    assert_eq!(actions, ["block.activated", "block.granted", "block.uploaded"]);
    server.terminate().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn executions_keep_the_version_that_they_started_with() {
    const EXECUTIONS: usize = 100;
    let directory = TempDir::new().unwrap();
    let gate = Gate::shut().await;
    let mut serve = command("serve", &database(&directory), &[]);
    serve.args(["--http-rewrite", &gate.rewrite(), "--http-rate-per-host", "0"]);
    let server = Server::of(serve).await;
    in_use(&server).await;
    assert_eq!(uploaded(&server, versioned(2)).await["status"], "inactive");
    // They wait inside their node, whose block is called again and again until the gate says yes.
    let node = json!({"id": "it", "type": TYPE, "config": {"asks": true, "ms": 500}});
    let document = graph(json!([node]), &[]);
    let ids = join_all((0..EXECUTIONS).map(|_| server.submit(&document, &json!(null)))).await;
    gate.asked_by(&ids).await;
    assert_eq!(activate(&server, "2.0.0+versioned").await.0, 200);
    let later = server.submit(&document, &json!(null)).await;
    gate.open();
    for id in &ids {
        let execution = server.ended(id).await;
        assert_eq!(execution["output"]["version"], "1.0.0+versioned", "{execution}");
    }
    assert_eq!(server.ended(&later).await["output"]["version"], "2.0.0+versioned");
    // And back.
    assert_eq!(activate(&server, "1.0.0+versioned").await.0, 200);
    assert_eq!(tested(&server).await, "1.0.0+versioned");
    let pinned = graph(json!([{"id": "it", "type": format!("{TYPE}@2")}]), &[]);
    let id = server.submit(&pinned, &json!(null)).await;
    assert_eq!(server.ended(&id).await["output"]["version"], "2.0.0+versioned");
    server.terminate().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_asks_for_more_waits_while_the_old_one_is_used() {
    let directory = TempDir::new().unwrap();
    let server = Server::start(&database(&directory), &[]).await;
    in_use(&server).await;
    let wider = [("1.0.0+versioned", "1.1.0+versioned"), ("narrow.versioned.example", "wider1.versioned.example")];
    let version = uploaded(&server, component("versioned", &wider)).await;
    assert_eq!(
        (&version["status"], &version["missing"]["http"][0]["host"]),
        (&json!("pending"), &json!("wider1.versioned.example"))
    );
    assert_eq!(activate(&server, "1.1.0+versioned").await.0, 409);
    assert_eq!(tested(&server).await, "1.0.0+versioned");
    let grant = json!({"http": [{"host": "*.versioned.example"}]});
    assert_eq!(granted(&server, &grant).await["versions"][0]["status"], "inactive");
    assert_eq!(tested(&server).await, "1.0.0+versioned", "a grant activates nothing");
    assert_eq!(activate(&server, "1.1.0+versioned").await.0, 200);
    assert_eq!(tested(&server).await, "1.1.0+versioned");
    // A grant that is no grant changes nothing.
    let (status, answer) = server.put(&format!("/blocks/{TYPE}/grants"), &json!({"http": [{"host": "*"}]})).await;
    assert_eq!((status, &answer["errors"][0]["pointer"]), (422, &json!("/http/0/host")), "{answer}");
    server.terminate().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_use_is_not_deleted() {
    let directory = TempDir::new().unwrap();
    let server = Server::start(&database(&directory), &[]).await;
    in_use(&server).await;
    let document = graph(json!([{"id": "it", "type": format!("{TYPE}@1")}]), &[]);
    let (status, saved) = server.post("/workflows", &document).await;
    assert_eq!(status, 201, "{saved}");
    let id = saved["workflowId"].as_str().unwrap();
    let (status, answer) = server.delete(&format!("/blocks/{TYPE}")).await;
    assert_eq!((status, &answer["code"]), (409, &json!("block-in-use")));
    assert!(answer["detail"].as_str().unwrap().contains(id), "{answer}");
    assert_eq!(server.delete(&format!("/workflows/{id}")).await.0, 204);
    let waits = graph(json!([{"id": "it", "type": TYPE, "config": {"times": 1, "ms": 600_000}}]), &[]);
    let execution = server.submit(&waits, &json!(null)).await;
    assert!(server.follow(&execution, |entry| entry["event"] == "node.waiting").await);
    let (status, answer) = server.delete(&format!("/blocks/{TYPE}")).await;
    assert_eq!(status, 409);
    assert!(answer["detail"].as_str().unwrap().contains(&execution), "{answer}");
    server.post(&format!("/executions/{execution}/cancel"), &json!({})).await;
    server.ended(&execution).await;
    assert_eq!(server.delete(&format!("/blocks/{TYPE}")).await.0, 204);
    assert_eq!(server.get(&format!("/blocks/{TYPE}")).await.0, 404);
    assert_eq!(server.delete(&format!("/blocks/{TYPE}")).await.0, 404);
    assert_eq!(server.delete("/blocks/core.filter").await.1["code"], "not-uploaded");
    // Its grant went with it.
    assert_eq!(uploaded(&server, versioned(1)).await["status"], "pending");
    server.terminate().await;
}
