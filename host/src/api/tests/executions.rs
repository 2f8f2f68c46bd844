//! Running workflows and looking at what came of it.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use super::super::testing::{Server, filter_workflow};

/// Splits numbers and, for each big one, makes a text of it.
fn fan_out() -> Value {
    json!({
        "workflowId": "fan",
        "nodes": [
            filter_workflow("")["nodes"][0].clone(),
            {"id": "each", "type": "core.transform", "config": {"expression": "1 // input.n"},
             "forEach": {"items": "{{ input }}", "onItemError": "collect"}},
            {"id": "none", "type": "core.branch", "config": {"branches": [{"port": "x", "when": "false"}]}},
            {"id": "after", "type": "core.transform", "config": {"expression": "input"}},
        ],
        "edges": [
            {"source": "big", "sourcePort": "rejected", "target": "each"},
            {"source": "big", "target": "none"},
            {"source": "none", "sourcePort": "x", "target": "after"},
        ],
    })
}

#[tokio::test]
async fn waiting_answers_with_the_execution_and_not_waiting_with_ids() {
    let server = Server::start().await;
    server.post("/workflows", &filter_workflow("w")).await;
    let big = "123456789012345678901234567890";
    let body = format!("{{\"input\": [{{\"n\": 5, \"big\": {big}}}], \"metadata\": {{\"tag\": 1}}}}");
    let ran = server.send_text("POST", "/workflows/w/execute?wait=10.5", "application/json", &body).await;
    assert_eq!(ran.status, 200, "{}", ran.text());
    let execution = ran.json();
    assert_eq!((&execution["status"], &execution["workflowVersion"]), (&json!("completed"), &json!(1)));
    assert_eq!(execution["metadata"], json!({"tag": 1}));
    assert!(execution.get("nodes").is_none() && execution.get("timeline").is_none());
    assert!(ran.text().contains(&format!("\"input\":[{{\"n\": 5, \"big\": {big}}}]")), "{}", ran.text());

    let accepted = server.post("/workflows/w/execute", &json!({"input": []})).await;
    assert_eq!(accepted.status, 202);
    let location = accepted.header("location").to_owned();
    assert_eq!(location, format!("/executions/{}", accepted.json()["executionId"].as_str().unwrap()));
    // Accepted means that it can be seen from then on.
    assert_eq!(server.get(&location).await.json()["jobId"], accepted.json()["jobId"]);
    assert_eq!(server.get(&format!("{location}/events")).await.status, 200);
    let list = server.get("/workflows/w/executions?status=completed").await.json();
    assert_eq!(list["items"].as_array().unwrap().len(), 2);
    assert_eq!(server.call("POST", &format!("{location}/cancel")).await.problem(), (409, "already-ended".to_owned()));
    assert_eq!(server.post("/workflows/w/execute?wait=-1", &json!({})).await.problem().0, 400);
    assert_eq!(server.post("/workflows/w/execute", &json!({"version": 9})).await.problem().0, 404);
}

#[tokio::test]
async fn all_nodes_are_shown_with_their_items() {
    let server = Server::start().await;
    let request = json!({"workflowDefinition": fan_out(), "input": [{"n": 1}, {"n": 0}, {"n": 7}]});
    let ran = server.post("/workflows/execute?wait=100&include=nodes,timeline", &request).await.json();
    assert_eq!(ran["status"], "completed", "{ran:#}");
    let nodes = ran["nodes"].as_object().unwrap();
    assert_eq!(nodes.keys().collect::<Vec<_>>(), ["big", "each", "none", "after"]);
    assert_eq!(nodes["big"]["output"], json!([{"n": 7}]));
    assert_eq!(nodes["after"]["status"], "skipped");
    let items = nodes["each"]["items"].as_array().unwrap();
    assert_eq!((&items[0]["status"], &items[0]["output"]), (&json!("completed"), &json!(1)));
    assert_eq!((&items[1]["status"], &items[1]["output"]), (&json!("failed"), &Value::Null));
    assert!(items[1]["error"]["message"].is_string() && items[0]["executionTime"].is_number(), "{items:?}");
    let timeline = ran["timeline"].as_array().unwrap();
    assert_eq!(timeline[0]["event"], "execution.started");
    assert_eq!(timeline.last().unwrap()["event"], "execution.completed");
    let read = server.get(&format!("/executions/{}", ran["executionId"].as_str().unwrap())).await.json();
    assert_eq!((&read["nodes"], &read["timeline"]), (&ran["nodes"], &ran["timeline"]));
}

#[tokio::test]
async fn a_failed_execution_is_an_answer() {
    let server = Server::start().await;
    let node = json!({"id": "divide", "type": "core.transform", "config": {"expression": "1 // input"}});
    let request = json!({"workflowDefinition": {"nodes": [node]}, "input": 0});
    let ran = server.post("/workflows/execute?wait=10", &request).await;
    assert_eq!((ran.status.as_u16(), ran.json()["status"].clone()), (200, json!("failed")));
    assert_eq!(ran.json()["error"]["nodeId"], "divide");
    let inline_version = server.post("/workflows/execute", &json!({"workflowDefinition": {}, "version": 1})).await;
    assert!(inline_version.json()["detail"].as_str().unwrap().contains("unknown field `version`"));
}

#[tokio::test]
async fn events_are_replayed_after_the_last_one_seen() {
    let server = Server::start().await;
    let request = json!({"workflowDefinition": filter_workflow("w"), "input": []});
    let ran = server.post("/workflows/execute?wait=10", &request).await.json();
    let path = format!("/executions/{}/events", ran["executionId"].as_str().unwrap());
    let all = server.get(&path).await;
    assert_eq!(all.header("content-type"), "text/event-stream");
    let text = all.text();
    let ids: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("id: ")).collect();
    let names: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!(names, ["execution.started", "node.started", "node.completed", "execution.completed"]);
    let data: Vec<Value> =
        text.lines().filter_map(|line| line.strip_prefix("data: ")).map(|d| serde_json::from_str(d).unwrap()).collect();
    assert_eq!((&data[1]["nodeId"], &data[1]["seq"]), (&json!("big"), &json!(2)));

    let resumed = Request::get(&path).header("last-event-id", ids[1]).body(Body::empty()).unwrap();
    let resumed = server.send(resumed).await.text();
    assert_eq!(resumed.lines().filter(|line| line.starts_with("id: ")).count(), 2);
    let after = server.get(&format!("{path}?after={}", ids[2])).await.text();
    assert!(after.contains("execution.completed") && !after.contains("node.completed"));
    for bad in ["x", "-1", "1.5"] {
        let request = Request::get(&path).header("last-event-id", bad).body(Body::empty()).unwrap();
        assert_eq!(server.send(request).await.problem(), (400, "invalid-last-event-id".to_owned()));
    }
}

#[tokio::test]
async fn streams_are_limited_and_their_places_given_back() {
    let config = crate::config::ApiConfig { max_streams: 1, ..crate::config::ApiConfig::default() };
    let server = Server::start_with(config).await;
    let request = json!({"workflowDefinition": filter_workflow("w"), "input": []});
    let ran = server.post("/workflows/execute?wait=10", &request).await.json();
    let path = format!("/executions/{}/events", ran["executionId"].as_str().unwrap());
    assert_eq!(server.get(&path).await.status, 200);
    assert_eq!(server.get(&path).await.status, 200);
    let held = server.state.streams().clone().acquire_owned().await.unwrap();
    let refused = server.get(&path).await;
    assert_eq!(refused.problem(), (503, "too-many-streams".to_owned()));
    assert_eq!(refused.header("retry-after"), "1");
    drop(held);
    assert_eq!(server.get(&path).await.status, 200);
}

/// Fails, and waits for an hour or so before it tries again.
fn patient(id: &str) -> Value {
    let retry = json!({"maxAttempts": 2, "initialDelayMs": 1u64 << 40, "maxDelayMs": 1u64 << 40, "retryOn": ["expression-error"]});
    let node = json!({"id": "slow", "type": "core.transform", "config": {"expression": "1 // input"}, "retry": retry});
    json!({"workflowId": id, "nodes": [node, {"id": "next", "type": "core.transform", "config": {"expression": "1"}}],
        "edges": [{"source": "slow", "target": "next"}]})
}

#[tokio::test]
async fn what_takes_longer_than_the_wait_goes_on_until_it_is_cancelled() {
    let server = Server::start().await;
    assert_eq!(server.post("/workflows", &patient("p")).await.status, 201);
    let start = async || {
        let accepted = server.post("/workflows/p/execute?wait=0.2", &json!({"input": 0})).await;
        assert_eq!((accepted.status.as_u16(), accepted.json()["status"].clone()), (202, json!("processing")));
        accepted.header("location").to_owned()
    };
    let path = start().await;
    let running = server.get(&path).await.json();
    assert_eq!((&running["status"], &running["nodes"]["slow"]["status"]), (&json!("running"), &json!("retrying")));
    assert_eq!(running["nodes"]["next"]["status"], "pending");
    let cancelled = server.call("POST", &format!("{path}/cancel")).await;
    assert_eq!((cancelled.status.as_u16(), cancelled.json()["status"].clone()), (200, json!("cancelled")));
    assert_eq!(server.get(&path).await.json()["nodes"]["slow"]["status"], "cancelled");

    let (one, other) = (start().await, start().await);
    let all = server.call("POST", "/workflows/p/cancel").await.json();
    assert_eq!(all["cancelled"].as_array().unwrap().len(), 2);
    for path in [one, other] {
        assert_eq!(server.get(&path).await.json()["status"], "cancelled");
    }
    assert_eq!(server.call("POST", "/workflows/p/cancel").await.json(), json!({"cancelled": []}));
    assert_eq!(server.call("POST", "/workflows/none/cancel").await.problem().0, 404);
}

#[tokio::test]
async fn closing_ends_streams_and_answers_those_who_wait() {
    let server = Server::start().await;
    let request = json!({"workflowDefinition": patient("p"), "input": 0});
    let path = server.post("/workflows/execute?wait=0", &request).await.header("location").to_owned();
    let events = format!("{path}/events");
    let closing = async {
        tokio::task::yield_now().await;
        server.state.close();
    };
    let (stream, waiter, ()) =
        tokio::join!(server.get(&events), server.post("/workflows/execute?wait=60", &request), closing);
    assert_eq!((stream.status.as_u16(), waiter.status.as_u16()), (200, 202));
    server.call("POST", &format!("{path}/cancel")).await;
}
