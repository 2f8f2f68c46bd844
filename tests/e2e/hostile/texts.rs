//! Texts that hurt whoever reads them carelessly: deep, no UTF-8, shared a million times, or simply too many.

use std::time::{Duration, Instant};

use blockyard::domain::{EventKind, NodeStatus};
use serde_json::json;

use super::{assert_well, failure, grant, hostile, one, outcome, rule, tight};
use crate::support::{Run, graph};
use crate::timeline::{patiently, timeline};

#[tokio::test(flavor = "multi_thread")]
async fn deep_json_is_refused_wherever_the_host_takes_json() {
    let (app, _server) = hostile(&["deep-texts"]).await;
    for (way, place) in [("output", "port `output`"), ("metadata", "metadata"), ("state", "suspension state")] {
        let (code, message) = failure(&app, "test.deep-texts", json!({"way": way})).await;
        assert_eq!(code, "invalid-output", "{way}: {message}");
        assert_eq!(message, format!("{place}: nested more than 127 levels deep"), "{way}");
    }
    // Of a failure only the details go, and of a line only the fields.
    let error = outcome(&app, one("test.deep-texts", json!({"way": "failure"}))).await.call.error.unwrap();
    assert_eq!((error.code.as_str(), error.message.as_str()), ("deep", "its details are deep"));
    assert!(error.details.is_null());
    let call = outcome(&app, one("test.deep-texts", json!({"way": "log"}))).await.call;
    let lines: Vec<&str> = call.logs.iter().map(|line| line.message.as_str()).collect();
    assert_eq!((call.status, lines), (NodeStatus::Completed, vec!["deep", "deeper", "no object", "no JSON"]));
    assert!(call.logs.iter().all(|line| line.fields.is_none()), "{:?}", call.logs);
    assert_well(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_utf_8_end_the_call_wherever_they_are_passed() {
    let (app, server) = hostile(&["bad-utf8"]).await;
    grant(&app, "test.bad-utf8", vec![rule("good.example", &[])]);
    let ways = [
        "log", "fields", "progress", "secret", "method", "url", "name", "value", "failure", "state", "port",
        "metadata", "output",
    ];
    for way in ways {
        let (code, message) = failure(&app, "test.bad-utf8", json!({"way": way})).await;
        assert_eq!(code, "trap", "{way}: {message}");
        assert!(message.contains("invalid utf-8"), "{way}: {message}");
    }
    assert_eq!(server.connections(), 0);
    assert_well(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_million_entries_that_share_one_string_are_not_copied() {
    let (app, server) = hostile(&["shares-strings"]).await;
    grant(&app, "test.shares-strings", vec![rule("good.example", &[])]);
    for way in ["requests", "headers", "empty"] {
        let (code, message) = failure(&app, "test.shares-strings", json!({"way": way})).await;
        assert_eq!(code, "trap", "{way}: {message}");
        assert_eq!(message, "passed more than 16777216 bytes to the host in one call", "{way}");
    }
    assert_eq!(server.connections(), 0);
    assert_well(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_huge_lines_ends_with_the_time_of_its_call_and_holds_nobody_up() {
    let (app, _server) = hostile(&["floods-big-logs"]).await;
    let document = graph(json!([{"id": "it", "type": "test.floods-big-logs", "timeoutMs": 400}]), &[]);
    let start = Instant::now();
    let (flood, ()) = futures::join!(outcome(&app, document), crate::misbehaving::assert_w1_is_right(&app));
    let error = flood.call.error.unwrap();
    assert_eq!((error.code.as_str(), error.message.as_str()), ("timeout", "no answer within 400 ms"));
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    assert!(flood.call.logs.len() <= 100 && flood.call.logs.iter().all(|line| line.message.len() <= 8 << 10));
    assert_well(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_progress_becomes_few_short_events() {
    let server = super::Server::start().await;
    let mut config = tight(&["floods-progress"], &server);
    config.runtime.cpu = Duration::from_secs(10);
    let app = super::started(config).await;
    let start = Instant::now();
    let document = one("test.floods-progress", json!({}));
    let execution = patiently("the end", Run::new(&app, document, json!(null)).end()).await;
    let entries = timeline(&app, &execution.execution_id).await;
    let told: Vec<_> = entries.iter().filter(|entry| entry.event == EventKind::NodeProgress).collect();
    let most = start.elapsed().as_millis() / 200 + 2;
    assert!((told.len() as u128) <= most, "{} events, at most {most}", told.len());
    assert!(told.iter().all(|entry| entry.message.len() <= 500));
    assert_well(&app).await;
}
