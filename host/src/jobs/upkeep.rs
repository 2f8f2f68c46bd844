//! What goes on beside the work: leases are renewed, those of others that ended are noticed, and what other processes
//! tell is heard.

use std::time::Duration;

use super::queue::Queue;
use crate::domain::JobId;
use crate::store::{Notice, QUEUES_CHANGED, WEBHOOKS_CHANGED};

impl Queue {
    /// Start it. It ends with the process's work.
    pub(super) fn keep_up(&self) {
        if !self.shared.store.is_shared() {
            // The lock on the database is the lease.
            return;
        }
        let queue = self.clone();
        self.shared.tasks.spawn(async move {
            let stopping = queue.shared.hand_over.clone();
            tokio::select! {
                () = stopping.cancelled() => {}
                () = queue.beat() => {}
            }
        });
    }

    pub(super) fn lease_ms(&self) -> i64 {
        i64::try_from(self.shared.jobs.lease.as_millis()).unwrap_or(i64::MAX)
    }

    /// Act on what another process, or this one, has told.
    pub fn hear(&self, notice: &Notice) {
        match notice {
            Notice::Jobs => self.wake(),
            Notice::Cancel(execution_id) => {
                if let Some(live) = self.live(&JobId::from(execution_id)) {
                    live.cancel.cancel();
                }
            }
            Notice::Changed(kind) if kind == QUEUES_CHANGED => self.reload_paused(),
            Notice::Changed(kind) if kind == WEBHOOKS_CHANGED => self.webhooks_changed(),
            // It wakes too.
            Notice::Lost => {
                self.reload_paused();
                self.webhooks_changed();
            }
            Notice::Events(_) => self.shared.store.news().notify_one(),
            Notice::Changed(_) => {}
        }
    }

    async fn beat(&self) {
        let interval = (self.shared.jobs.lease / 3).max(Duration::from_millis(10));
        loop {
            tokio::time::sleep(interval).await;
            self.renew().await;
            self.take_over().await;
        }
    }

    async fn renew(&self) {
        let shared = &self.shared;
        let held = self.held();
        if held.is_empty() {
            return;
        }
        match shared.store.renew_leases(&shared.owner, held, self.lease_ms(), &shared.sources).await {
            Ok(renewed) => {
                for live in renewed.lost.iter().filter_map(|id| self.live(id)) {
                    live.hand_over.cancel();
                }
                for live in renewed.cancel.iter().filter_map(|id| self.live(id)) {
                    live.cancel.cancel();
                }
            }
            Err(error) => tracing::error!(%error, "leases cannot be renewed"),
        }
    }

    async fn take_over(&self) {
        let shared = &self.shared;
        // What is at work here is not gone, however late its lease was renewed.
        match shared.store.take_over(shared.sources.now_ms(), false, self.held()).await {
            Ok(0) => {}
            Ok(jobs) => {
                tracing::warn!(jobs, "took over jobs of a worker that is gone");
                self.wake();
            }
            Err(error) => tracing::error!(%error, "jobs of workers that are gone cannot be taken over"),
        }
    }
}
