//! Jobs with and without many who follow events.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::load::Connection;
use crate::report::Report;
use crate::server::Server;

use super::backlog::Jobs;

const STREAMS: usize = 1000;
/// Of these, in the second measurement, follow everything that happens to jobs.
const FIREHOSES: usize = 10;
const ROUNDS: usize = 2;
/// Longer than this takes.
const LATER: Duration = Duration::from_secs(24 * 3600);

/// Measure by turns; jobs a second without anybody who follows.
pub(super) async fn measure(name: &str, jobs: &Jobs<'_>, count: usize, report: &mut Report) -> f64 {
    let waiting = waiting(jobs.server).await;
    let (mut without, mut quiet, mut loud) = (0.0, 0.0, 0.0);
    for _ in 0..ROUNDS {
        without += jobs.at_once(count).await / ROUNDS as f64;
        let streams = Streams::open(jobs.server, &waiting, 0).await;
        quiet += jobs.at_once(count).await / ROUNDS as f64;
        streams.close();
        let streams = Streams::open(jobs.server, &waiting, FIREHOSES).await;
        loud += jobs.at_once(count).await / ROUNDS as f64;
        streams.close();
    }
    // They would stay when what has ended is removed.
    for id in waiting {
        jobs.server.post(&format!("/jobs/{id}/cancel"), &json!({})).await;
    }
    report.add(&format!("{name}, W2 handed in and done, without streams"), without, "jobs/s", None);
    report.add(&format!("{name}, with {STREAMS} streams of waiting jobs"), quiet, "jobs/s", None);
    let mixed = format!("{name}, {FIREHOSES} of them of all events of jobs");
    report.add(&mixed, loud, "jobs/s", None);
    report.add(&format!("P13 {name}, {STREAMS} streams of waiting jobs over none"), quiet / without, "×", Some(-0.8));
    report.add(&format!("P13 {mixed}, over none"), loud / without, "×", None);
    without
}

/// Jobs that do not run.
async fn waiting(server: &Server) -> Vec<String> {
    let later = u64::try_from(LATER.as_millis()).unwrap();
    let body = json!({"type": "WORKFLOW", "delay": later, "payload": {"workflowId": "bench-w1", "input": []}});
    let body = body.to_string();
    let jobs = stream::iter(0..STREAMS).map(|_| server.post_text("/jobs", &body)).buffered(32);
    jobs.map(|accepted: Value| accepted["jobId"].as_str().unwrap().to_owned()).collect().await
}

/// Open streams of events, which are read and thrown away.
struct Streams(JoinSet<()>);

impl Streams {
    /// [`STREAMS`], `firehoses` of them of all events of jobs. All are open when this returns.
    async fn open(server: &Server, waiting: &[String], firehoses: usize) -> Self {
        let (mut streams, open) = (JoinSet::new(), Arc::new(Semaphore::new(0)));
        for (number, id) in waiting.iter().enumerate() {
            let path = if number < firehoses { "/events?topics=job".to_owned() } else { format!("/jobs/{id}/events") };
            let (mut connection, open) = (Connection::open(server.address()).await, open.clone());
            streams.spawn(async move {
                let answer = connection.stream(&path).await;
                assert!(answer.status().is_success(), "{path}: {}", answer.status());
                let mut body = answer.into_body();
                open.add_permits(1);
                while let Some(frame) = body.frame().await {
                    frame.unwrap();
                }
                panic!("the server ended {path}");
            });
        }
        let all = u32::try_from(waiting.len()).unwrap();
        drop(open.acquire_many(all).await.unwrap());
        Self(streams)
    }

    /// Look that none has ended, and hang up.
    fn close(mut self) {
        if let Some(ended) = self.0.try_join_next() {
            ended.unwrap();
        }
    }
}
