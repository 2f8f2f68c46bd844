//! The queue: who runs when, and what a restart leaves of it.

use blockyard::app::App;
use blockyard::domain::{EventKind, ExecutionId, ExecutionStatus};
use serde_json::{Value, json};

use crate::support::{Run, config, config_on_disk, graph};
use crate::timeline::{check, count, happened, happened_times, patiently, timeline};

const FOREVER_MS: u64 = 600_000;

async fn started(config: blockyard::config::Config) -> App {
    App::start(config).await.unwrap_or_else(|error| panic!("{error}"))
}

fn one(block: &str, config: Value) -> Value {
    graph(json!([{"id": "it", "type": block, "config": config}]), &[])
}

/// Where among all events an execution's node started.
async fn start_position(app: &App, id: &ExecutionId) -> i64 {
    let events = app.store.events(id, 0, 100).await.unwrap();
    events.iter().find(|event| event.entry.event == EventKind::NodeStarted).unwrap().position
}

#[tokio::test(flavor = "multi_thread")]
async fn executions_that_wait_for_a_slot_run_in_the_order_of_their_submission() {
    let mut config = config(&["pause"]);
    config.execution.execution_concurrency = 2;
    let app = started(config).await;
    let mut tickets = Vec::new();
    for number in 0..50 {
        tickets.push(Run::new(&app, one("test.pause", json!({"ms": 2})), json!(number)).submit().await);
    }
    let mut positions = Vec::new();
    for (number, ticket) in tickets.iter_mut().enumerate() {
        let execution = patiently("its turn", ticket.ended()).await.unwrap();
        assert_eq!(execution.status, ExecutionStatus::Completed);
        assert_eq!(execution.output.to_value().unwrap(), json!(number));
        positions.push((start_position(&app, &ticket.execution_id).await, number));
    }
    positions.sort_unstable();
    for (place, (_, number)) in positions.iter().enumerate() {
        // Two at once may overtake each other.
        assert!(place.abs_diff(*number) <= 2, "number {number} was started as number {place}: {positions:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_executions_than_slots_all_complete() {
    let mut config = config(&["pause"]);
    config.execution.execution_concurrency = 20;
    let app = started(config).await;
    let submit =
        (0..300u32).map(|number| Run::new(&app, one("test.pause", json!({"ms": number % 7})), json!(number)).end());
    let ended = patiently("all of them", futures::future::join_all(submit)).await;
    for (number, execution) in ended.iter().enumerate() {
        assert_eq!(execution.output.to_value().unwrap(), json!(number));
    }
    assert_eq!(app.store.counts().await.unwrap(), Default::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_slot_survives_a_restart() {
    let (mut config, _directory) = config_on_disk(&["pause"]);
    config.execution.execution_concurrency = 1;
    config.execution.shutdown_grace = std::time::Duration::from_millis(10);
    let app = started(config.clone()).await;
    let first = Run::new(&app, one("test.pause", json!({"ms": FOREVER_MS})), json!("first")).submit().await;
    happened(&app, &first.execution_id, EventKind::NodeStarted, "it").await;
    let mut ids = vec![first.execution_id.clone()];
    for number in 0..5 {
        let ticket = Run::new(&app, one("test.pause", json!({})), json!(number)).submit().await;
        ticket.accepted().await.unwrap();
        ids.push(ticket.execution_id.clone());
    }
    patiently("the stop", app.stop()).await;
    let app = started(config).await;
    happened(&app, &ids[0], EventKind::ExecutionResumed, "").await;
    patiently("the cancellation", app.queue.cancel(&ids[0])).await.unwrap();
    for (number, id) in ids.iter().enumerate() {
        let (end, status) = match number {
            0 => (EventKind::ExecutionCancelled, ExecutionStatus::Cancelled),
            _ => (EventKind::ExecutionCompleted, ExecutionStatus::Completed),
        };
        happened(&app, id, end, "").await;
        let execution = app.store.execution(id).await.unwrap().unwrap().execution;
        assert_eq!(execution.status, status);
        let entries = timeline(&app, id).await;
        check(&entries, status).unwrap();
        // Only the one that had begun goes on; for the others it is the first time.
        assert_eq!(count(&entries, EventKind::ExecutionResumed, ""), usize::from(number == 0), "{entries:?}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_execution_survives_more_restarts_than_crashes_are_forgiven() {
    let (mut config, _directory) = config_on_disk(&["suspends"]);
    config.execution.shutdown_grace = std::time::Duration::from_millis(1);
    config.execution.max_takeovers = 2;
    let app = started(config.clone()).await;
    let suspends = one("test.suspends", json!({"times": 2, "ms": 600_000}));
    let mut ticket = Run::new(&app, suspends, json!(null)).submit().await;
    let id = ticket.execution_id.clone();
    happened(&app, &id, EventKind::NodeWaiting, "it").await;
    patiently("the stop", app.stop()).await;
    assert!(ticket.ended().await.is_none(), "it does not end in that process");
    for restart in 1..=4 {
        let app = started(config.clone()).await;
        happened_times(&app, &id, EventKind::ExecutionResumed, "", restart).await;
        patiently("the stop", app.stop()).await;
    }
    let app = started(config).await;
    happened_times(&app, &id, EventKind::ExecutionResumed, "", 5).await;
    patiently("the cancellation", app.queue.cancel(&id)).await.unwrap();
    let entries = timeline(&app, &id).await;
    check(&entries, ExecutionStatus::Cancelled).unwrap();
    assert_eq!(count(&entries, EventKind::NodeWaiting, "it"), 1, "no suspension is asked for twice");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspension_ends_when_it_is_due_in_whichever_process_that_is() {
    let (mut config, _directory) = config_on_disk(&["suspends"]);
    config.execution.shutdown_grace = std::time::Duration::from_millis(1);
    let app = started(config.clone()).await;
    let ticket = Run::new(&app, one("test.suspends", json!({"times": 3, "ms": 700})), json!(null)).submit().await;
    let id = ticket.execution_id.clone();
    let asked = happened(&app, &id, EventKind::NodeWaiting, "it").await;
    patiently("the stop", app.stop()).await;
    let app = started(config).await;
    happened(&app, &id, EventKind::ExecutionCompleted, "").await;
    let execution = app.store.execution(&id).await.unwrap().unwrap().execution;
    assert_eq!(execution.output.to_value().unwrap(), json!({"suspensions": 3}));
    let entries = timeline(&app, &id).await;
    check(&entries, ExecutionStatus::Completed).unwrap();
    assert_eq!(count(&entries, EventKind::NodeWaiting, "it"), 3, "no suspension is asked for twice");
    assert!(entries.last().unwrap().timestamp - asked.timestamp >= 3 * 700, "it was called before it was due");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_new_process_goes_on_with_can_be_cancelled_from_its_first_moment() {
    let (mut config, _directory) = config_on_disk(&["suspends"]);
    config.execution.shutdown_grace = std::time::Duration::from_millis(1);
    for _ in 0..6 {
        let app = started(config.clone()).await;
        let ticket = Run::new(&app, one("test.suspends", json!({"ms": 600_000})), json!(null)).submit().await;
        happened(&app, &ticket.execution_id, EventKind::NodeWaiting, "it").await;
        patiently("the stop", app.stop()).await;
        let app = started(config.clone()).await;
        patiently("the cancellation", app.queue.cancel(&ticket.execution_id)).await.unwrap();
        let execution = app.store.execution(&ticket.execution_id).await.unwrap().unwrap().execution;
        assert_eq!(execution.status, ExecutionStatus::Cancelled);
        check(&timeline(&app, &ticket.execution_id).await, ExecutionStatus::Cancelled).unwrap();
        app.stop().await;
    }
}
