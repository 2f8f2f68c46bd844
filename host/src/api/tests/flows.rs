//! Flows: making them, looking at them, stopping them, and what an update that fails does not break.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;

use super::super::testing::{Answer, Server};
use crate::config::ApiConfig;

/// The data of a job that runs one expression.
fn evaluates(expression: &str, input: &Value) -> Value {
    let node = json!({"id": "it", "type": "core.transform", "config": {"expression": expression}});
    json!({"workflowDefinition": {"workflowId": "w", "nodes": [node]}, "input": input})
}

/// The data of a job that fails, and waits for an hour or so before it tries again.
fn patient() -> Value {
    let delay = 1u64 << 40;
    let retry =
        json!({"maxAttempts": 2, "initialDelayMs": delay, "maxDelayMs": delay, "retryOn": ["expression-error"]});
    let node = json!({"id": "it", "type": "core.transform", "config": {"expression": "1 // input"}, "retry": retry});
    json!({"workflowDefinition": {"workflowId": "w", "nodes": [node]}, "input": 0})
}

fn job(data: Value) -> Value {
    json!({"type": "WORKFLOW", "data": data})
}

/// A root that returns its input, with these children.
fn flow(children: Vec<Value>) -> Value {
    json!({"name": "flow", "type": "WORKFLOW", "data": evaluates("input", &json!({"own": 1})), "children": children})
}

async fn start(server: &Server, flow: &Value) -> (String, Answer) {
    let answer = server.post("/flows", flow).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    (answer.header("location").to_owned(), answer)
}

/// Ask until the answer is so.
async fn until(server: &Server, path: &str, so: impl Fn(&Value) -> bool) -> Value {
    let asking = async {
        loop {
            let answer = server.get(path).await.json();
            if so(&answer) {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asking).await.expect("it becomes so")
}

async fn ended(server: &Server, path: &str) -> Value {
    until(server, path, |flow| flow["endedAt"].is_number()).await
}

fn pointers(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.problem(), (422, "invalid-flow".to_owned()), "{}", answer.text());
    let errors = answer.json()["errors"].as_array().unwrap().clone();
    errors
        .iter()
        .map(|error| format!("{} {}", error["pointer"].as_str().unwrap(), error["code"].as_str().unwrap()))
        .collect()
}

#[tokio::test]
async fn a_root_runs_on_what_came_of_its_children() {
    let server = Server::start().await;
    let failing = json!({"name": "né\u{1f511}", "type": "WORKFLOW", "data": evaluates("1 // input", &json!(0)),
        "failParentOnFailure": false, "queue": "search", "priority": 1_000_000});
    let (path, answer) = start(&server, &flow(vec![job(evaluates("[input]", &json!(5))), failing])).await;
    let accepted = answer.json();
    let id = |n: usize| accepted["jobs"][n]["jobId"].as_str().unwrap().to_owned();
    assert_eq!(path, format!("/flows/{}", accepted["flowId"].as_str().unwrap()));
    assert_eq!((&accepted["jobId"], accepted["jobs"].as_array().unwrap().len()), (&json!(id(0)), 3));
    assert_eq!(accepted["jobs"][2]["name"], "né\u{1f511}");
    assert_eq!(accepted["jobs"][1]["parentId"], accepted["jobId"]);

    let flow = ended(&server, &path).await;
    let counts = [&flow["progress"], &flow["total"], &flow["completed"], &flow["failed"]];
    assert_eq!(counts, [&json!(100.0), &json!(3), &json!(2), &json!(1)], "{flow:#}");
    assert_eq!((&flow["status"], &flow["name"]), (&json!("completed"), &json!("flow")));
    let jobs = &flow["jobs"];
    assert_eq!((&jobs[1]["result"], &jobs[1]["progress"]), (&json!({"value": [5]}), &json!(100.0)));
    assert_eq!((&jobs[2]["queue"], &jobs[2]["error"]["nodeId"]), (&json!("search"), &json!("it")));
    assert!(jobs[2].get("result").is_none() && jobs[1].get("error").is_none());
    let expected = json!({"own": 1, "childrenValues": {id(1): {"value": [5]}},
        "childrenFailures": {id(2): jobs[2]["error"]}});
    assert_eq!(jobs[0]["result"], expected);
    let list = server.get("/flows?status=completed&limit=1").await.json();
    assert_eq!((&list["items"][0]["id"], &list["items"][0]["jobId"]), (&accepted["flowId"], &accepted["jobId"]));
    assert_eq!(server.get("/flows?status=running").await.json()["items"], json!([]));
    assert_eq!(server.get("/flows/none").await.problem(), (404, "unknown-flow".to_owned()));
}

#[tokio::test]
async fn what_is_wrong_is_pointed_at_and_nothing_is_made() {
    let server = Server::start().await;
    let nested = json!({"type": "WORKFLOW", "data": {"workflowId": "none", "version": 3}, "queue": "a/b"});
    let children = vec![
        job(evaluates("input", &json!(1))),
        json!({"type": "WORKFLOW", "data": {"workflowDefinition": {"nodes": [{"id": "x", "type": "no.such"}]}}}),
        json!({"type": "WEBHOOK", "data": {}}),
        json!({"type": "WORKFLOW", "data": evaluates("1", &json!(1)), "queue": "none", "children": [nested]}),
        json!({"type": "WORKFLOW", "data": {"workflowId": 5}}),
        json!({"type": "BLOCK", "data": {"block": "core.filter", "input": [], "mode": "odd"}}),
        json!({"type": "WORKFLOW", "data": null}),
    ];
    assert_eq!(
        pointers(&server.post("/flows", &flow(children)).await),
        [
            "/children/1/data/workflowDefinition/nodes/0/type unknown-block",
            "/children/2/type not-for-clients",
            "/children/3/queue unknown-queue",
            "/children/3/children/0/data/version unknown-workflow",
            "/children/4/data/workflowId invalid-payload",
            "/children/5/data/mode invalid-payload",
            "/children/6/data invalid-payload",
        ]
    );
    for (member, value) in [
        ("name", Value::Null),
        ("type", json!("SLEEP")),
        ("priority", json!(1e30)),
        ("delay", json!("soon")),
        ("failParent", json!(true)),
        ("children", json!({})),
    ] {
        let mut flow = flow(vec![]);
        flow[member] = value;
        assert_eq!(server.post("/flows", &flow).await.problem(), (400, "invalid-request".to_owned()), "{member}");
    }
    assert_eq!(server.get("/flows").await.json(), json!({"items": [], "nextCursor": null}));
}

#[tokio::test]
async fn jobs_of_a_flow_have_the_limits_of_others() {
    let server = Server::start().await;
    let mut first = job(evaluates("1", &json!(1)));
    first["delay"] = json!(-1);
    let mut nested = job(evaluates("1", &json!(1)));
    (nested["maxAttempts"], nested["name"]) = (json!(0), json!(""));
    let mut second = job(evaluates("1", &json!(1)));
    (second["priority"], second["delay"], second["children"]) = (json!(i64::MIN), json!(i64::MAX), json!([nested]));
    let mut flow = flow(vec![first, second]);
    (flow["name"], flow["maxAttempts"]) = (json!("n".repeat(257)), json!(101));
    assert_eq!(
        pointers(&server.post("/flows", &flow).await),
        [
            "/name out-of-range",
            "/maxAttempts out-of-range",
            "/children/0/delay out-of-range",
            "/children/1/priority out-of-range",
            "/children/1/delay out-of-range",
            "/children/1/children/0/name out-of-range",
            "/children/1/children/0/maxAttempts out-of-range",
        ]
    );
    let year = 365_i64 * 24 * 3_600_000;
    flow = json!({"name": "later", "type": "WORKFLOW", "data": evaluates("1", &json!(1)), "delay": year});
    let (path, _) = start(&server, &flow).await;
    let id = server.get(&path).await.json()["jobs"][0]["id"].as_str().unwrap().to_owned();
    let job = server.get(&format!("/jobs/{id}")).await.json();
    assert!(job["runAt"].as_i64().unwrap() - job["createdAt"].as_i64().unwrap() >= year, "{job}");
}

#[tokio::test]
async fn a_parent_that_never_ran_is_not_retried() {
    let server = Server::start().await;
    let (path, answer) = start(&server, &flow(vec![job(evaluates("1 // input", &json!(0)))])).await;
    let accepted = answer.json();
    let failed = ended(&server, &path).await;
    assert_eq!((&failed["jobs"][0]["status"], &failed["status"]), (&json!("failed"), &json!("failed")));
    let retry = |n: usize| format!("/jobs/{}/retry", accepted["jobs"][n]["jobId"].as_str().unwrap());
    let refused = server.call("POST", &retry(0)).await;
    assert_eq!(refused.problem(), (409, "never-ran".to_owned()));
    assert!(refused.text().contains("start the flow again"), "{}", refused.text());
    // Its child ran, and so does one on its own.
    assert_eq!(server.call("POST", &retry(1)).await.status, 202);
    // One that ran has all that it needs.
    let (path, answer) = start(&server, &flow(vec![job(evaluates("1", &json!(0)))])).await;
    ended(&server, &path).await;
    let root = format!("/jobs/{}/retry?wait=100", answer.json()["jobId"].as_str().unwrap());
    let again = server.call("POST", &root).await.json();
    assert_eq!((&again["status"], &again["result"]["own"]), (&json!("completed"), &json!(1)), "{again}");
}

#[tokio::test]
async fn flows_have_a_size_and_a_depth() {
    let server = Server::start().await;
    let child = || json!({"type": "WEBHOOK", "data": null});
    let wide = flow((0..2000).map(|_| child()).collect());
    assert_eq!(pointers(&server.post("/flows", &wide).await), ["/children/999 flow-too-large"]);
    let mut deep = json!({"type": "WEBHOOK", "data": null});
    for _ in 0..16 {
        deep = json!({"type": "WEBHOOK", "data": null, "children": [deep]});
    }
    let place = "/children/0".repeat(16);
    assert_eq!(pointers(&server.post("/flows", &flow(vec![deep])).await), [format!("{place} flow-too-deep")]);
    let many = flow((0..999).map(|_| child()).collect());
    assert_eq!(pointers(&server.post("/flows", &many).await).len(), 100, "not all that is wrong is told");
}

#[tokio::test]
async fn the_largest_flow_is_made_whole() {
    let server = Server::start().await;
    let mut deepest = job(evaluates("1", &json!(null)));
    for _ in 0..14 {
        deepest = json!({"type": "WORKFLOW", "data": evaluates("1", &json!(null)), "children": [deepest]});
    }
    let children =
        (0..984).map(|_| json!({"type": "WORKFLOW", "data": evaluates("1", &json!(null)), "delay": 3_600_000}));
    let (path, answer) = start(&server, &flow(children.chain([deepest]).collect())).await;
    assert_eq!(answer.json()["jobs"].as_array().unwrap().len(), 1000);
    let cancelled = server.call("POST", &format!("{path}/cancel")).await.json();
    assert_eq!((&cancelled["status"], &cancelled["progress"]), (&json!("cancelled"), &json!(100.0)));
}

#[tokio::test]
async fn a_key_makes_one_flow() {
    let server = Server::start().await;
    let send = async |body: &Value| {
        let request = Request::post("/flows").header(header::CONTENT_TYPE, "application/json");
        let request = request.header("idempotency-key", "the-key").body(Body::from(body.to_string())).unwrap();
        server.send(request).await
    };
    let body = flow(vec![job(evaluates("1", &json!(1)))]);
    let (one, other) = tokio::join!(send(&body), send(&body));
    assert_eq!((one.status, other.status), (axum::http::StatusCode::ACCEPTED, axum::http::StatusCode::ACCEPTED));
    assert_eq!(one.json()["jobs"][1]["jobId"], other.json()["jobs"][1]["jobId"]);
    let mut replayed = [one.header("idempotency-replayed"), other.header("idempotency-replayed")];
    replayed.sort_unstable();
    assert_eq!(replayed, ["", "true"]);
    assert_eq!(server.get("/flows").await.json()["items"].as_array().unwrap().len(), 1);
    assert_eq!(send(&flow(vec![])).await.problem(), (422, "idempotency-key-reused".to_owned()));
}

#[tokio::test]
async fn cancelling_stops_all_that_has_not_ended() {
    let server = Server::start().await;
    let inner = json!({"type": "WORKFLOW", "data": evaluates("1", &json!(1)), "children": [job(patient())]});
    let body = flow(vec![job(patient()), inner, job(evaluates("1", &json!(1)))]);
    let (path, _) = start(&server, &body).await;
    until(&server, &path, |flow| {
        let status = |n: usize| flow["jobs"][n]["status"].as_str().unwrap().to_owned();
        flow["completed"] == 1 && status(1) == "processing" && status(3) == "processing"
    })
    .await;
    let cancelled = server.call("POST", &format!("{path}/cancel")).await;
    assert_eq!(cancelled.status, 200, "{}", cancelled.text());
    let flow = cancelled.json();
    let states: Vec<&str> = (0..5).map(|n| flow["jobs"][n]["status"].as_str().unwrap()).collect();
    assert_eq!(states, ["cancelled", "cancelled", "cancelled", "cancelled", "completed"]);
    assert_eq!((&flow["status"], &flow["progress"]), (&json!("cancelled"), &json!(100.0)));
    let root = flow["jobs"][0]["id"].as_str().unwrap();
    assert_eq!(server.get(&format!("/executions/{root}")).await.json()["status"], "cancelled");
    assert_eq!(server.call("POST", &format!("{path}/cancel")).await.problem(), (409, "already-ended".to_owned()));
    assert_eq!(server.call("POST", "/flows/none/cancel").await.problem(), (404, "unknown-flow".to_owned()));
}

#[tokio::test]
async fn data_of_jobs_has_the_id_of_the_flow() {
    let server = Server::start().await;
    let block = json!({"type": "BLOCK", "delay": 3_600_000,
        "data": {"block": "core.transform", "config": {"expression": "input"}, "input": {"big": 7}}});
    let (_, answer) = start(&server, &flow(vec![block])).await;
    let accepted = answer.json();
    let id = accepted["jobs"][1]["jobId"].as_str().unwrap();
    let row = server.state.store.job(&id.into()).await.unwrap().unwrap();
    let payload = row.payload.unwrap().to_value().unwrap();
    assert_eq!((&payload["flowId"], &payload["input"]), (&accepted["flowId"], &json!({"big": 7})));
    assert_eq!(accepted["jobs"][1]["status"], "delayed");
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Log {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn an_update_that_fails_breaks_no_job_and_is_repaired() {
    let log = Log::default();
    // With a single subscriber in the process, a callsite that another test's thread meets first would be off for all.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let subscriber =
        tracing_subscriber::fmt().with_ansi(false).with_max_level(tracing::Level::INFO).with_writer(log.clone());
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    let server = Server::start_in_memory(ApiConfig::default()).await;
    let store = &server.state.store;
    store.spoil("CREATE TRIGGER broken BEFORE UPDATE ON flows BEGIN SELECT RAISE(ABORT, 'no such luck'); END").await;
    let (path, answer) = start(&server, &flow(vec![job(evaluates("6 * 7", &json!(1)))])).await;
    let accepted = answer.json();
    let (flow_id, child) = (accepted["flowId"].as_str().unwrap(), accepted["jobs"][1]["jobId"].as_str().unwrap());
    let failed = format!("flow progress update failed flow_id={flow_id} job_id={child} error=");
    until(&server, &path, |_| log.text().contains(&failed)).await;

    let execution = server.get(&format!("/executions/{child}")).await.json();
    assert_eq!((&execution["status"], &execution["output"]), (&json!("completed"), &json!(42)));
    let job = store.job(&child.into()).await.unwrap().unwrap().summary;
    assert_eq!((job.status.as_str(), job.error), ("completed", None));
    let behind = server.get(&path).await.json();
    assert_eq!((&behind["progress"], &behind["jobs"][0]["status"]), (&json!(0.0), &json!("waiting-children")));
    assert!(!log.text().contains("flow progress updated"));

    store.spoil("DROP TRIGGER broken").await;
    server.state.queue.sweep_flows().await.unwrap();
    let flow = ended(&server, &path).await;
    assert_eq!((&flow["status"], &flow["completed"]), (&json!("completed"), &json!(2)));
    let updated = format!("flow progress updated flow_id={flow_id} job_id={child} status=\"completed\"");
    assert!(log.text().contains(&updated), "{}", log.text());
    assert_eq!(server.state.queue.sweep_flows().await.unwrap(), 0);
}
