//! How a job is to be treated.

use super::webhooks::PreparedWebhook;
use crate::config::WORKFLOW_QUEUE;
use crate::domain::{JobType, Json};
use crate::store::FlowPlace;

/// How a job is to be treated.
#[derive(Clone, Debug)]
pub struct JobOptions {
    /// What it does.
    pub job_type: JobType,
    /// For people.
    pub name: Option<String>,
    /// What it was asked, if that is more than its execution tells.
    pub payload: Option<Json>,
    /// Where it waits: one of the configured queues.
    pub queue: String,
    /// Higher goes first.
    pub priority: i64,
    /// When it may begin.
    pub begin: Begin,
    /// How often it may be begun when it fails through no fault of its own; the configured number if absent.
    pub max_attempts: Option<u32>,
    /// Its place in a flow.
    pub place: Option<FlowPlace>,
    /// Where its events are sent; made by [`Queue::prepare_webhook`](super::Queue::prepare_webhook).
    pub webhook: Option<PreparedWebhook>,
}

impl Default for JobOptions {
    fn default() -> Self {
        Self {
            job_type: JobType::Workflow,
            name: None,
            payload: None,
            queue: WORKFLOW_QUEUE.to_owned(),
            priority: 0,
            begin: Begin::AtOnce,
            max_attempts: None,
            place: None,
            webhook: None,
        }
    }
}

/// When a job may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// As soon as a slot is free.
    AtOnce,
    /// At a time in Unix milliseconds; at once if it has passed.
    At(i64),
    /// So many milliseconds after it is handed in.
    After(i64),
}

impl Begin {
    /// The time for a job that is handed in at `now`.
    pub(super) fn time(self, now: i64) -> i64 {
        match self {
            Self::AtOnce => now,
            Self::At(time) => time.max(now),
            Self::After(delay) => now.saturating_add(delay.max(0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Begin;

    #[test]
    fn a_job_begins_no_earlier_than_it_is_handed_in() {
        assert_eq!(Begin::AtOnce.time(100), 100);
        assert_eq!([5, 100, 101].map(|time| Begin::At(time).time(100)), [100, 100, 101]);
        assert_eq!([-5, 0, 7, i64::MAX].map(|delay| Begin::After(delay).time(100)), [100, 100, 107, i64::MAX]);
    }
}
