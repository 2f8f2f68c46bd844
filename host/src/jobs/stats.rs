//! How much there was to do, how fast it was done, and how each queue stands.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::Duration;

use serde::Serialize;

use super::queue::Queue;
use crate::domain::{AuditEntry, Json, UserId, audit};
use crate::store::{JobTimes, MOST_TIMED, QueueCounts, StoreError, TypeCount};

/// What the jobs of all users came to.
#[derive(Clone, Debug)]
pub struct JobStats {
    /// By type and status.
    pub counts: Vec<TypeCount>,
    /// Those that have not ended, by queue.
    pub queues: BTreeMap<String, QueueCounts>,
    /// Ended in the last minute.
    pub last_minute: u64,
    /// Ended in the last hour.
    pub last_hour: u64,
    /// From when a job could begin to when it did.
    pub wait: Percentiles,
    /// From a job's beginning to its end.
    pub run: Percentiles,
    /// Jobs that the times are of.
    pub timed: usize,
    /// Whether more jobs than these ended in the window.
    pub truncated: bool,
}

/// Times that so many in a hundred jobs did not go beyond, in milliseconds; `None` without any jobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Percentiles {
    /// Half of them.
    pub p50: Option<i64>,
    /// All but one in twenty.
    pub p95: Option<i64>,
    /// All but one in a hundred.
    pub p99: Option<i64>,
}

/// A queue.
#[derive(Clone, Debug)]
pub struct QueueState {
    /// Its name.
    pub name: String,
    /// Since when it is paused, in Unix milliseconds.
    pub paused_at: Option<i64>,
    /// Jobs of it that may be at work at once, in all processes.
    pub concurrency: Option<u32>,
    /// Its jobs that have not ended.
    pub counts: QueueCounts,
}

impl Percentiles {
    fn of(mut times: Vec<i64>) -> Self {
        times.sort_unstable();
        // The nearest rank.
        let at = |percent: usize| times.get((times.len() * percent).div_ceil(100).saturating_sub(1)).copied();
        Self { p50: at(50), p95: at(95), p99: at(99) }
    }
}

impl Queue {
    /// What the jobs came to; the times are of those that ended in the last `window`.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn stats(&self, window: Duration) -> Result<JobStats, StoreError> {
        let store = &self.shared.store;
        let now = self.shared.sources.now_ms();
        let since = |ago: Duration| now.saturating_sub(i64::try_from(ago.as_millis()).unwrap_or(i64::MAX));
        let times = store.job_times(since(window)).await?;
        let each = |time: fn(&JobTimes) -> i64| Percentiles::of(times.iter().map(|of| time(of).max(0)).collect());
        Ok(JobStats {
            counts: store.job_counts().await?,
            queues: store.queue_counts().await?,
            last_minute: store.jobs_ended_since(since(Duration::from_secs(60))).await?,
            last_hour: store.jobs_ended_since(since(Duration::from_secs(3600))).await?,
            wait: each(|of| of.started_at.saturating_sub(of.ready_at)),
            run: each(|of| of.ended_at.saturating_sub(of.started_at)),
            timed: times.len(),
            truncated: times.len() >= MOST_TIMED as usize,
        })
    }

    /// The queues that there are, in the order of the configuration.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn queues(&self) -> Result<Vec<QueueState>, StoreError> {
        let jobs = &self.shared.jobs;
        let (paused, counts) = (self.shared.store.paused_queues().await?, self.shared.store.queue_counts().await?);
        let queues = jobs.queues.iter().map(|name| QueueState {
            name: name.clone(),
            paused_at: paused.get(name).copied(),
            concurrency: jobs.queue_concurrency.get(name).copied(),
            counts: counts.get(name).copied().unwrap_or_default(),
        });
        Ok(queues.collect())
    }

    /// Begin no more jobs of a queue, in any process, or begin them again; how it stands then. `None` if there is no such
    /// queue. What runs goes on.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn pause(&self, name: &str, paused: bool, user_id: &UserId) -> Result<Option<QueueState>, StoreError> {
        let shared = &self.shared;
        if !shared.jobs.queues.iter().any(|known| known == name) {
            return Ok(None);
        }
        let entry = AuditEntry {
            id: shared.sources.id(),
            at: shared.sources.now_ms(),
            user_id: user_id.clone(),
            action: if paused { audit::QUEUE_PAUSED } else { audit::QUEUE_RESUMED }.to_owned(),
            subject: format!("queue/{name}"),
            details: Json::null(),
        };
        shared.store.set_queue_paused(name, paused, entry).await?;
        self.load_paused().await?;
        if !paused {
            self.wake();
        }
        Ok(self.queues().await?.into_iter().find(|queue| queue.name == name))
    }

    /// Take note of which queues are paused.
    pub(super) async fn load_paused(&self) -> Result<(), StoreError> {
        let names = self.shared.store.paused_queues().await?.into_keys().collect();
        *self.shared.paused.lock().unwrap_or_else(PoisonError::into_inner) = names;
        Ok(())
    }

    /// The same, when another process has changed something.
    pub(super) fn reload_paused(&self) {
        let queue = self.clone();
        self.shared.tasks.spawn(async move {
            if let Err(error) = queue.load_paused().await {
                tracing::error!(%error, "which queues are paused cannot be read");
            }
            queue.wake();
        });
    }

    /// Whether a queue is paused, as far as this process knows. Claims look for themselves.
    pub(super) fn is_paused(&self, name: &str) -> bool {
        self.shared.paused.lock().unwrap_or_else(PoisonError::into_inner).contains(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_the_nearest_rank() {
        let of = |times: std::ops::RangeInclusive<i64>| {
            let Percentiles { p50, p95, p99 } = Percentiles::of(times.rev().collect());
            (p50.unwrap_or(-1), p95.unwrap_or(-1), p99.unwrap_or(-1))
        };
        assert_eq!(of(1..=100), (50, 95, 99));
        assert_eq!(of(1..=10), (5, 10, 10));
        assert_eq!(of(7..=7), (7, 7, 7));
        assert_eq!(Percentiles::of(Vec::new()), Percentiles::default());
    }
}
