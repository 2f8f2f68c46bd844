//! Blocks that users upload: received, compiled, activated, granted to, deleted, and known to every process on the database.

mod problem;
mod receive;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use semver::Version;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Catalogue;
use crate::config::UploadConfig;
use crate::domain::{BlockType, Grant, Missing, Sources, UserId, audit};
use crate::store::{Activation, BLOCKS_CHANGED, DeletedBlock, Notice, Store, StoreError, UploadRow};

pub use problem::{INTERNAL, NOT_OWNER, RESERVED, UploadProblem, VERSION_EXISTS};
pub use receive::{Received, TOO_MANY, Uploader};

use receive::millis;

/// How long an upload is this process's own after the last sign of life.
const CLAIM: Duration = Duration::from_secs(60);
/// Time between two signs of life.
const RENEWAL: Duration = Duration::from_secs(15);
/// Uploads taken over at once.
const MOST_TAKEN: u32 = 16;
/// How long a component is kept that nothing names.
const UNUSED: Duration = Duration::from_secs(3600);
/// How long the end of an upload is remembered.
const REMEMBERED: Duration = Duration::from_secs(7 * 24 * 3600);

/// What users upload. Cloning is cheap.
#[derive(Clone)]
pub struct Uploads(Arc<Inner>);

struct Inner {
    store: Store,
    catalogue: Catalogue,
    sources: Sources,
    config: UploadConfig,
    /// Names this process.
    owner: String,
    /// One permit an upload that is compiled: the others leave the turns to calls whose component has to be compiled.
    compiling: Semaphore,
    /// One permit an upload that is not done.
    places: Arc<Semaphore>,
    stopping: CancellationToken,
    tasks: TaskTracker,
}

/// Why a version does not become the active one.
#[derive(Debug, thiserror::Error)]
pub enum ActivateError {
    /// There is no such type among the uploaded ones.
    #[error("there is no uploaded block `{0}`")]
    UnknownBlock(BlockType),
    /// The type has no such version.
    #[error("block `{0}` has no version {1}")]
    UnknownVersion(BlockType, Version),
    /// It asks for more than it is granted.
    #[error("block `{0}` {1} asks for more than it is granted")]
    NotGranted(BlockType, Version, Box<Missing>),
    /// It, or its grant, is another than when it was looked at.
    #[error("block `{0}` {1} or its grant was changed at the same moment; look at it again")]
    Changed(BlockType, Version),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Uploads {
    /// Of these parts.
    pub fn new(store: Store, catalogue: Catalogue, config: UploadConfig, sources: Sources) -> Self {
        let owner = format!("{}-{}", std::process::id(), sources.id());
        let compiling = Semaphore::new(catalogue.runtime().config().compile_concurrency.max(1));
        let places = Arc::new(Semaphore::new(config.waiting));
        let (stopping, tasks) = (CancellationToken::new(), TaskTracker::new());
        catalogue.attach(store.clone());
        let inner = Inner { store, catalogue, sources, config, owner, compiling, places, stopping, tasks };
        Self(Arc::new(inner))
    }

    /// The operator's limits.
    pub fn config(&self) -> &UploadConfig {
        &self.0.config
    }

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
        self.spawn(async move { inner.warm_up().await });
        Ok(())
    }

    /// Stop. What is not compiled is gone on with by another process, or after the next start.
    pub async fn stop(&self) {
        self.0.stopping.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stopping = self.0.stopping.clone();
        self.0.tasks.spawn(async move {
            stopping.run_until_cancelled_owned(work).await;
        });
    }

    /// One round of housekeeping; with `all` every upload that is not done is taken over.
    async fn look_after(&self, all: bool) {
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
        let inner = Arc::clone(&self.0);
        self.spawn(async move {
            if let Err(error) = inner.catalogue.refresh().await {
                tracing::error!(%error, "the blocks cannot be read again");
            }
        });
    }

    /// An upload by its id.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn upload(&self, id: &str) -> Result<Option<UploadRow>, StoreError> {
        self.0.store.upload(id).await
    }

    /// Make a version of an uploaded block the one that is used without a pin. Executions keep what they started with.
    ///
    /// # Errors
    /// If there is no such version, or it asks for more than it is granted.
    pub async fn activate(
        &self,
        user: &UserId,
        block_type: &BlockType,
        version: &Version,
    ) -> Result<(), ActivateError> {
        let inner = &self.0;
        let known = inner.catalogue.versions(block_type).filter(|versions| versions.owner.is_some());
        let known = known.ok_or_else(|| ActivateError::UnknownBlock(block_type.clone()))?;
        let unknown = || ActivateError::UnknownVersion(block_type.clone(), version.clone());
        let block = known.all.get(version).ok_or_else(unknown)?;
        let missing = inner.catalogue.missing(block);
        if !missing.is_empty() {
            return Err(ActivateError::NotGranted(block_type.clone(), version.clone(), Box::new(missing)));
        }
        let entry = inner.entry(user, audit::BLOCK_ACTIVATED, block_type, &json!({"version": version.to_string()}));
        let activation = Activation {
            block_type: block_type.clone(),
            version: version.clone(),
            digest: block.digest().to_owned(),
            grant: Grant::clone(&inner.catalogue.grant(block_type)),
            now: inner.sources.now_ms(),
        };
        let is_active = inner.store.activate_block(activation, entry).await?;
        inner.catalogue.refresh().await?;
        if is_active { Ok(()) } else { Err(ActivateError::Changed(block_type.clone(), version.clone())) }
    }

    /// Set what a type may do, from its next call on; `false` if the type is gone.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn grant(&self, user: &UserId, block_type: &BlockType, grant: Grant) -> Result<bool, StoreError> {
        let inner = &self.0;
        let known = inner.catalogue.versions(block_type);
        let uploaded = known.is_none_or(|versions| versions.owner.is_some());
        let details = json!({"before": &*inner.catalogue.grant(block_type), "after": &grant});
        let entry = inner.entry(user, audit::BLOCK_GRANTED, block_type, &details);
        let now = inner.sources.now_ms();
        let is_there = inner.store.grant_block(block_type.clone(), grant, uploaded, now, entry).await?;
        inner.catalogue.refresh().await?;
        Ok(is_there)
    }

    /// Delete an uploaded block with its versions and its grant, unless something uses it.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn delete(&self, user: &UserId, block_type: &BlockType) -> Result<DeletedBlock, StoreError> {
        let inner = &self.0;
        let entry = inner.entry(user, audit::BLOCK_DELETED, block_type, &json!({}));
        let deleted = inner.store.delete_block(block_type.clone(), entry).await?;
        if deleted == DeletedBlock::Deleted {
            inner.catalogue.refresh().await?;
        }
        Ok(deleted)
    }
}

impl Inner {
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

impl std::fmt::Debug for Uploads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Uploads").field("config", &self.0.config).finish_non_exhaustive()
    }
}
