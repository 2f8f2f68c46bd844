//! Blocks that users upload: received, compiled, activated, granted to, deleted, and known to every process on the database.

mod problem;
mod receive;
#[cfg(test)]
mod tests;
mod upkeep;

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use semver::Version;
use serde_json::json;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Catalogue;
use crate::config::UploadConfig;
use crate::domain::{BlockType, Grant, Missing, Sources, UserId, audit};
use crate::runtime::Component;
use crate::store::{Activation, DeletedBlock, Store, StoreError, UploadRow};

pub use problem::{DISK_FULL, INTERNAL, NOT_OWNER, RESERVED, UploadProblem, VERSION_EXISTS};
pub use receive::{Received, TOO_MANY, Uploader};

/// How long an upload is this process's own after the last sign of life.
const CLAIM: Duration = Duration::from_secs(60);

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
    /// Uploads that this process has begun to compile and has not done with.
    begun: Mutex<HashSet<String>>,
    /// Told that the blocks have to be read again.
    changed: Notify,
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
        Self(Arc::new(Inner {
            store,
            catalogue,
            sources,
            config,
            owner,
            compiling,
            places,
            begun: Mutex::default(),
            changed: Notify::new(),
            stopping,
            tasks,
        }))
    }

    /// The operator's limits.
    pub fn config(&self) -> &UploadConfig {
        &self.0.config
    }

    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stopping = self.0.stopping.clone();
        self.0.tasks.spawn(async move {
            stopping.run_until_cancelled_owned(work).await;
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
        // Looked at once: what is checked here has to be what the database is asked about.
        let grant = inner.catalogue.grant(block_type);
        let missing = grant.missing(&block.manifest, block.reveals);
        if !missing.is_empty() {
            return Err(ActivateError::NotGranted(block_type.clone(), version.clone(), Box::new(missing)));
        }
        let entry = inner.entry(user, audit::BLOCK_ACTIVATED, block_type, &json!({"version": version.to_string()}));
        let activation = Activation {
            block_type: block_type.clone(),
            version: version.clone(),
            digest: block.digest().to_owned(),
            grant: Grant::clone(&grant),
            now: inner.sources.now_ms(),
        };
        let is_active = inner.store.activate_block(activation, entry).await?;
        inner.know(None).await?;
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
        inner.know(None).await?;
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
            inner.know(None).await?;
        }
        Ok(deleted)
    }
}

impl Inner {
    /// Have this process know what it has changed: now, or else as soon as the database can be read.
    async fn know(&self, loaded: Option<Component>) -> Result<(), StoreError> {
        let known = self.catalogue.refresh_with(loaded).await;
        if known.is_err() {
            self.changed.notify_one();
        }
        known
    }
}

impl std::fmt::Debug for Uploads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Uploads").field("config", &self.0.config).finish_non_exhaustive()
    }
}
