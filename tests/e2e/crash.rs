//! The process dies at any moment: the next one goes on from what was recorded, and nobody can tell from the result.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use blockyard::app::App;
use blockyard::config::Config;
use blockyard::domain::{EventKind, ExecutionId, ExecutionStatus, Outputs, TimelineEntry};
use blockyard::store::{ItemRow, Store};
use serde_json::{Value, json};

use crate::server::Server;
use crate::support::{Run, config_on_disk, graph};
use crate::timeline::{check, count, happened, is, patiently, timeline};

const GUESTS: [&str; 3] = ["pause", "effect", "suspends"];

/// Nodes with effects, which must not be called again once they are recorded.
const EFFECTS: [&str; 3] = ["first", "second", "each"];

/// Pure nodes, nodes with effects one after the other, a fan-out with effects and suspensions, put together at the end.
fn document() -> Value {
    graph(
        json!([
            {"id": "shape", "type": "core.transform", "config": {"expression": "{'n': input.n, 'items': range(10)|list}"}},
            {"id": "pause", "type": "test.pause", "config": {"ms": 60}},
            {"id": "first", "type": "test.effect", "config": {"ms": 40}},
            {"id": "second", "type": "test.effect", "config": {"ms": 40}},
            {"id": "each", "type": "test.effect", "config": {"ms": 30}, "forEach": {"items": "{{ input.items }}", "concurrency": 2}},
            {"id": "waits", "type": "test.suspends", "config": {"times": 3, "ms": 50}},
            {"id": "all", "type": "core.transform", "config": {"expression":
                "{'n': input.pause.n, 'deep': input.second.input.input.n, 'items': input.each|map(attribute='input')|list,
                  'keys': input.each|map(attribute='key')|list, 'waits': input.waits.suspensions}"}},
        ]),
        &[
            "shape>pause",
            "shape>first",
            "first>second",
            "shape>each",
            "shape>waits",
            "pause>all",
            "second>all",
            "each>all",
            "waits>all",
        ],
    )
}

/// What was recorded when the process died.
struct Recorded {
    timeline: Vec<TimelineEntry>,
    items: Vec<ItemRow<Outputs>>,
}

async fn recorded(config: &Config, id: &ExecutionId) -> Recorded {
    let store = Store::open(&config.database, Arc::new(|_| {})).await.unwrap();
    let events = store.events(id, 0, 100_000).await.unwrap();
    let items = store.items(id).await.unwrap();
    store.close().await.unwrap();
    Recorded { timeline: events.into_iter().map(|event| event.entry).collect(), items }
}

/// The execution ended as if nothing had happened.
async fn judge(app: &App, id: &ExecutionId, n: u64, before: &Recorded) {
    let execution = app.store.execution(id).await.unwrap().unwrap().execution;
    assert_eq!(execution.status, ExecutionStatus::Completed, "{:?}", execution.error);
    let output = execution.output.to_value().unwrap();
    let items: Vec<u64> = (0..10).collect();
    let shown = [&output["n"], &output["deep"], &output["items"], &output["waits"]];
    assert_eq!(shown, [&json!(n), &json!(n), &json!(items), &json!(3)]);

    let entries = timeline(app, id).await;
    check(&entries, ExecutionStatus::Completed).unwrap();
    assert_eq!(shapes(&entries[..before.timeline.len()]), shapes(&before.timeline), "history has changed");
    let had_begun = before.timeline.len() > 1;
    let had_ended = before.timeline.last().is_some_and(|entry| entry.event.ends_execution());
    let resumed = usize::from(had_begun && !had_ended);
    assert_eq!(count(&entries, EventKind::ExecutionResumed, ""), resumed, "{:?}", shapes(&entries));
    for node in ["shape", "pause", "first", "second", "each", "waits", "all"] {
        assert_eq!(count(&entries, EventKind::NodeCompleted, node), 1, "{node}: {:?}", shapes(&entries));
        let completed = entries.iter().position(|entry| is(entry, EventKind::NodeCompleted, node)).unwrap();
        let after = &entries[completed..];
        assert_eq!(count(after, EventKind::NodeStarted, node), 0, "{node} was started again: {:?}", shapes(&entries));
    }
    assert!(count(&entries, EventKind::NodeWaiting, "waits") >= 3);
    judge_effects(app, id, before, &output).await;
}

/// What was recorded of nodes with effects and of their items is what is still there.
async fn judge_effects(app: &App, id: &ExecutionId, before: &Recorded, output: &Value) {
    let times: HashMap<usize, _> =
        before.items.iter().map(|item| (item.index, (item.call.start_time, item.call.end_time))).collect();
    let now = app.store.items(id).await.unwrap();
    assert_eq!(now.len(), 10);
    for item in now {
        assert_eq!(item.call.outputs.get("output").unwrap().to_value().unwrap()["key"], output["keys"][item.index]);
        if let Some(times) = times.get(&item.index) {
            assert_eq!(*times, (item.call.start_time, item.call.end_time), "item {} was called again", item.index);
        }
    }
    let nodes = app.store.nodes(id).await.unwrap();
    for node in EFFECTS {
        let completed = before.timeline.iter().find(|entry| is(entry, EventKind::NodeCompleted, node));
        let row = nodes.iter().find(|row| row.node_id.as_str() == node).unwrap();
        if let Some(entry) = completed {
            assert!(row.call.end_time.unwrap() <= entry.timestamp, "{node} was called again");
        }
    }
}

fn shapes(entries: &[TimelineEntry]) -> Vec<String> {
    let node = |entry: &TimelineEntry| entry.node_id.as_ref().map_or_else(String::new, |id| format!(" {id}"));
    entries.iter().map(|entry| format!("{} {}{}", entry.seq, entry.event.as_str(), node(entry))).collect()
}

async fn finished(config: Config, ids: &[(ExecutionId, u64)], before: &[Recorded]) {
    let app = App::start(config).await.unwrap_or_else(|error| panic!("{error}"));
    for ((id, n), before) in ids.iter().zip(before) {
        happened(&app, id, EventKind::ExecutionCompleted, "").await;
        judge(&app, id, *n, before).await;
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn executions_complete_right_after_the_server_is_killed_at_any_moment() {
    // By number of events of the last of the executions.
    for moment in [1, 2, 4, 6, 8, 10, 12, 14, 16, 18] {
        let (config, _directory) = config_on_disk(&GUESTS);
        let server = Server::start(&config.database.url, &GUESTS).await;
        let mut ids = Vec::new();
        for n in 0..4u64 {
            ids.push((ExecutionId::from(server.submit(&document(), &json!({"n": n})).await), n));
        }
        let (last, _) = ids.last().unwrap();
        let mut seen = 0;
        let reached = server.follow(last.as_str(), |_| {
            seen += 1;
            seen >= moment
        });
        assert!(reached.await, "the execution ended before its event number {moment}");
        server.kill().await;
        let mut before = Vec::new();
        for (id, _) in &ids {
            before.push(recorded(&config, id).await);
        }
        finished(config, &ids, &before).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_again_and_again_gets_there() {
    let (config, _directory) = config_on_disk(&GUESTS);
    let mut server = Server::start(&config.database.url, &GUESTS).await;
    let id = ExecutionId::from(server.submit(&document(), &json!({"n": 77})).await);
    let mut cut_off = 0;
    for kills in 1..=4 {
        // Killed soon after it went on, further in each time.
        let mut news = 0;
        let mut resumed = 0;
        server
            .follow(id.as_str(), |entry| {
                resumed += usize::from(entry["event"] == "execution.resumed");
                news += usize::from(resumed + 1 == kills);
                news > 3
            })
            .await;
        server.kill().await;
        // On a slow machine it may have ended by then.
        let before = recorded(&config, &id).await.timeline;
        cut_off += usize::from(before.last().is_some_and(|entry| !entry.event.ends_execution()));
        server = Server::start(&config.database.url, &GUESTS).await;
    }
    let execution = server.ended(id.as_str()).await;
    assert_eq!((&execution["status"], &execution["progress"]), (&json!("completed"), &json!(100.0)));
    assert_eq!((&execution["output"]["n"], &execution["output"]["waits"]), (&json!(77), &json!(3)));
    let entries = execution["timeline"].as_array().unwrap();
    let named = |name: &str| entries.iter().filter(|entry| entry["event"] == name).count();
    assert_eq!(
        (named("execution.resumed"), named("node.completed"), named("execution.completed")),
        (cut_off, 7, 1),
        "{entries:#?}"
    );
    assert!(entries.iter().zip(1..).all(|(entry, seq)| entry["seq"] == seq));
    server.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ended_before_the_kill_stays_as_it_was() {
    let (config, _directory) = config_on_disk(&GUESTS);
    let server = Server::start(&config.database.url, &GUESTS).await;
    let id = server.submit(&document(), &json!({"n": 5})).await;
    let told = server.ended(&id).await;
    server.kill().await;
    let server = Server::start(&config.database.url, &GUESTS).await;
    assert_eq!(server.execution(&id).await, told);
    server.kill().await;
}

/// The runtime goes with all its tasks, as if the process had died, but for the disk.
#[test]
fn executions_complete_right_after_their_tasks_are_dropped_at_any_moment() {
    for moment in [2, 5, 9, 13, 16] {
        let (config, _directory) = config_on_disk(&GUESTS);
        let doomed = runtime();
        let id = doomed.block_on(async {
            let app = App::start(config.clone()).await.unwrap_or_else(|error| panic!("{error}"));
            let ticket = Run::new(&app, document(), json!({"n": 9})).submit().await;
            ticket.accepted().await.unwrap();
            let events = app.hub.follow(app.store.clone(), ticket.execution_id.clone(), 0, false);
            let mut events = Box::pin(futures::StreamExt::skip(events, moment - 1));
            patiently("the moment", futures::StreamExt::next(&mut events)).await.unwrap().unwrap();
            ticket.execution_id.clone()
        });
        doomed.shutdown_timeout(Duration::from_secs(20));
        runtime().block_on(async {
            let before = recorded(&config, &id).await;
            finished(config, &[(id, 9)], &[before]).await;
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_that_does_not_wait_hands_over_to_the_next_start() {
    let (mut config, _directory) = config_on_disk(&GUESTS);
    config.execution.shutdown_grace = Duration::from_millis(1);
    let app = App::start(config.clone()).await.unwrap_or_else(|error| panic!("{error}"));
    let mut ticket = Run::new(&app, document(), json!({"n": 3})).submit().await;
    let id = ticket.execution_id.clone();
    happened(&app, &id, EventKind::NodeStarted, "second").await;
    patiently("the stop", app.stop()).await;
    assert!(patiently("the hand-over", ticket.ended()).await.is_none());
    let before = recorded(&config, &id).await;
    finished(config, &[(id, 3)], &[before]).await;
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap()
}
