//! Jobs and queues.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use super::super::testing::{Server, filter_workflow};

const AUDIENCE: &str = "23850000000000001";

fn filter_job() -> Value {
    let config = filter_workflow("w")["nodes"][0]["config"].clone();
    json!({"type": "BLOCK", "payload": {"block": "core.filter", "config": config, "input": [{"n": 1}, {"n": 2}]}})
}

fn failing_job() -> Value {
    let payload = json!({"block": "core.transform", "config": {"expression": "1 // input"}, "input": 0});
    json!({"type": "BLOCK", "payload": payload})
}

fn workflow_job(input: Value) -> Value {
    json!({"type": "WORKFLOW", "payload": {"workflowDefinition": filter_workflow("w"), "input": input}})
}

/// A job that stays where it is put: its queue is paused.
async fn waiting_job(server: &Server) -> String {
    server.call("POST", "/queues/default/pause").await;
    let accepted = server.post("/jobs", &filter_job()).await;
    assert_eq!(accepted.status, 202, "{}", accepted.text());
    accepted.json()["jobId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn each_type_of_job_has_its_result() {
    let server = Server::start().await;
    assert_eq!(server.post("/workflows", &filter_workflow("w")).await.status, 201);
    let people = json!([{"email": "mary@example.com"}]);
    let search = json!({"source": "instagram", "urls": ["@ada.example"], "limit": 5, "mode": "demo"});
    let search = json!({"type": "SEARCH", "payload": search});
    let query = json!({"source": "instagram", "query": "{{ 7 * 7 }} é", "mode": "demo"});
    let query = json!({"type": "SEARCH", "payload": query});
    let upload = json!({"audienceId": AUDIENCE, "people": people, "operation": "add", "mode": "demo"});
    let upload = json!({"type": "UPLOAD_TO_META", "payload": upload});
    let saved = json!({"type": "WORKFLOW", "payload": {"workflowId": "w", "input": [{"n": 7}]}});
    for (request, queue, pointer, expected) in [
        (filter_job(), "default", "/result/0/n", json!(2)),
        (search, "search", "/result/posts/0/username", json!("ada.example")),
        (query, "search", "/result/posts/0/comments", json!(4)),
        (upload, "upload", "/result/audience_id", json!(AUDIENCE)),
        (saved, "workflow", "/result/0/n", json!(7)),
        (workflow_job(json!([{"n": 3}])), "workflow", "/result/0/n", json!(3)),
    ] {
        let answer = server.post("/jobs?wait=100", &request).await;
        let job = answer.json();
        assert_eq!((answer.status.as_u16(), &job["status"]), (200, &json!("completed")), "{job}");
        assert_eq!(job.pointer(pointer), Some(&expected), "{job}");
        assert_eq!((&job["type"], &job["queue"], &job["progress"]), (&request["type"], &json!(queue), &json!(100.0)));
        assert_eq!(job["executionId"], job["id"]);
        assert!(job["error"].is_null() && job["endedAt"].is_i64() && job["attempts"] == 1, "{job}");
        let read = server.get(&format!("/jobs/{}", job["id"].as_str().unwrap())).await.json();
        assert_eq!(read, job);
    }
}

#[tokio::test]
async fn a_job_tells_what_it_was_asked() {
    let server = Server::start().await;
    server.post("/workflows", &filter_workflow("w")).await;
    let block = server.post("/jobs?wait=100", &filter_job()).await.json();
    assert_eq!(block["payload"], filter_job()["payload"]);
    let metadata = json!({"ticket": "é"});
    let payload = json!({"workflowId": "w", "input": [{"n": 7}], "metadata": metadata, "variables": {"a": 1}});
    let saved = server.post("/jobs?wait=100", &json!({"type": "WORKFLOW", "payload": payload})).await.json();
    let expected = json!({"workflowId": "w", "version": 1, "input": [{"n": 7}], "mode": "production",
        "variables": {"a": 1}, "metadata": metadata});
    assert_eq!(saved["payload"], expected);
    let inline = server.post("/jobs?wait=100", &workflow_job(json!([]))).await.json();
    let definition = &inline["payload"]["workflowDefinition"];
    assert_eq!((&definition["nodes"][0]["id"], &inline["payload"]["workflowId"]), (&json!("big"), &json!("w")));
    // Executions are jobs, however they are started.
    let run = server.post("/workflows/w/execute?wait=100", &json!({"input": [{"n": 9}]})).await.json();
    let job = server.get(&format!("/jobs/{}", run["jobId"].as_str().unwrap())).await.json();
    assert_eq!((&job["type"], &job["result"]), (&json!("WORKFLOW"), &json!([{"n": 9}])));
    let events: Vec<_> = job["timeline"].as_array().unwrap().iter().map(|entry| entry["event"].clone()).collect();
    assert_eq!(events.first(), Some(&json!("job.created")));
    assert_eq!(events.last(), Some(&json!("job.completed")));
    let progress: Vec<f64> =
        job["timeline"].as_array().unwrap().iter().map(|entry| entry["progress"].as_f64().unwrap()).collect();
    assert!(progress.starts_with(&[0.0, 5.0]) && progress.ends_with(&[95.0, 100.0]), "{progress:?}");
    assert!(progress.is_sorted(), "{progress:?}");
    assert!(job.get("timelineOmitted").is_none());
}

#[tokio::test]
async fn a_failed_job_is_an_answer_with_its_error() {
    let server = Server::start().await;
    let mut job = failing_job();
    job["name"] = json!("näme 名 \u{202e}");
    let failed = server.post("/jobs?wait=100", &job).await.json();
    assert_eq!((&failed["status"], &failed["name"]), (&json!("failed"), &job["name"]));
    assert!(failed["error"]["message"].is_string() && failed["result"].is_null(), "{failed}");
    let progress = server.get(&format!("/jobs/{}/progress", failed["id"].as_str().unwrap())).await.json();
    assert_eq!((&progress["status"], &progress["error"]), (&json!("failed"), &failed["error"]));
    assert_eq!((&progress["completedNodes"], &progress["totalNodes"]), (&json!(0), &json!(1)));
    assert!(progress.get("currentStep").is_none() && progress["executionTime"].is_i64(), "{progress}");
}

#[tokio::test]
async fn what_is_wrong_with_a_payload_is_pointed_at() {
    let server = Server::start().await;
    let wrong = async |job_type: &str, payload: Value| {
        let answer = server.post("/jobs", &json!({"type": job_type, "payload": payload})).await;
        let (status, code) = answer.problem();
        (status, code, answer.json()["errors"][0]["pointer"].as_str().unwrap_or("-").to_owned())
    };
    let invalid = |pointer: &str| (422, "invalid-job".to_owned(), pointer.to_owned());
    let search = |change: Value| {
        let mut payload = json!({"source": "instagram"});
        payload.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        payload
    };
    let upload = |id: Value, people: Value| json!({"audienceId": id, "people": people, "operation": "add"});
    for (job_type, payload, pointer) in [
        ("SEARCH", json!(7), "/payload"),
        ("SEARCH", json!({"source": "ticktock", "query": "x"}), "/payload/source"),
        ("SEARCH", search(json!({})), "/payload"),
        ("SEARCH", search(json!({"query": "x", "limit": 0})), "/payload/limit"),
        ("SEARCH", search(json!({"query": "x", "limit": -1})), "/payload/limit"),
        ("SEARCH", search(json!({"urls": ["a", 7]})), "/payload/urls/1"),
        ("SEARCH", search(json!({"query": "x", "exchanges": []})), "/payload/exchanges"),
        ("SEARCH", search(json!({"query": "x", "mode": "test", "exchanges": [{}]})), "/payload/exchanges"),
        ("UPLOAD_TO_META", upload(json!("{{ input }}"), json!([])), "/payload/audienceId"),
        ("UPLOAD_TO_META", upload(json!(7), json!([])), "/payload/audienceId"),
        ("UPLOAD_TO_META", upload(json!("7"), json!([{}, "x"])), "/payload/people/1"),
        ("BLOCK", json!({"block": "core.none"}), "/payload/block"),
        ("BLOCK", json!({"block": "Odd Name"}), "/payload/block"),
        ("BLOCK", json!({"block": "core.filter@1", "version": "1"}), "/payload/version"),
        ("BLOCK", json!({"block": "core.filter", "config": {"conditions": 7}}), "/payload/config/conditions"),
        ("WORKFLOW", json!({}), "/payload"),
        ("WORKFLOW", json!({"workflowDefinition": {"nodes": 7}}), "/payload/workflowDefinition/nodes"),
        ("WORKFLOW", json!({"workflowId": "w", "colour": 7}), "/payload/colour"),
        ("WORKFLOW", json!({"workflowDefinition": filter_workflow("w"), "version": 1}), "/payload/version"),
    ] {
        let found = wrong(job_type, payload.clone()).await;
        assert!(found.2.starts_with(pointer), "{job_type} {payload}: {found:?}");
        assert_eq!((found.0, found.1), (422, "invalid-job".to_owned()), "{job_type} {payload}");
    }
    assert_eq!(wrong("WEBHOOK", json!({})).await, invalid("/type"));
    assert_eq!(wrong("WORKFLOW", json!({"workflowId": "none"})).await.0, 404);
    assert_eq!(wrong("WORKFLOW", json!({"workflowId": "none", "version": 3})).await.1, "unknown-workflow");
    assert_eq!(wrong("workflow", json!({})).await.0, 400);
    let stats = server.get("/jobs/stats").await.json();
    assert_eq!(stats["total"], 0, "nothing was made");
}

#[tokio::test]
async fn odd_treatments_are_refused() {
    let server = Server::start().await;
    for (member, value, status, code) in [
        ("priority", json!(i64::MAX), 422, "invalid-job"),
        ("priority", json!(1e300), 400, "invalid-request"),
        ("delay", json!(-1), 422, "invalid-job"),
        ("delay", json!(i64::MAX), 422, "invalid-job"),
        ("delay", json!("soon"), 400, "invalid-request"),
        ("runAt", json!(i64::MIN), 422, "invalid-job"),
        ("runAt", json!(i64::MAX), 422, "invalid-job"),
        ("maxAttempts", json!(0), 422, "invalid-job"),
        ("maxAttempts", json!(1_000_000), 422, "invalid-job"),
        ("name", json!(""), 422, "invalid-job"),
        ("name", json!("n".repeat(1000)), 422, "invalid-job"),
        ("queue", json!("none"), 422, "unknown-queue"),
        ("queue", json!("*users*"), 422, "unknown-queue"),
        ("idempotencyKey", json!(""), 400, "invalid-idempotency-key"),
        ("idempotencyKey", json!("é"), 400, "invalid-idempotency-key"),
        ("idempotencyKey", json!("k".repeat(1 << 20)), 400, "invalid-idempotency-key"),
        ("webhook", json!({"url": "ftp://example.com", "events": ["job:completed"]}), 422, "invalid-job"),
        ("webhook", json!({"url": "https://example.com", "events": ["job:done"]}), 422, "invalid-job"),
        ("colour", json!("red"), 400, "invalid-request"),
    ] {
        let mut job = filter_job();
        job[member] = value;
        assert_eq!(server.post("/jobs", &job).await.problem(), (status, code.to_owned()), "{member}");
    }
    for bad in ["/jobs?wait=-1", "/jobs?wait=NaN", "/jobs?colour=red"] {
        assert_eq!(server.post(bad, &filter_job()).await.problem().0, 400, "{bad}");
    }
    for bad in ["/jobs?status=odd", "/jobs?type=x", "/jobs?limit=0", "/jobs?cursor=x", "/jobs/stats?window=0"] {
        assert_eq!(server.get(bad).await.problem().0, 400, "{bad}");
    }
    for unknown in ["/jobs/none", "/jobs/none/progress", "/jobs/%00"] {
        assert_eq!(server.get(unknown).await.problem(), (404, "unknown-job".to_owned()), "{unknown}");
    }
    for unknown in ["/jobs/none/cancel", "/jobs/none/retry"] {
        assert_eq!(server.call("POST", unknown).await.problem(), (404, "unknown-job".to_owned()), "{unknown}");
    }
    assert_eq!(server.get("/jobs/stats").await.json()["total"], 0, "nothing was made");
}

#[tokio::test]
async fn a_delayed_job_waits_and_can_be_cancelled() {
    let server = Server::start().await;
    let mut job = filter_job();
    job["delay"] = json!(3_600_000);
    job["priority"] = json!(-5);
    let accepted = server.post("/jobs", &job).await;
    assert_eq!((accepted.status.as_u16(), &accepted.json()["status"]), (202, &json!("delayed")));
    let path = accepted.header("location").to_owned();
    let read = server.get(&path).await.json();
    assert_eq!(read["runAt"].as_i64().unwrap() - read["createdAt"].as_i64().unwrap(), 3_600_000);
    assert_eq!((&read["priority"], &read["progress"]), (&json!(-5), &json!(0.0)));
    let progress = server.get(&format!("{path}/progress")).await.json();
    assert_eq!((&progress["completedNodes"], &progress["totalNodes"]), (&json!(0), &json!(1)));
    assert!(progress.get("executionTime").is_none() && progress.get("error").is_none(), "{progress}");
    assert_eq!(server.call("POST", &format!("{path}/retry")).await.problem(), (409, "not-ended".to_owned()));

    let cancelled = server.call("POST", &format!("{path}/cancel")).await.json();
    assert_eq!(cancelled["status"], "cancelled");
    let execution = server.get(&format!("/executions/{}", read["executionId"].as_str().unwrap())).await.json();
    assert_eq!(execution["status"], "cancelled");
    assert_eq!(server.call("POST", &format!("{path}/cancel")).await.problem(), (409, "already-ended".to_owned()));
    // What is due already begins at once.
    job.as_object_mut().unwrap().remove("delay");
    job["runAt"] = json!(5);
    assert_eq!(server.post("/jobs?wait=100", &job).await.json()["status"], "completed");
    let run = json!({"input": [], "workflowDefinition": filter_workflow("w"), "delay": 3_600_000, "queue": "search"});
    let delayed = server.post("/workflows/execute", &run).await.json();
    assert_eq!(delayed["status"], "delayed");
    let path = format!("/jobs/{}", delayed["jobId"].as_str().unwrap());
    assert_eq!(server.get(&path).await.json()["queue"], "search");
    // The other way round: the execution takes its job with it.
    let execution = delayed["executionId"].as_str().unwrap();
    server.call("POST", &format!("/executions/{execution}/cancel")).await;
    assert_eq!(server.get(&path).await.json()["status"], "cancelled");
}

#[tokio::test]
async fn jobs_are_listed_by_what_they_are() {
    let server = Server::start().await;
    for _ in 0..3 {
        server.post("/jobs?wait=100", &filter_job()).await;
    }
    server.post("/jobs?wait=100", &workflow_job(json!([]))).await;
    let listed = async |query: &str| {
        let page = server.get(&format!("/jobs{query}")).await.json();
        (page["items"].as_array().unwrap().len(), page["nextCursor"].clone())
    };
    assert_eq!(listed("").await, (4, Value::Null));
    assert_eq!(listed("?type=BLOCK").await.0, 3);
    assert_eq!(listed("?queue=workflow&status=completed").await.0, 1);
    assert_eq!(listed("?status=failed").await.0, 0);
    assert_eq!(listed("?flowId=none").await.0, 0);
    let (first, cursor) = listed("?limit=3").await;
    let (rest, end) = listed(&format!("?limit=3&cursor={}", cursor.as_str().unwrap())).await;
    assert_eq!((first, rest, end), (3, 1, Value::Null));
    let newest = &server.get("/api/jobs?limit=1").await.json()["items"][0];
    assert_eq!((&newest["type"], &newest["progress"]), (&json!("WORKFLOW"), &json!(100.0)));
    assert!(newest.get("payload").is_none() && newest.get("timeline").is_none());
}

#[tokio::test]
async fn a_retry_makes_a_new_job() {
    let server = Server::start().await;
    let mut job = filter_job();
    job["queue"] = json!("upload");
    job["name"] = json!("mine");
    let first = server.post("/jobs?wait=100", &job).await.json();
    let path = format!("/jobs/{}", first["id"].as_str().unwrap());
    let again = server.call("POST", &format!("{path}/retry")).await;
    assert_eq!((again.status.as_u16(), &again.json()["retryOf"]), (202, &first["id"]));
    assert_ne!(again.json()["jobId"], first["id"]);
    let second = server.call("POST", &format!("{path}/retry?wait=100")).await.json();
    assert_ne!(second["id"], first["id"]);
    for member in ["type", "queue", "payload", "result", "name", "maxAttempts"] {
        assert_eq!(second[member], first[member], "{member}");
    }
    let inline = server.post("/jobs?wait=100", &workflow_job(json!([{"n": 5}]))).await.json();
    let path = format!("/jobs/{}/retry", inline["id"].as_str().unwrap());
    let retry = async || {
        let request = Request::post(path.as_str()).header("idempotency-key", "again");
        server.send(request.body(Body::empty()).unwrap()).await
    };
    let (one, other) = (retry().await, retry().await);
    assert_eq!(one.json()["jobId"], other.json()["jobId"]);
    assert_eq!((one.header("idempotency-replayed"), other.header("idempotency-replayed")), ("", "true"));
}

#[tokio::test]
async fn a_paused_queue_begins_nothing() {
    let server = Server::start().await;
    let id = waiting_job(&server).await;
    let path = format!("/jobs/{id}");
    let again = server.call("POST", "/queues/default/pause").await.json();
    assert_eq!((&again["paused"], &again["counts"]["pending"]), (&json!(true), &json!(1)));
    assert!(again["pausedAt"].is_i64());
    let mut waits = filter_job();
    waits["name"] = json!("second");
    assert_eq!(server.post("/jobs?wait=0.05", &waits).await.json()["status"], "pending");
    // Others are in nobody's way.
    assert_eq!(server.post("/jobs?wait=100", &workflow_job(json!([]))).await.status, 200);
    assert_eq!(server.get(&path).await.json()["status"], "pending");
    let resumed = server.call("POST", "/queues/default/resume").await.json();
    assert_eq!((&resumed["paused"], &resumed["concurrency"]), (&json!(false), &Value::Null));
    let ended = server.get(&format!("{path}/events")).await.text();
    assert!(ended.contains("job.completed"), "{ended}");

    let queues = server.get("/queues").await.json();
    let names: Vec<_> = queues["items"].as_array().unwrap().iter().map(|queue| queue["name"].clone()).collect();
    assert_eq!(names, ["default", "search", "upload", "workflow", "webhooks"]);
    let unknown = server.call("POST", "/queues/none/pause").await;
    assert_eq!(unknown.problem(), (404, "unknown-queue".to_owned()));
    let audit = server.get("/audit").await.json();
    let actions: Vec<_> = audit["items"].as_array().unwrap().iter().map(|entry| entry["action"].clone()).collect();
    assert_eq!(actions, ["queue.resumed", "queue.paused"]);
}

#[tokio::test]
async fn statistics_count_and_measure() {
    let server = Server::start().await;
    for _ in 0..4 {
        server.post("/jobs?wait=100", &filter_job()).await;
    }
    server.post("/jobs?wait=100", &failing_job()).await;
    waiting_job(&server).await;
    let stats = server.get("/jobs/stats?window=60").await.json();
    assert_eq!(stats["total"], 6);
    assert_eq!(stats["byType"]["BLOCK"], json!({"completed": 4, "failed": 1, "pending": 1}));
    assert_eq!(stats["byStatus"]["completed"], 4);
    assert_eq!(stats["byQueue"]["default"]["pending"], 1);
    assert_eq!(stats["throughput"], json!({"lastMinute": 5, "lastHour": 5}));
    let times = &stats["times"];
    assert_eq!((&times["jobs"], &times["windowSeconds"], &times["truncated"]), (&json!(5), &json!(60), &json!(false)));
    for percentile in ["p50", "p95", "p99"] {
        assert!(times["waitMs"][percentile].is_i64() && times["runMs"][percentile].is_i64(), "{times}");
    }
}

#[tokio::test]
async fn a_job_that_cannot_be_loaded_is_dead_after_its_attempts_and_can_be_retried() {
    let server = Server::start().await;
    server.call("POST", "/queues/default/pause").await;
    let mut job = filter_job();
    job["maxAttempts"] = json!(2);
    let path = server.post("/jobs", &job).await.header("location").to_owned();
    server.state.store.spoil("UPDATE documents SET body = '{' || body").await;
    server.call("POST", "/queues/default/resume").await;
    // The stream ends with the job.
    let events = server.get(&format!("{path}/events")).await.text();
    assert!(events.contains("job.failed"), "{events}");
    let dead = server.get(&path).await.json();
    assert_eq!((&dead["status"], &dead["attempts"]), (&json!("dead"), &json!(2)), "{dead}");
    assert_eq!(dead["error"]["code"], "attempts-exhausted");
    assert_eq!(server.get("/jobs?status=dead").await.json()["items"].as_array().unwrap().len(), 1);
    server.state.store.spoil("UPDATE documents SET body = substr(body, 2)").await;
    let retried = server.call("POST", &format!("{path}/retry?wait=100")).await.json();
    assert_eq!((&retried["status"], &retried["maxAttempts"]), (&json!("completed"), &json!(2)));
}

#[tokio::test]
async fn a_sweep_keeps_what_is_young() {
    let server = Server::start().await;
    let job = server.post("/jobs?wait=100", &filter_job()).await.json();
    assert_eq!(server.state.queue.sweep().await.unwrap(), 0);
    server.state.store.spoil("UPDATE jobs SET ended_at = 5").await;
    assert_eq!(server.state.queue.sweep().await.unwrap(), 1);
    let gone = server.get(&format!("/jobs/{}", job["id"].as_str().unwrap())).await;
    assert_eq!(gone.problem(), (404, "unknown-job".to_owned()));
    assert_eq!(server.get("/jobs").await.json()["items"], json!([]));
}
