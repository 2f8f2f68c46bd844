//! Live events over SSE; `tests/e2e/live.rs` has what needs a socket.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::Request;
use futures::StreamExt as _;
use serde_json::{Value, json};

use super::super::testing::{Server, filter_workflow};
use crate::config::ApiConfig;
use crate::domain::{EventKind, TimelineEntry};
use crate::store::{Record, Urgency};

/// One event as it was sent.
#[derive(Debug)]
struct Sent {
    id: String,
    event: String,
    data: Value,
}

/// An open stream.
struct Stream {
    body: BodyDataStream,
    text: String,
}

impl Stream {
    async fn open(server: &Server, path: &str) -> Self {
        let response = server.open(Request::get(path).body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: response.into_body().into_data_stream(), text: String::new() }
    }

    /// The next event; `None` at the end.
    async fn next(&mut self) -> Option<Sent> {
        loop {
            if let Some((message, rest)) = self.text.split_once("\n\n") {
                let field =
                    |name| message.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().to_owned();
                let sent = Sent {
                    id: field("id: "),
                    event: field("event: "),
                    data: serde_json::from_str(&field("data: ")).unwrap_or_default(),
                };
                self.text = rest.to_owned();
                if !sent.event.is_empty() {
                    return Some(sent);
                }
                continue;
            }
            let soon = tokio::time::timeout(Duration::from_secs(120), self.body.next()).await;
            self.text.push_str(std::str::from_utf8(&soon.expect("something comes")?.unwrap()).unwrap());
        }
    }

    async fn until(&mut self, event: &str) -> Vec<Sent> {
        let mut all = Vec::new();
        loop {
            let sent = self.next().await.unwrap_or_else(|| panic!("no {event} in {all:?}"));
            let last = sent.event == event;
            all.push(sent);
            if last {
                return all;
            }
        }
    }

    async fn rest(mut self) -> Vec<Sent> {
        let mut all = Vec::new();
        while let Some(sent) = self.next().await {
            all.push(sent);
        }
        all
    }
}

/// Run a workflow to its end; its id.
async fn run(server: &Server) -> String {
    let request = json!({"workflowDefinition": filter_workflow("w"), "input": []});
    let ran = server.post("/workflows/execute?wait=10", &request).await.json();
    ran["executionId"].as_str().unwrap().to_owned()
}

fn names(sent: &[Sent]) -> Vec<&str> {
    sent.iter().map(|sent| sent.event.as_str()).collect()
}

/// Commit this many events of an execution that nobody knows.
async fn flood(server: &Server, count: u64) {
    let entry = |seq| TimelineEntry {
        seq,
        timestamp: 1,
        event: EventKind::NodeStarted,
        node_id: None,
        message: "flood".into(),
        progress: 0.0,
        data: None,
    };
    let records = (1..=count).map(|seq| Record::Event { execution_id: "flood".into(), entry: entry(seq) }).collect();
    server.state.store.write(records, Urgency::Now).await.unwrap();
}

#[tokio::test]
async fn a_jobs_stream_tells_of_the_job_alone_and_resumes_between_any_two_events() {
    let server = Server::start().await;
    let id = run(&server).await;
    let path = format!("/jobs/{id}/events");
    let all = Stream::open(&server, &path).await.rest().await;
    assert_eq!(names(&all), ["job.created", "job.progress", "job.progress", "job.progress", "job.completed"]);
    let progress: Vec<_> = all.iter().map(|sent| sent.data["progress"].as_f64().unwrap()).collect();
    assert_eq!([progress[0], progress[1], progress[3], progress[4]], [0.0, 5.0, 95.0, 100.0]);
    assert!(progress.is_sorted(), "{progress:?}");
    assert_eq!(all[4].data["event"], "job.completed");
    for (number, sent) in all.iter().enumerate() {
        let request = Request::get(format!("{path}?after=0")).header("last-event-id", &sent.id);
        let resumed = server.send(request.body(Body::empty()).unwrap()).await.text();
        assert_eq!(resumed.lines().filter(|line| line.starts_with("id: ")).count(), 4 - number, "{resumed}");
    }
}

#[tokio::test]
async fn everything_is_told_with_its_topic_from_now_on_or_from_a_position() {
    let server = Server::start().await;
    let before = run(&server).await;
    let mut live = Stream::open(&server, "/events").await;
    let mut jobs = Stream::open(&server, "/events?topics=job").await;
    let mut both = Stream::open(&server, &format!("/events?topics=execution:{before},flow,node&after=0")).await;
    let id = run(&server).await;
    let all = live.until("job.completed").await;
    let expected = [
        "execution.started",
        "job.created",
        "job.progress",
        "node.started",
        "node.completed",
        "job.progress",
        "execution.completed",
        "job.progress",
        "job.completed",
    ];
    assert_eq!(names(&all), expected);
    for sent in &all {
        let kind = if sent.event.starts_with("job") { "job" } else { "execution" };
        assert_eq!(sent.data["topic"], format!("{kind}:{id}"));
        assert_eq!(sent.data["position"].as_i64().unwrap().to_string(), sent.id);
        assert_eq!(sent.data["event"], sent.event);
    }
    assert_eq!(all[3].data["nodeId"], "big");
    assert_eq!(jobs.until("job.completed").await.len(), 5);
    let mut told = both.until("execution.completed").await;
    told.extend(both.until("node.completed").await);
    let expected = [
        "execution.started",
        "node.started",
        "node.completed",
        "execution.completed",
        "node.started",
        "node.completed",
    ];
    assert_eq!(names(&told), expected);
    // Everything again, from between two events of the job.
    let path = format!("/events?topics=*&after={}", all[1].id);
    assert_eq!(names(&Stream::open(&server, &path).await.until("job.completed").await), names(&all[2..]));
    server.state.close();
    assert!(live.next().await.is_none(), "a shutdown ends it");
}

#[tokio::test]
async fn what_cannot_be_followed_is_refused() {
    let server = Server::start().await;
    let id = run(&server).await;
    let many: Vec<String> = (0..257).map(|number| format!("job:{number}")).collect();
    for (path, status, code) in [
        ("/jobs/none/events", 404, "unknown-job"),
        ("/flows/none/events", 404, "unknown-flow"),
        ("/executions/none/events", 404, "unknown-execution"),
        ("/events?topics=job:none", 404, "unknown-job"),
        ("/events?topics=job:none,execution", 404, "unknown-job"),
        ("/events?topics=", 400, "invalid-query"),
        ("/events?topics=job,,flow", 400, "invalid-query"),
        ("/events?topics=jobs", 400, "invalid-query"),
        ("/events?topic=job", 400, "invalid-query"),
        (&format!("/events?topics={}", many.join(",")), 400, "invalid-query"),
        ("/events?after=-1", 400, "invalid-query"),
        ("/events?after=1e3", 400, "invalid-query"),
        ("/events?after=9223372036854775807", 400, "unknown-position"),
        (&format!("/jobs/{id}/events?after=1000"), 400, "unknown-position"),
        (&format!("/executions/{id}/events?after=-7"), 400, "invalid-query"),
        ("/ws", 426, "upgrade-required"),
    ] {
        assert_eq!(server.get(path).await.problem(), (status, code.to_owned()), "{path}");
    }
    let newest = server.state.store.event_positions().await.unwrap().newest;
    assert_eq!(newest, 20);
    for (after, status) in [(newest + 3, 200), (newest + 4, 400)] {
        let request = Request::get("/events").header("last-event-id", after.to_string()).body(Body::empty()).unwrap();
        assert_eq!(server.open(request).await.status().as_u16(), status, "{after}");
    }
}

#[tokio::test]
async fn positions_that_retention_has_passed_are_gone() {
    let server = Server::start().await;
    run(&server).await;
    server.state.store.remove_jobs(i64::MAX, 100).await.unwrap();
    let id = run(&server).await;
    let floor = server.state.store.event_positions().await.unwrap().floor;
    assert_eq!(floor, 20);
    assert_eq!(server.get("/events?after=16").await.problem(), (410, "position-gone".to_owned()));
    let mut stream = Stream::open(&server, "/events?topics=execution&after=20").await;
    assert_eq!(stream.until("execution.completed").await.len(), 2);
    assert_eq!(server.get(&format!("/jobs/{id}/events")).await.status, 200, "one thing is there as a whole");
}

#[tokio::test]
async fn a_reader_that_stands_still_is_dropped_and_told_where_to_go_on() {
    let config = ApiConfig { stream_patience: Duration::ZERO, ..ApiConfig::default() };
    let server = Server::start_in_memory(config).await;
    let mut stream = Stream::open(&server, "/events").await;
    flood(&server, 1).await;
    let first = stream.next().await.unwrap();
    flood(&server, 5000).await;
    let rest = stream.rest().await;
    let (last, told) = rest.split_last().unwrap();
    assert_eq!((last.event.as_str(), &last.data["code"]), ("error", &json!("slow-reader")));
    let after = told.last().map_or(&first.id, |sent| &sent.id);
    assert_eq!(last.data["after"].to_string(), *after);
    assert_eq!(last.id, "", "the id of the last event stays the one to go on after");
    let mut resumed = Stream::open(&server, &format!("/events?topics=node&after={after}")).await;
    for _ in 0..5000 - told.len() {
        assert_eq!(resumed.next().await.unwrap().event, "node.started");
    }
}

#[tokio::test]
async fn all_streams_share_the_places() {
    let server = Server::start_with(ApiConfig { max_streams: 2, ..ApiConfig::default() }).await;
    let id = run(&server).await;
    let streams = [Stream::open(&server, "/events").await, Stream::open(&server, "/events?topics=flow").await];
    for path in ["/events", &format!("/jobs/{id}/events")] {
        assert_eq!(server.get(path).await.problem(), (503, "too-many-streams".to_owned()));
    }
    let closed = server.state.closed();
    drop(streams);
    tokio::time::timeout(Duration::from_secs(120), closed).await.expect("all places are given back");
    assert_eq!(server.get(&format!("/jobs/{id}/events")).await.status, 200);
}

#[tokio::test]
async fn a_thousand_idle_streams_do_not_hold_up_the_others() {
    let server = Server::start().await;
    let request = json!({"workflowDefinition": {"nodes": [
        {"id": "it", "type": "core.transform", "config": {"expression": "1 // input"},
         "retry": {"maxAttempts": 2, "initialDelayMs": 1u64 << 40, "maxDelayMs": 1u64 << 40,
                   "retryOn": ["expression-error"]}},
    ]}, "input": 0});
    let mut idle = Vec::new();
    for _ in 0..10 {
        let started = server.post("/workflows/execute", &request).await.json();
        let id = started["executionId"].as_str().unwrap().to_owned();
        for number in 0..100 {
            let kind = ["executions", "jobs"][number % 2];
            let mut stream = Stream::open(&server, &format!("/{kind}/{id}/events")).await;
            stream.next().await.unwrap();
            idle.push((id.clone(), stream));
        }
    }
    let mut live = Stream::open(&server, "/events?topics=job").await;
    for _ in 0..20 {
        run(&server).await;
        live.until("job.completed").await;
    }
    for (id, _) in idle.iter().step_by(100) {
        assert_eq!(server.call("POST", &format!("/executions/{id}/cancel")).await.status, 200);
    }
    for (_, stream) in idle {
        let rest = stream.rest().await;
        assert!(rest.last().unwrap().event.ends_with(".cancelled"), "{rest:?}");
    }
}
