//! What the people who run workflows can ask for: other attempts, an end in time, an end at once, a way around errors.

use std::time::Duration;

use blockyard::app::App;
use blockyard::domain::{EventKind, Execution, ExecutionId, ExecutionStatus, JobStatus, NodeStatus};
use blockyard::jobs::{Cancelled, Ticket};
use serde_json::{Value, json};

use crate::support::{Run, app, config, graph, node, nodes};
use crate::timeline::{check, count, happened, is, patiently, timeline};

const FOREVER_MS: u64 = 600_000;

fn one(node: Value) -> Value {
    graph(json!([node]), &[])
}

async fn end(app: &App, document: Value) -> std::sync::Arc<Execution> {
    patiently("the end", Run::new(app, document, json!({"n": 1})).end()).await
}

async fn cancel(app: &App, id: &ExecutionId) -> Cancelled {
    patiently("the cancellation", app.queue.cancel(id)).await.unwrap()
}

async fn ended(ticket: &mut Ticket) -> std::sync::Arc<Execution> {
    patiently("the end", ticket.ended()).await.expect("the execution ends in this process")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hinted_failure_is_retried_until_it_succeeds() {
    let app = app(&["flaky"]).await;
    let retry = json!({"maxAttempts": 5, "initialDelayMs": 1});
    let flaky = one(json!({"id": "f", "type": "test.flaky", "config": {"until": 3}, "retry": retry}));
    let execution = end(&app, flaky).await;
    assert_eq!(execution.output.to_value().unwrap(), json!({"attempt": 3}));
    let call = node(&app, &execution, "f").await.call;
    assert_eq!((call.status, call.retry_count, call.error), (NodeStatus::Completed, 2, None));
    let entries = timeline(&app, &execution.execution_id).await;
    let retries: Vec<_> = entries.iter().filter(|entry| is(entry, EventKind::NodeRetrying, "f")).collect();
    let data: Vec<Value> = retries.iter().map(|entry| entry.data.as_ref().unwrap().to_value().unwrap()).collect();
    assert_eq!(data.iter().map(|data| &data["attempt"]).collect::<Vec<_>>(), [&json!(1), &json!(2)]);
    assert_eq!(data[1]["error"], json!({"code": "busy", "message": "attempt 2", "details": null}));
    assert_eq!(count(&entries, EventKind::NodeStarted, "f"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_end_with_the_last_that_is_allowed_or_the_first_that_is_not_retried() {
    let app = app(&["flaky", "pause"]).await;
    let flaky =
        |config: Value, retry: Value| one(json!({"id": "f", "type": "test.flaky", "config": config, "retry": retry}));
    let hinted = json!({"until": 10});
    let plain = json!({"until": 2, "hint": false});
    let slow = json!({"id": "f", "type": "test.pause", "config": {"ms": FOREVER_MS}, "timeoutMs": 20,
        "retry": {"maxAttempts": 2, "initialDelayMs": 1, "retryOn": ["timeout"]}});
    let cases = [
        (flaky(hinted.clone(), json!({"maxAttempts": 3, "initialDelayMs": 1})), "busy", "attempt 3", 2),
        (flaky(hinted, json!({})), "busy", "attempt 1", 0),
        (flaky(plain.clone(), json!({"maxAttempts": 5, "initialDelayMs": 1})), "busy", "attempt 1", 0),
        (flaky(plain.clone(), json!({"maxAttempts": 5, "retryOn": ["other"]})), "busy", "attempt 1", 0),
        (one(slow), "timeout", "no answer within 20 ms", 1),
    ];
    for (document, code, message, retries) in cases {
        let execution = end(&app, document.clone()).await;
        let call = node(&app, &execution, "f").await.call;
        let error = call.error.unwrap_or_else(|| panic!("{document} completed"));
        assert_eq!(
            (error.code.as_str(), error.message.as_str(), call.retry_count),
            (code, message, retries),
            "{document}"
        );
        let entries = timeline(&app, &execution.execution_id).await;
        assert_eq!(count(&entries, EventKind::NodeRetrying, "f"), retries as usize);
        let shown = execution.error.as_ref().unwrap();
        assert_eq!((shown.code.as_str(), shown.message.as_str()), (code, format!("node `f`: {message}").as_str()));
    }
    let listed = json!({"maxAttempts": 5, "initialDelayMs": 1, "retryOn": ["busy"]});
    assert_eq!(end(&app, flaky(plain, listed)).await.status, ExecutionStatus::Completed);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_that_takes_longer_than_its_time_limit_fails_and_what_runs_is_cancelled() {
    let app = app(&["loops", "pause", "suspends"]).await;
    let mut document = graph(
        json!([
            {"id": "first", "type": "core.transform", "config": {"expression": "input"}},
            {"id": "loops", "type": "test.loops"},
            {"id": "pauses", "type": "test.pause", "config": {"ms": FOREVER_MS}},
            {"id": "waits", "type": "test.suspends", "config": {"ms": FOREVER_MS}},
            {"id": "never", "type": "core.transform", "config": {"expression": "1"}},
        ]),
        &["first>loops", "first>pauses", "first>waits", "pauses>never"],
    );
    let expected = [
        ("first".to_owned(), NodeStatus::Completed),
        ("loops".to_owned(), NodeStatus::Cancelled),
        ("pauses".to_owned(), NodeStatus::Cancelled),
        ("waits".to_owned(), NodeStatus::Cancelled),
    ];
    let mut limit = 400;
    let execution = loop {
        document["timeoutMs"] = json!(limit);
        let execution = end(&app, document.clone()).await;
        let error = execution.error.as_ref().unwrap();
        assert_eq!((error.code.as_str(), error.node_id.as_deref()), ("timeout", None));
        assert_eq!(error.message, format!("the execution took longer than its {limit} ms"));
        let rows = nodes(&app, &execution).await.into_iter();
        let found: Vec<_> = rows.map(|row| (row.node_id.to_string(), row.call.status)).collect();
        if found == expected {
            break execution;
        }
        // On a slow machine not all had begun by then.
        limit *= 4;
        assert!(limit < 10_000, "{found:?}");
    };
    check(&timeline(&app, &execution.execution_id).await, ExecutionStatus::Failed).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn cancel_reaches_whatever_runs_within_a_tenth_of_a_second() {
    let app = app(&["loops", "pause", "suspends"]).await;
    let kinds = [
        (json!({"id": "it", "type": "test.loops"}), EventKind::NodeStarted),
        (json!({"id": "it", "type": "test.pause", "config": {"ms": FOREVER_MS}}), EventKind::NodeStarted),
        (json!({"id": "it", "type": "test.suspends", "config": {"ms": FOREVER_MS}}), EventKind::NodeWaiting),
    ];
    for (running, sign) in kinds {
        let mut took = Vec::new();
        for _ in 0..5 {
            let mut ticket = Run::new(&app, one(running.clone()), json!(null)).submit().await;
            let id = ticket.execution_id.clone();
            happened(&app, &id, sign, "it").await;
            let asked = app.sources.now_ms();
            assert!(matches!(cancel(&app, &id).await, Cancelled::Accepted));
            let execution = ended(&mut ticket).await;
            assert_eq!((execution.status, execution.error.as_ref()), (ExecutionStatus::Cancelled, None));
            let entries = timeline(&app, &id).await;
            check(&entries, ExecutionStatus::Cancelled).unwrap();
            assert_eq!(count(&entries, EventKind::NodeCancelled, "it"), 1);
            took.push(entries.last().unwrap().timestamp - asked);
            assert!(matches!(cancel(&app, &id).await, Cancelled::AlreadyEnded(JobStatus::Cancelled)));
        }
        // The best one: the machine may be busy with something else.
        assert!(took.iter().any(|ms| *ms <= 100), "{running}: {took:?} ms");
    }
    assert!(matches!(cancel(&app, &"no such".into()).await, Cancelled::NotFound));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_that_waits_for_its_turn_is_cancelled_without_beginning() {
    let mut config = config(&["pause"]);
    config.execution.execution_concurrency = 1;
    let app = App::start(config).await.unwrap();
    let long = one(json!({"id": "it", "type": "test.pause", "config": {"ms": FOREVER_MS}}));
    let mut first = Run::new(&app, long.clone(), json!(1)).submit().await;
    happened(&app, &first.execution_id, EventKind::NodeStarted, "it").await;
    let mut second = Run::new(&app, long, json!(2)).submit().await;
    assert_eq!(second.status, JobStatus::Pending);
    assert!(matches!(cancel(&app, &second.execution_id).await, Cancelled::Accepted));
    let execution = ended(&mut second).await;
    assert_eq!((execution.status, execution.started_at), (ExecutionStatus::Cancelled, None));
    let entries = timeline(&app, &second.execution_id).await;
    check(&entries, ExecutionStatus::Cancelled).unwrap();
    assert_eq!(entries.len(), 2, "{entries:?}");
    cancel(&app, &first.execution_id).await;
    assert_eq!(ended(&mut first).await.status, ExecutionStatus::Cancelled);
    let third = end(&app, one(json!({"id": "it", "type": "test.pause"}))).await;
    assert_eq!(third.status, ExecutionStatus::Completed);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_end_and_a_cancellation_that_race_one_wins_for_everybody() {
    let app = app(&["pause"]).await;
    let document = one(json!({"id": "it", "type": "test.pause", "config": {"ms": 20}}));
    let (mut delay, mut outcomes) = (Duration::from_millis(20), Vec::new());
    for round in 0..60u32 {
        let mut ticket = Run::new(&app, document.clone(), json!(round)).submit().await;
        let id = ticket.execution_id.clone();
        // Not a wait for something: it moves the cancellation to and fro across the end.
        tokio::time::sleep(delay).await;
        let answer = cancel(&app, &id).await;
        let told = ended(&mut ticket).await;
        let stored = app.store.execution(&id).await.unwrap().unwrap().execution;
        assert_eq!((told.status, &told.output), (stored.status, &stored.output));
        match answer {
            Cancelled::AlreadyEnded(status) => assert_eq!(status.as_str(), stored.status.as_str()),
            Cancelled::Accepted => {}
            Cancelled::NotFound => panic!("it was submitted"),
        }
        check(&timeline(&app, &id).await, stored.status).unwrap();
        delay = match stored.status {
            ExecutionStatus::Cancelled => delay * 9 / 8,
            _ => delay * 7 / 8,
        };
        outcomes.push(stored.status);
    }
    for status in [ExecutionStatus::Completed, ExecutionStatus::Cancelled] {
        assert!(outcomes.contains(&status), "no race took place: {outcomes:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_an_execution_sees_what_the_store_has() {
    let app = app(&["panics", "pause"]).await;
    let nodes = json!([{"id": "a", "type": "test.pause"}, {"id": "b", "type": "test.panics"}, {"id": "c", "type": "test.pause"}]);
    for edges in [&["a>b", "b>c"][..], &["a>c"]] {
        let mut document = graph(nodes.clone(), edges);
        if edges.len() == 1 {
            document["nodes"].as_array_mut().unwrap().remove(1);
        }
        let told = end(&app, document).await;
        let stored = app.store.execution(&told.execution_id).await.unwrap().unwrap().execution;
        assert_eq!(serde_json::to_value(&*told).unwrap(), serde_json::to_value(&stored).unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_is_routed_passed_over_or_the_end_of_the_execution() {
    let app = app(&["panics"]).await;
    let document = |on_error: &str, edges: &[&str]| {
        graph(
            json!([
                {"id": "bad", "type": "test.panics", "onError": on_error},
                {"id": "then", "type": "core.transform", "config": {"expression": "[input]"}},
                {"id": "else", "type": "core.transform", "config": {"expression": "input"}},
            ]),
            edges,
        )
    };
    let routed = end(&app, document("route", &["bad>then", "bad.error>else"])).await;
    assert_eq!(node(&app, &routed, "then").await.call.status, NodeStatus::Skipped);
    let error = routed.output.to_value().unwrap();
    assert_eq!((&error["code"], &error["nodeId"]), (&json!("trap"), &json!("bad")));
    assert!(error["message"].as_str().unwrap().contains("no such lead"), "{error}");
    let passed = end(&app, document("continue", &["bad>then", "then>else"])).await;
    assert_eq!(node(&app, &passed, "bad").await.call.status, NodeStatus::Failed);
    assert_eq!(passed.output.to_value().unwrap(), json!([null]));
    let failed = end(&app, document("fail", &["bad>then", "then>else"])).await;
    assert_eq!(failed.status, ExecutionStatus::Failed);
    let statuses: Vec<_> = nodes(&app, &failed).await.into_iter().map(|row| (row.node_id, row.call.status)).collect();
    assert_eq!(statuses, [("bad".into(), NodeStatus::Failed)]);
}
