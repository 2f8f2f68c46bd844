//! Requests that are sent again with their key.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use super::super::testing::{Answer, Server, filter_workflow};

fn filter_job() -> Value {
    let config = filter_workflow("w")["nodes"][0]["config"].clone();
    json!({"type": "BLOCK", "payload": {"block": "core.filter", "config": config, "input": [{"n": 1}, {"n": 2}]}})
}

async fn with_key(server: &Server, path: &str, key: &str, body: &Value) -> Answer {
    let request = Request::post(path).header("content-type", "application/json").header("idempotency-key", key);
    server.send(request.body(Body::from(body.to_string())).unwrap()).await
}

#[tokio::test]
async fn the_same_key_gives_back_the_same_job() {
    let server = Server::start().await;
    let first = with_key(&server, "/jobs", "k", &filter_job()).await;
    assert_eq!((first.status.as_u16(), first.header("idempotency-replayed")), (202, ""));
    let second = with_key(&server, "/jobs?wait=100", "k", &filter_job()).await;
    assert_eq!((second.status.as_u16(), second.header("idempotency-replayed")), (200, "true"));
    assert_eq!((&second.json()["id"], &second.json()["status"]), (&first.json()["jobId"], &json!("completed")));
    let third = with_key(&server, "/jobs", "k", &filter_job()).await;
    assert_eq!((third.status.as_u16(), &third.json()["status"]), (202, &json!("completed")));
    // In the body it is the same.
    let mut in_body = filter_job();
    in_body["idempotencyKey"] = json!("k");
    assert_eq!(server.post("/jobs", &in_body).await.json()["jobId"], first.json()["jobId"]);
    let differing = with_key(&server, "/jobs", "other", &in_body).await;
    assert_eq!(differing.problem(), (400, "invalid-idempotency-key".to_owned()));
    let mut other = filter_job();
    other["priority"] = json!(1);
    let reused = with_key(&server, "/jobs", "k", &other).await;
    assert_eq!(reused.problem(), (422, "idempotency-key-reused".to_owned()));
    assert_eq!(server.get("/jobs/stats").await.json()["total"], 1);
    for bad in ["", "a b", &"k".repeat(256)] {
        let refused = with_key(&server, "/jobs", bad, &filter_job()).await;
        assert_eq!(refused.problem(), (400, "invalid-idempotency-key".to_owned()));
    }
}

#[tokio::test]
async fn two_requests_at_once_make_one_job() {
    let server = Server::start().await;
    let body = filter_job();
    let requests = (0..16).map(|_| with_key(&server, "/jobs?wait=100", "same", &body));
    let answers = futures::future::join_all(requests).await;
    let ids: std::collections::HashSet<_> =
        answers.iter().map(|answer| answer.json()["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), 1);
    let replayed = answers.iter().filter(|answer| answer.header("idempotency-replayed") == "true").count();
    assert_eq!(replayed, 15);
}

#[tokio::test]
async fn keys_hold_for_executions_and_saved_workflows_too() {
    let server = Server::start().await;
    let one = with_key(&server, "/workflows", "k", &filter_workflow("w")).await;
    let other = with_key(&server, "/workflows", "k", &filter_workflow("w")).await;
    assert_eq!((one.status.as_u16(), other.status.as_u16()), (201, 201));
    assert_eq!((one.json(), one.header("location")), (other.json(), other.header("location")));
    assert_eq!((one.header("idempotency-replayed"), other.header("idempotency-replayed")), ("", "true"));
    let reused = with_key(&server, "/workflows", "k", &filter_workflow("x")).await;
    assert_eq!(reused.problem(), (422, "idempotency-key-reused".to_owned()));
    let conflict = with_key(&server, "/workflows", "new", &filter_workflow("w")).await;
    assert_eq!(conflict.problem(), (409, "workflow-exists".to_owned()));
    // The conflict has used no key.
    assert_eq!(with_key(&server, "/workflows", "new", &filter_workflow("z")).await.status, 201);

    let without_id = json!({"nodes": filter_workflow("w")["nodes"]});
    let one = with_key(&server, "/workflows", "unnamed", &without_id).await.json();
    let other = with_key(&server, "/workflows", "unnamed", &without_id).await.json();
    assert_eq!(one, other);

    let input = json!({"input": [{"n": 4}]});
    let one = with_key(&server, "/workflows/w/execute?wait=100", "run", &input).await;
    let other = with_key(&server, "/workflows/w/execute?wait=100", "run", &input).await;
    assert_eq!((&one.json()["executionId"], other.status.as_u16()), (&other.json()["executionId"], 200));
    assert_eq!(one.json()["output"], other.json()["output"]);
    let elsewhere = with_key(&server, "/workflows/z/execute", "run", &input).await;
    assert_eq!(elsewhere.problem(), (422, "idempotency-key-reused".to_owned()));
}

#[tokio::test]
async fn a_repeat_is_answered_whatever_has_become_of_the_world() {
    let server = Server::start().await;
    server.post("/workflows", &filter_workflow("w")).await;
    let scheduled = json!({"workflowId": "w", "cron": "0 0 1 1 *"});
    let schedule = server.post("/schedules", &scheduled).await.header("location").to_owned();
    let hook = server.post("/triggers", &json!({"workflowId": "w"})).await.json()["path"].as_str().unwrap().to_owned();
    let done = server.post("/jobs?wait=100", &filter_job()).await.json()["id"].as_str().unwrap().to_owned();
    let (run, retry) = (format!("{schedule}/run"), format!("/jobs/{done}/retry"));
    let requests = [
        ("/jobs", json!({"type": "WORKFLOW", "payload": {"workflowId": "w"}})),
        ("/workflows/w/execute", json!({"input": []})),
        ("/flows", json!({"name": "f", "type": "WORKFLOW", "data": {"workflowId": "w"}})),
        ("/schedules", scheduled.clone()),
        ("/triggers", json!({"workflowId": "w"})),
        (hook.as_str(), json!([])),
        (run.as_str(), Value::Null),
        (retry.as_str(), Value::Null),
    ];
    // Keys of jobs are one kind, so that each has its own.
    let send = async |n: usize, body: &Value| with_key(&server, requests[n].0, &format!("k{n}"), body).await;
    let mut first = Vec::new();
    for (n, (path, body)) in requests.iter().enumerate() {
        let answer = send(n, body).await;
        assert!(answer.status.is_success() && answer.header("idempotency-replayed").is_empty(), "{path}");
        first.push(answer);
    }
    assert_eq!(server.call("DELETE", "/workflows/w").await.status, 204);
    assert_eq!(server.call("DELETE", &schedule).await.status, 204);
    server.state.store.spoil("DELETE FROM jobs WHERE type = 'BLOCK'").await;
    for (n, (path, body)) in requests.iter().enumerate() {
        let again = send(n, body).await;
        assert_eq!((again.status, again.header("idempotency-replayed")), (first[n].status, "true"), "{path}");
        for member in ["id", "jobId", "flowId", "executionId"] {
            assert_eq!(again.json().get(member), first[n].json().get(member), "{path}: {member}");
        }
    }
    // Another request with the key is told so, not that there is no such workflow.
    for (n, (path, _)) in requests.iter().enumerate().take(6) {
        let mut other = requests[n].1.clone();
        match &mut other {
            Value::Object(members) => {
                members.extend([(["queue", "mode"][usize::from(n > 2)].to_owned(), json!("demo"))])
            }
            _ => other = json!([7]),
        }
        assert_eq!(send(n, &other).await.problem(), (422, "idempotency-key-reused".to_owned()), "{path}");
    }
}

#[tokio::test]
async fn a_key_runs_a_schedule_once() {
    let server = Server::start().await;
    server.post("/workflows", &filter_workflow("w")).await;
    let schedule = async || {
        let made = server.post("/schedules", &json!({"workflowId": "w", "cron": "0 0 1 1 *", "input": []})).await;
        format!("{}/run", made.header("location"))
    };
    let (one, other) = (schedule().await, schedule().await);
    let answers = futures::future::join_all((0..8).map(|_| with_key(&server, &one, "k", &Value::Null))).await;
    let replayed = answers.iter().filter(|answer| answer.header("idempotency-replayed") == "true").count();
    assert_eq!(replayed, 7);
    for answer in &answers {
        assert_eq!((answer.status.as_u16(), &answer.json()["jobId"]), (202, &answers[0].json()["jobId"]));
        assert_eq!(answer.header("location"), answers[0].header("location"));
    }
    assert_eq!(server.get("/jobs/stats").await.json()["total"], 1);
    let reused = with_key(&server, &other, "k", &Value::Null).await;
    assert_eq!(reused.problem(), (422, "idempotency-key-reused".to_owned()));
    assert_ne!(server.call("POST", &one).await.json()["jobId"], answers[0].json()["jobId"]);
}
