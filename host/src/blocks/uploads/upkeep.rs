//! What is looked after all the time: uploads that were left, what is left of them, and what other processes change.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::receive::millis;
use super::{CLAIM, Inner, Uploads};
use crate::store::{BLOCKS_CHANGED, Notice, StoreError};

/// Time between two signs of life, and between two looks at the blocks if nobody tells of a change.
const RENEWAL: Duration = Duration::from_secs(15);
/// Uploads taken over at once.
const MOST_TAKEN: u32 = 16;
/// How long a component is kept that nothing names.
const UNUSED: Duration = Duration::from_secs(3600);
/// How long the end of an upload is remembered.
const REMEMBERED: Duration = Duration::from_secs(7 * 24 * 3600);
/// Before the blocks are read again after that has failed; it doubles each time, up to [`RENEWAL`].
const READ_AGAIN: Duration = Duration::from_millis(100);
/// How long a stop waits for the database.
const PARTING: Duration = Duration::from_secs(5);

impl Uploads {
    /// Offer what was uploaded before, go on with what was left, and keep doing so. Active blocks are loaded in the
    /// background.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn start(&self) -> Result<(), StoreError> {
        self.0.catalogue.refresh().await?;
        let uploads = self.clone();
        self.spawn(async move {
            // Nobody else can be at work on a database that is this process's alone.
            let mut all = !uploads.0.store.is_shared();
            loop {
                uploads.look_after(std::mem::take(&mut all)).await;
                tokio::time::sleep(RENEWAL).await;
            }
        });
        let inner = Arc::clone(&self.0);
        self.spawn(async move { inner.keep_up(RENEWAL).await });
        let inner = Arc::clone(&self.0);
        self.spawn(async move { inner.warm_up().await });
        Ok(())
    }

    /// Stop. What is not compiled is given back, and gone on with by another process, or after the next start.
    pub async fn stop(&self) {
        let inner = &self.0;
        inner.stopping.cancel();
        inner.tasks.close();
        inner.tasks.wait().await;
        // That it was begun is not held against it: nothing has gone wrong.
        let begun = std::mem::take(&mut *inner.begun.lock().unwrap_or_else(PoisonError::into_inner));
        let given_back = inner.store.release_uploads(&inner.owner, begun.into_iter().collect());
        match tokio::time::timeout(PARTING, given_back).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "uploads that are not compiled are not given back"),
            Err(_) => tracing::warn!("uploads that are not compiled are not given back: the database does not answer"),
        }
    }

    /// One round of housekeeping; with `all` every upload that is not done is taken over.
    pub(super) async fn look_after(&self, all: bool) {
        let inner = &self.0;
        let now = inner.sources.now_ms();
        let since = if all { i64::MAX } else { now };
        let until = now.saturating_add(millis(CLAIM));
        match inner.store.claim_uploads(&inner.owner, since, until, MOST_TAKEN).await {
            Ok(left) => left.into_iter().for_each(|upload| self.take_over(upload)),
            Err(error) => tracing::warn!(%error, "uploads cannot be looked after"),
        }
        let swept = async {
            while inner.store.sweep_components(now.saturating_sub(millis(UNUSED))).await? {}
            inner.store.forget_uploads(now.saturating_sub(millis(REMEMBERED))).await
        };
        if let Err(error) = swept.await {
            tracing::warn!(%error, "what is left of uploads cannot be removed");
        }
    }

    /// Something was committed by a process on the same database.
    pub fn hear(&self, notice: &Notice) {
        match notice {
            Notice::Changed(kind) if kind == BLOCKS_CHANGED => {}
            Notice::Lost => {}
            _ => return,
        }
        self.0.changed.notify_one();
    }
}

impl Inner {
    /// Read the blocks again whenever they were changed, and `every` so often without a word of it: what could not be read,
    /// or was not told, must not be missed for long.
    pub(super) async fn keep_up(&self, every: Duration) {
        loop {
            // Either will do.
            drop(tokio::time::timeout(every, self.changed.notified()).await);
            let mut delay = READ_AGAIN;
            while let Err(error) = self.catalogue.refresh().await {
                tracing::error!(%error, "the blocks cannot be read again yet");
                tokio::time::sleep(delay).await;
                delay = (delay * 2).min(RENEWAL);
            }
        }
    }

    /// Load the active blocks, so that their first calls need not.
    async fn warm_up(&self) {
        for (_, versions) in self.catalogue.types() {
            let active = versions.active.as_ref().filter(|_| versions.owner.is_some());
            if let Some(block) = active.and_then(|version| versions.all.get(version)) {
                block.load().await;
            }
        }
    }
}
