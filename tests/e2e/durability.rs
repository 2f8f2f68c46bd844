//! What has to be on the disk before the next thing happens. Nothing here is written but by a barrier: what merely rides
//! along with the next commit would wait for longer than the test does.

use std::time::Duration;

use blockyard::app::App;
use blockyard::domain::{EventKind, ExecutionStatus};
use serde_json::json;

use crate::support::{Run, config_on_disk, graph};
use crate::timeline::{count, happened, patiently, timeline};

const FOREVER_MS: u64 = 600_000;

async fn app_without_flushes() -> (App, tempfile::TempDir) {
    let (mut config, directory) = config_on_disk(&["pause", "effect"]);
    config.database.flush_interval = Duration::from_secs(3600);
    (App::start(config).await.unwrap_or_else(|error| panic!("{error}")), directory)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_execution_is_on_the_disk() {
    let (app, _directory) = app_without_flushes().await;
    let document = graph(json!([{"id": "it", "type": "test.pause", "config": {"ms": FOREVER_MS}}]), &[]);
    let ticket = Run::new(&app, document, json!(1)).submit().await;
    patiently("the commit", ticket.accepted()).await.unwrap();
    assert!(app.store.execution(&ticket.execution_id).await.unwrap().is_some());
    app.queue.cancel(&ticket.execution_id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_upstream_of_a_node_with_effects_is_on_the_disk_before_it_starts() {
    let (app, _directory) = app_without_flushes().await;
    let document = graph(
        json!([
            {"id": "pure", "type": "core.transform", "config": {"expression": "[input]"}},
            {"id": "effect", "type": "test.effect", "config": {"ms": FOREVER_MS}},
        ]),
        &["pure>effect"],
    );
    let ticket = Run::new(&app, document, json!(1)).submit().await;
    happened(&app, &ticket.execution_id, EventKind::NodeStarted, "effect").await;
    let nodes = app.store.nodes(&ticket.execution_id).await.unwrap();
    assert_eq!(nodes[0].call.outputs.get("output").unwrap().as_str(), "[1]");
    app.queue.cancel(&ticket.execution_id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_result_of_a_node_with_effects_is_on_the_disk_while_what_follows_runs() {
    let (app, _directory) = app_without_flushes().await;
    let document = graph(
        json!([
            {"id": "effect", "type": "test.effect", "config": {"ms": 200}},
            {"id": "pause", "type": "test.pause", "config": {"ms": FOREVER_MS}},
        ]),
        &["effect>pause"],
    );
    let ticket = Run::new(&app, document, json!(1)).submit().await;
    happened(&app, &ticket.execution_id, EventKind::NodeCompleted, "effect").await;
    // What follows rides along: nobody has heard of its start.
    assert_eq!(count(&timeline(&app, &ticket.execution_id).await, EventKind::NodeStarted, "pause"), 0);
    app.queue.cancel(&ticket.execution_id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_result_is_on_the_disk_before_it_is_answered() {
    let (app, _directory) = app_without_flushes().await;
    let document = graph(json!([{"id": "it", "type": "test.pause"}]), &[]);
    let execution = patiently("the end", Run::new(&app, document, json!(1)).end()).await;
    let stored = app.store.execution(&execution.execution_id).await.unwrap().unwrap().execution;
    assert_eq!((stored.status, stored.output), (ExecutionStatus::Completed, execution.output.clone()));
}
