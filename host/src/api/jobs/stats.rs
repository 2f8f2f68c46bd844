//! `GET /jobs/stats`

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::super::ApiState;
use super::super::extract::InQuery;
use super::super::problem::{ApiError, ApiResult};
use super::super::queues::Counts;
use crate::jobs::{JobStats, Percentiles};

/// Seconds that times are of if the query does not say.
const DEFAULT_WINDOW: u64 = 3_600;
/// Most seconds that times may be of: 366 days.
const MAX_WINDOW: u64 = 366 * 24 * 3_600;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Options {
    /// Seconds: times are those of jobs that ended in them.
    window: Option<u64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct Answer {
    total: u64,
    /// `{type: {status: count}}`.
    by_type: BTreeMap<&'static str, BTreeMap<&'static str, u64>>,
    /// `{status: count}`.
    by_status: BTreeMap<&'static str, u64>,
    /// Those that have not ended, by queue.
    by_queue: BTreeMap<String, Counts>,
    throughput: Throughput,
    times: Times,
}

/// Jobs that ended.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Throughput {
    last_minute: u64,
    last_hour: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Times {
    window_seconds: u64,
    /// Jobs that the times are of.
    jobs: usize,
    /// Whether more ended in the window: then these are the newest.
    truncated: bool,
    /// From when a job could begin to when it did.
    wait_ms: Percentiles,
    /// From its beginning to its end.
    run_ms: Percentiles,
}

impl Answer {
    fn of(stats: JobStats, window_seconds: u64) -> Self {
        let (mut by_type, mut by_status) = (BTreeMap::<_, BTreeMap<_, _>>::new(), BTreeMap::new());
        for count in &stats.counts {
            let status = count.status.as_str();
            by_type.entry(count.job_type.as_str()).or_default().insert(status, count.count);
            *by_status.entry(status).or_default() += count.count;
        }
        Self {
            total: by_status.values().sum(),
            by_type,
            by_status,
            by_queue: stats.queues.into_iter().map(|(name, counts)| (name, counts.into())).collect(),
            throughput: Throughput { last_minute: stats.last_minute, last_hour: stats.last_hour },
            times: Times {
                window_seconds,
                jobs: stats.timed,
                truncated: stats.truncated,
                wait_ms: stats.wait,
                run_ms: stats.run,
            },
        }
    }
}

/// How many jobs there are, and how long they took.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InQuery(options): InQuery<Options>,
) -> ApiResult<Json<Answer>> {
    let window = options.window.unwrap_or(DEFAULT_WINDOW);
    if !(1..=MAX_WINDOW).contains(&window) {
        return Err(ApiError::bad_request("invalid-query", format!("`window` must be from 1 to {MAX_WINDOW} seconds")));
    }
    let stats = state.queue.stats(Duration::from_secs(window)).await?;
    Ok(Json(Answer::of(stats, window)))
}
