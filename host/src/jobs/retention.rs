//! Removing what is old, so that the database does not grow for good.

use std::time::Duration;

use super::queue::Queue;
use crate::store::{Removed, StoreError};

/// How often it is looked for.
const INTERVAL: Duration = Duration::from_secs(60);
/// Jobs removed in one transaction at first, and at most. Fewer if that takes longer than [`LONGEST`].
const BATCH: u32 = 500;
/// How long others should wait for a transaction that removes.
const LONGEST: Duration = Duration::from_millis(100);
/// Pages of the database given back in one go: about 10 ms, in which nobody else writes.
const PAGES: u32 = 250;
/// How long a document without use is kept. Processes remember for ten minutes that one is stored.
const UNUSED_DOCUMENT_MS: i64 = 3_600_000;
/// How often documents are looked for that nothing refers to: the look is at all executions.
const DOCUMENTS_INTERVAL_MS: i64 = 1_800_000;

impl Queue {
    /// Start it. It ends with the process's work.
    pub(super) fn forget_old(&self) {
        let queue = self.clone();
        self.shared.tasks.spawn(async move {
            let stopping = queue.shared.hand_over.clone();
            let sweeping = async {
                let mut documents_at = i64::MIN;
                loop {
                    tokio::time::sleep(INTERVAL).await;
                    if let Err(error) = queue.sweep_again(&mut documents_at).await {
                        tracing::error!(%error, "what is old cannot be removed");
                    }
                }
            };
            tokio::select! {
                () = stopping.cancelled() => {}
                () = sweeping => {}
            }
        });
    }

    /// Remove what is older than it is kept: ended jobs, ended flows, idempotency keys, documents that nothing refers
    /// to. How many jobs went.
    ///
    /// # Errors
    /// If the store fails. What was removed until then stays so.
    pub async fn sweep(&self) -> Result<u64, StoreError> {
        let mut documents_at = i64::MIN;
        self.sweep_again(&mut documents_at).await
    }

    async fn sweep_again(&self, documents_at: &mut i64) -> Result<u64, StoreError> {
        let shared = &self.shared;
        let now = shared.sources.now_ms();
        let keys = now.saturating_sub(ms(shared.jobs.idempotency));
        in_steps(|limit| shared.store.remove_keys(keys, limit)).await?;
        if shared.jobs.retention.is_zero() {
            return Ok(0);
        }
        // Jobs whose events wait for webhooks stay until the next round.
        shared.pump.save();
        shared.store.news().notify_one();
        let before = now.saturating_sub(ms(shared.jobs.retention));
        let mut jobs = in_steps(|limit| shared.store.remove_jobs(before, limit)).await?;
        jobs += in_steps(|limit| shared.store.remove_flow_jobs(before, limit)).await?;
        let mut documents = 0;
        if *documents_at <= now.saturating_sub(DOCUMENTS_INTERVAL_MS) {
            *documents_at = now;
            let unused = now.saturating_sub(UNUSED_DOCUMENT_MS);
            documents = shared.store.remove_documents(now, unused, BATCH).await?;
        }
        if jobs > 0 || documents > 0 {
            tracing::info!(jobs, documents, "removed what was old");
        }
        // Also what an earlier round has not come to.
        self.give_back().await?;
        Ok(jobs)
    }

    /// Give the space that is free now back to the file system, a little at a time.
    async fn give_back(&self) -> Result<(), StoreError> {
        let mut left = u64::MAX;
        loop {
            let now = self.shared.store.reclaim(PAGES).await?;
            // Whatever others free meanwhile is for the next time.
            if now == 0 || now >= left {
                return Ok(());
            }
            left = now;
            tokio::task::yield_now().await;
        }
    }
}

/// Remove until nothing is left, in transactions that are short. How many rows went.
async fn in_steps<F>(step: impl Fn(u32) -> F) -> Result<u64, StoreError>
where
    F: Future<Output = Result<Removed, StoreError>>,
{
    let (mut rows, mut limit) = (0, BATCH);
    loop {
        let begun = std::time::Instant::now();
        let removed = step(limit).await?;
        rows += removed.rows;
        if !removed.more {
            return Ok(rows);
        }
        limit = if begun.elapsed() > LONGEST { (limit / 2).max(1) } else { limit.saturating_mul(2).min(BATCH) };
        // Others come first.
        tokio::task::yield_now().await;
    }
}

fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
