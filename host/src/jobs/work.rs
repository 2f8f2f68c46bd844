//! Claiming jobs, and letting go of them at the end.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use super::queue::Queue;
use crate::store::{ClaimRequest, Claimed, QueueLimit, StoreError};

/// Jobs claimed at once.
const CLAIMS: usize = 16;
/// Time between two looks at the slots while the process stops.
const SLOT_LOOK: Duration = Duration::from_millis(50);
/// Longest time between two looks while a delayed job waits for its time.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);
/// First wait after the store failed; it doubles up to [`MAX_STORE_WAIT`].
pub(super) const STORE_WAIT: Duration = Duration::from_millis(250);
pub(super) const MAX_STORE_WAIT: Duration = Duration::from_secs(30);

impl Queue {
    /// Begin to claim jobs, if this process is a worker, and keep what it holds. What a process that is gone has left
    /// unfinished is taken back.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn start(&self) -> Result<(), StoreError> {
        let shared = &self.shared;
        // With a database of its own nobody else can be at work.
        let alone = !shared.store.is_shared();
        let recovered = shared.store.take_over(shared.sources.now_ms(), alone, Vec::new()).await?;
        if recovered > 0 {
            tracing::info!(jobs = recovered, "going on with jobs that were cut off");
        }
        self.load_paused().await?;
        let seen = shared.backlog.seen();
        if shared.store.counts().await?.pending_jobs == 0 {
            shared.backlog.emptied(&seen);
        }
        self.keep_up();
        self.keep_flows();
        if shared.jobs.worker {
            self.keep_schedules();
            self.forget_old();
            self.pump_webhooks();
            let queue = self.clone();
            shared.tasks.spawn(async move {
                let stopping = queue.shared.hand_over.clone();
                tokio::select! {
                    () = stopping.cancelled() => {}
                    () = queue.claim_jobs() => {}
                }
            });
        }
        shared.wake.notify_one();
        Ok(())
    }

    /// Stop claiming, hand over what does not end within the configured time, and wait until nothing runs.
    pub async fn stop(&self) {
        let shared = &self.shared;
        // No job gets a slot from here on; those that have one may end.
        shared.slots.close();
        let idle = async {
            loop {
                let freed = shared.freed.notified();
                if shared.slots.available_permits() >= shared.config.execution_concurrency.max(1) {
                    return;
                }
                // The claim that is under way gives its slots back without a word.
                let _ = tokio::time::timeout(SLOT_LOOK, freed).await;
            }
        };
        if tokio::time::timeout(shared.config.shutdown_grace, idle).await.is_err() {
            tracing::info!("handing over executions that still run");
        }
        shared.hand_over.cancel();
        shared.tasks.close();
        shared.tasks.wait().await;
        // Handed over on purpose, which does not count against them as a death of their process does.
        if let Err(error) = shared.store.release_jobs(&shared.owner, shared.sources.now_ms()).await {
            tracing::warn!(%error, "jobs cannot be handed over; they are taken back later");
        }
    }

    async fn claim_jobs(&self) {
        let shared = &self.shared;
        let mut wait = STORE_WAIT;
        let mut turn = 0;
        loop {
            let Ok(mut slots) = Arc::clone(&shared.slots).acquire_owned().await else { return };
            while slots.num_permits() < CLAIMS
                && let Ok(more) = Arc::clone(&shared.slots).try_acquire_owned()
            {
                slots.merge(more);
            }
            let seen = shared.backlog.seen();
            // From now on: a job that ends during the claim may be what others have to wait for.
            let freed = shared.freed.notified();
            let wanted = slots.num_permits();
            turn += 1;
            match self.claim(wanted, turn).await {
                Ok(Claimed { jobs, next_due, held_back }) => {
                    wait = STORE_WAIT;
                    let all = jobs.len() == wanted;
                    for job in jobs {
                        let Some(slot) = slots.split(1) else { break };
                        self.take(job, slot);
                    }
                    drop(slots);
                    if !all {
                        if !held_back {
                            shared.backlog.emptied(&seen);
                        }
                        let freed = held_back.then_some(freed);
                        self.sleep(next_due, freed).await;
                    }
                }
                Err(error) => {
                    drop(slots);
                    tracing::error!(%error, "jobs cannot be claimed");
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(MAX_STORE_WAIT);
                }
            }
        }
    }

    /// Until somebody tells of a job, the next delayed one is due, or a job that stood in the way has ended.
    async fn sleep(&self, next_due: Option<i64>, freed: Option<impl Future<Output = ()>>) {
        let shared = &self.shared;
        let due = next_due.map(|due| {
            let left = due.saturating_sub(shared.sources.now_ms());
            Duration::from_millis(u64::try_from(left).unwrap_or(0))
        });
        let poll = shared.store.is_shared().then_some(shared.jobs.poll_interval);
        // The clock may be set while this waits.
        let longest = due.map(|due| due.min(LONGEST_SLEEP)).into_iter().chain(poll).min();
        let told = async {
            tokio::select! {
                () = shared.wake.notified() => {}
                () = async { if let Some(freed) = freed { freed.await } else { pending().await } } => {}
            }
        };
        match longest {
            Some(longest) => drop(tokio::time::timeout(longest, told).await),
            None => told.await,
        }
    }

    async fn claim(&self, wanted: usize, turn: usize) -> Result<Claimed, StoreError> {
        let shared = &self.shared;
        let now = shared.sources.now_ms();
        let mut queues: Vec<QueueLimit> = shared.jobs.queues.iter().map(|name| self.limit(name)).collect();
        // Each comes first in turn, so that a full queue does not keep the others waiting.
        let first = turn % queues.len().max(1);
        queues.rotate_left(first);
        let request = ClaimRequest {
            owner: shared.owner.clone(),
            now,
            lease_until: now.saturating_add(self.lease_ms()),
            limit: u32::try_from(wanted).unwrap_or(1),
            queues,
            per_user: shared.jobs.user_concurrency,
        };
        shared.store.claim_jobs(request).await
    }

    fn limit(&self, name: &str) -> QueueLimit {
        QueueLimit { name: name.to_owned(), at_most: self.shared.jobs.limit_of(name) }
    }
}
