//! Guests that do what they should not: each ends with its own code, within its limit, and nobody else notices.

use std::time::{Duration, Instant};

use blockyard::app::{App, StartError};
use blockyard::config::Config;
use blockyard::domain::{EventKind, ExecutionStatus, Json, NodeStatus, Outputs, UserId};
use blockyard::orchestrator::single;
use blockyard::store::NodeRow;
use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::{Run, app, config, data_json, graph, node};
use crate::timeline::{count, happened, patiently, timeline};

const GUESTS: [&str; 15] = [
    "loops",
    "allocates",
    "panics",
    "port-twice",
    "bad-json",
    "deep-json",
    "floods-log",
    "floods-progress",
    "exits",
    "recurses",
    "host-code",
    "writes-stderr",
    "pause",
    "suspends",
    "huge-output",
];

/// Limits that are reached soon.
fn small() -> Config {
    let mut config = config(&GUESTS);
    config.runtime.cpu = Duration::from_millis(300);
    config.runtime.memory_bytes = 32 << 20;
    config
}

async fn started(config: Config) -> App {
    App::start(config).await.unwrap_or_else(|error| panic!("{error}"))
}

/// A workflow of one node.
fn one(block: &str, config: Value) -> Value {
    graph(json!([{"id": "it", "type": block, "config": config}]), &[])
}

/// Run one node and return what it came to.
async fn outcome(app: &App, document: Value) -> NodeRow<Outputs> {
    let execution = patiently("the end", Run::new(app, document, json!({"a": 1})).end()).await;
    let row = node(app, &execution, "it").await;
    match &row.call.error {
        Some(error) => {
            assert_eq!(execution.status, ExecutionStatus::Failed);
            let shown = execution.error.as_ref().unwrap();
            assert_eq!((&shown.code, shown.node_id.as_deref()), (&error.code, Some("it")));
        }
        None => assert_eq!(execution.status, ExecutionStatus::Completed),
    }
    row
}

/// The code and message of a node that has to fail.
async fn failure(app: &App, document: Value) -> (String, String) {
    let row = outcome(app, document).await;
    let error = row.call.error.unwrap_or_else(|| panic!("it completed with {:?}", row.call.outputs));
    (error.code, error.message)
}

pub(crate) async fn assert_w1_is_right(app: &App) {
    let execution = patiently("W1", Run::new(app, data_json("w1.json"), data_json("w1-input.json")).end()).await;
    assert_eq!(execution.status, ExecutionStatus::Completed, "{:?}", execution.error);
    assert_eq!(execution.output.to_value().unwrap(), data_json("w1-expected.json"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_guest_ends_with_its_code_while_a_hundred_others_finish_right() {
    let app = started(small()).await;
    let bad = [
        ("test.loops", json!({}), "cpu-limit", "used more than 300 ms of CPU time"),
        ("test.allocates", json!({}), "out-of-memory", "wanted more than 33554432 bytes of memory"),
        ("test.panics", json!({}), "trap", "no such lead: über 9000"),
        ("test.port-twice", json!({}), "invalid-output", "fired port `output` twice"),
        ("test.bad-json", json!({}), "invalid-output", "port `output`: not valid JSON"),
        ("test.bad-json", json!({"use": "undeclared"}), "invalid-output", "fired port `elsewhere`, which it does not"),
        ("test.deep-json", json!({"levels": 128}), "invalid-output", "nested more than 127 levels deep"),
        ("test.deep-json", json!({"levels": 1000}), "invalid-output", "nested more than 127 levels deep"),
        ("test.exits", json!({}), "trap", "the block called exit("),
        ("test.recurses", json!({}), "trap", ""),
        ("test.host-code", json!({}), "block/cpu-limit", "says who?"),
        ("test.writes-stderr", json!({}), "trap", "after the noise"),
    ];
    let others = join_all((0..100).map(|_| assert_w1_is_right(&app)));
    let judged = join_all(bad.iter().map(async |(block, config, code, message)| {
        let (found, said) = failure(&app, one(block, config.clone())).await;
        assert_eq!(found, *code, "{block}: {said}");
        assert!(said.contains(message), "{block}: {said}");
    }));
    let good = async {
        let row = outcome(&app, one("test.suspends", json!({"times": 3}))).await;
        assert_eq!(row.call.outputs.get("output").unwrap().as_str(), r#"{"suspensions":3}"#);
        let row = outcome(&app, one("test.deep-json", json!({"levels": 127}))).await;
        assert_eq!(
            row.call.outputs.get("output").unwrap().as_str(),
            format!("{}null{}", "[".repeat(127), "]".repeat(127))
        );
    };
    futures::join!(others, judged, good);
    assert_w1_is_right(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_a_hundred_megabytes_is_too_large_under_the_default_limits() {
    let app = app(&["huge-output"]).await;
    let (code, message) = failure(&app, one("test.huge-output", json!({}))).await;
    assert_eq!((code.as_str(), message.as_str()), ("output-too-large", "the output is larger than 16777216 bytes"));
    assert_w1_is_right(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_that_floods_its_log_completes_and_the_lines_past_the_limit_are_counted() {
    let mut config = small();
    config.runtime.cpu = Duration::from_secs(5);
    config.runtime.log_lines = 70;
    let app = started(config).await;
    let call = outcome(&app, one("test.floods-log", json!({}))).await.call;
    assert_eq!((call.status, call.logs.len(), call.logs_dropped), (NodeStatus::Completed, 70, 99_930));
    assert_eq!((call.logs[0].message.as_str(), call.logs[69].message.as_str()), ("line 0", "line 69"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_that_floods_its_progress_completes_with_few_events() {
    let mut config = small();
    config.runtime.cpu = Duration::from_secs(10);
    let app = started(config).await;
    let start = Instant::now();
    let document = one("test.floods-progress", json!({}));
    let execution = patiently("the end", Run::new(&app, document, json!(null)).end()).await;
    assert_eq!(execution.status, ExecutionStatus::Completed, "{:?}", execution.error);
    let entries = timeline(&app, &execution.execution_id).await;
    let told: Vec<_> = entries.iter().filter(|entry| entry.event == EventKind::NodeProgress).collect();
    // Five a second, the first and the last.
    let most = start.elapsed().as_millis() / 200 + 2;
    assert!((2..=most).contains(&(told.len() as u128)), "{} events, at most {most}", told.len());
    assert!(told.iter().all(|entry| entry.message.len() <= 500));
    assert_eq!(told.last().unwrap().data.as_ref().unwrap().as_str(), r#"{"percent":100.0}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_takes_longer_than_its_time_limit_is_stopped_then() {
    let app = app(&["pause"]).await;
    let start = Instant::now();
    let document = graph(json!([{"id": "it", "type": "test.pause", "config": {"ms": 600_000}, "timeoutMs": 80}]), &[]);
    assert_eq!(failure(&app, document).await, ("timeout".to_owned(), "no answer within 80 ms".to_owned()));
    assert!(start.elapsed().as_millis() >= 80, "{:?}", start.elapsed());
    let document = graph(json!([{"id": "it", "type": "test.pause", "config": {"ms": 10}, "timeoutMs": 30_000}]), &[]);
    assert_eq!(outcome(&app, document).await.call.status, NodeStatus::Completed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_that_suspends_waits_once_for_each_suspension() {
    let app = app(&["suspends"]).await;
    let execution = Run::new(&app, one("test.suspends", json!({"times": 3})), json!(null)).end().await;
    assert_eq!(execution.output.to_value().unwrap(), json!({"suspensions": 3}));
    let entries = timeline(&app, &execution.execution_id).await;
    assert_eq!(count(&entries, EventKind::NodeWaiting, "it"), 3);
    assert_eq!(count(&entries, EventKind::NodeStarted, "it"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_calls_of_one_node_share_one_limit_of_log_lines() {
    let app = app(&["suspends"]).await;
    let config = json!({"times": 5, "ms": 0, "lines": 60});
    let call = outcome(&app, one("test.suspends", config.clone())).await.call;
    assert_eq!((call.logs.len(), call.logs_dropped), (100, 260));
    let block = app.catalogue.resolve(&"test.suspends".parse().unwrap()).unwrap();
    let (input, user) = (Json::null(), UserId::local());
    let result = single::call(&block, &config, &input, single::Asked::default(), &user, &app.sources).await;
    assert_eq!((result.status, result.logs.len(), result.logs_dropped), (NodeStatus::Completed, 100, 260));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_instance_is_lost_to_calls_that_end_badly() {
    let mut config = small();
    config.runtime.max_instances = 8;
    config.runtime.cpu = Duration::from_millis(60);
    let app = started(config).await;
    let bad = [
        one("test.panics", json!({})),
        one("test.exits", json!({})),
        one("test.allocates", json!({})),
        one("test.loops", json!({})),
        one("test.port-twice", json!({})),
        graph(json!([{"id": "it", "type": "test.pause", "config": {"ms": 60_000}, "timeoutMs": 20}]), &[]),
    ];
    for document in bad {
        join_all((0..18).map(|_| failure(&app, document.clone()))).await;
    }
    assert_w1_is_right(&app).await;
    // All slots at once: each of these holds one until all have told that they run.
    let config = json!({"ms": 600_000, "tells": true});
    let pause = |number: u32| json!({"id": format!("n{number}"), "type": "test.pause", "config": config});
    let pauses: Vec<Value> = (0..8).map(pause).collect();
    let mut ticket = Run::new(&app, graph(json!(pauses), &[]), json!(1)).submit().await;
    for number in 0..8 {
        happened(&app, &ticket.execution_id, EventKind::NodeProgress, &format!("n{number}")).await;
    }
    patiently("the cancellation", app.queue.cancel(&ticket.execution_id)).await.unwrap();
    assert_eq!(patiently("the end", ticket.ended()).await.unwrap().status, ExecutionStatus::Cancelled);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_imports_the_file_system_is_refused_by_name() {
    let refused = App::start(config(&["opens-files"])).await;
    let Err(StartError::Block(file, error)) = refused else { panic!("{refused:?}") };
    let message = error.to_string();
    assert!(file.ends_with("opens_files.wasm"), "{file}");
    assert!(message.starts_with("imports `wasi:filesystem/"), "{message}");
    assert!(message.contains("which this host does not offer; it offers"), "{message}");
}
