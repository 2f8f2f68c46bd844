//! Queues over HTTP.

pub(super) mod list;
pub(super) mod pause;

use serde::Serialize;

use crate::jobs::QueueState;
use crate::store::QueueCounts;

/// A queue.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Queue {
    name: String,
    paused: bool,
    /// Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    paused_at: Option<i64>,
    /// Jobs at work at once, in all processes; `null` for no limit.
    concurrency: Option<u32>,
    counts: Counts,
}

/// The jobs of a queue that have not ended.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Counts {
    pending: u64,
    delayed: u64,
    waiting_children: u64,
    processing: u64,
}

impl From<QueueState> for Queue {
    fn from(queue: QueueState) -> Self {
        Self {
            name: queue.name,
            paused: queue.paused_at.is_some(),
            paused_at: queue.paused_at,
            concurrency: queue.concurrency,
            counts: queue.counts.into(),
        }
    }
}

impl From<QueueCounts> for Counts {
    fn from(counts: QueueCounts) -> Self {
        Self {
            pending: counts.pending,
            delayed: counts.delayed,
            waiting_children: counts.waiting_children,
            processing: counts.processing,
        }
    }
}
