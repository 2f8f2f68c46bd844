//! Many jobs, handed in and worked on.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::load::{Connection, Latency, Recorder};
use crate::server::Server;

const CONNECTIONS: usize = 32;
/// Between two looks at what is left.
const LOOK: Duration = Duration::from_millis(50);
/// How long nothing may come of a backlog.
const STUCK: Duration = Duration::from_secs(60);

/// Where jobs are handed in.
pub(super) struct Jobs<'a> {
    pub(super) server: &'a Server,
    body: Arc<str>,
    handed_in: Cell<usize>,
}

/// How a backlog went away.
pub(super) struct Drain {
    pub(super) per_second: f64,
    /// From when a job could begin to when it did: p50, p95, p99.
    pub(super) wait_ms: [f64; 3],
    /// From its beginning to its end: p50, p95, p99.
    pub(super) run_ms: [f64; 3],
}

impl<'a> Jobs<'a> {
    /// Of the workflow of W1, which is saved.
    pub(super) fn new(server: &'a Server) -> Self {
        let payload = json!({"workflowId": "bench-w1", "input": crate::data("w1-input.json")});
        let body = json!({"type": "WORKFLOW", "payload": payload}).to_string();
        Self { server, body: body.into(), handed_in: Cell::new(0) }
    }

    /// How many there have been so far.
    pub(super) fn handed_in(&self) -> usize {
        self.handed_in.get()
    }

    /// Hand in so many; the id of the first, and how long a request took.
    pub(super) async fn enqueue(&self, count: usize) -> (String, Latency) {
        self.handed_in.set(self.handed_in() + count);
        let first = self.hand_in(&mut Connection::open(self.server.address()).await).await;
        let left = Arc::new(AtomicUsize::new(count - 1));
        let (mut clients, mut all) = (JoinSet::new(), Recorder::default());
        for _ in 0..CONNECTIONS {
            let mut connection = Connection::open(self.server.address()).await;
            let (left, body) = (left.clone(), self.body.clone());
            clients.spawn(async move {
                let mut recorder = Recorder::default();
                let one_less = |left: usize| left.checked_sub(1);
                while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok() {
                    recorder.time(connection.post("/jobs", &body)).await;
                }
                recorder
            });
        }
        while let Some(recorder) = clients.join_next().await {
            all.add(&recorder.unwrap());
        }
        (first, all.latency())
    }

    async fn hand_in(&self, connection: &mut Connection) -> String {
        let accepted: Value = serde_json::from_slice(&connection.post("/jobs", &self.body).await).unwrap();
        accepted["jobId"].as_str().unwrap().to_owned()
    }

    /// Hand in so many that are worked on meanwhile; how many a second until the last has ended.
    pub(super) async fn at_once(&self, count: usize) -> f64 {
        let start = Instant::now();
        let (first, _) = self.enqueue(count).await;
        self.until_empty(start).await;
        let per_second = count as f64 / start.elapsed().as_secs_f64();
        self.check(&first).await;
        per_second
    }

    /// Let a backlog of so many go away.
    pub(super) async fn drain(&self, count: usize) -> Drain {
        let start = Instant::now();
        self.resume().await;
        self.until_empty(start).await;
        let elapsed = start.elapsed();
        let window = elapsed.as_secs() + 1;
        let stats = self.server.get(&format!("/jobs/stats?window={window}")).await;
        let quantiles = |what: &str| ["p50", "p95", "p99"].map(|quantile| number(&stats["times"][what][quantile]));
        Drain {
            per_second: count as f64 / elapsed.as_secs_f64(),
            wait_ms: quantiles("waitMs"),
            run_ms: quantiles("runMs"),
        }
    }

    pub(super) async fn pause(&self) {
        self.server.post("/queues/workflow/pause", &json!({})).await;
    }

    pub(super) async fn resume(&self) {
        self.server.post("/queues/workflow/resume", &json!({})).await;
    }

    /// Until no job is left that could be worked on.
    async fn until_empty(&self, start: Instant) {
        let mut connection = Connection::open(self.server.address()).await;
        let (mut least, mut since) = (u64::MAX, start);
        loop {
            let queues: Value = serde_json::from_slice(&connection.get("/queues").await.1).unwrap();
            let queue = queues["items"].as_array().unwrap().iter().find(|queue| queue["name"] == "workflow").unwrap();
            let left = ["pending", "processing"].iter().filter_map(|status| queue["counts"][status].as_u64()).sum();
            if left == 0 {
                return;
            }
            if left < least {
                (least, since) = (left, Instant::now());
            }
            assert!(since.elapsed() < STUCK, "{left} jobs do not go away: {queue}");
            // Counting takes time of its own, so that it is done rarely while much is left.
            tokio::time::sleep(if left > 1000 { LOOK * 10 } else { LOOK }).await;
        }
    }

    /// None has failed, and `id` came to what it should.
    async fn check(&self, id: &str) {
        let failed = self.server.get("/jobs?status=failed&limit=1").await;
        assert!(failed["items"].as_array().unwrap().is_empty(), "{failed}");
        let execution = self.server.get(&format!("/executions/{id}")).await;
        assert_eq!(execution["output"], crate::data("w1-expected.json"), "W1 answers wrong: {}", execution["status"]);
    }
}

/// 0 if nothing was measured.
fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_default()
}
