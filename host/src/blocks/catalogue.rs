//! Which blocks there are, in which versions.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use futures::{StreamExt as _, TryStreamExt as _};
use semver::Version;
use tokio::sync::Mutex;

use super::access::Grants;
use super::code::Code;
use super::register::{self, RegisterError};
use super::{Block, builtin};
use crate::capabilities::Capabilities;
use crate::domain::block::Pin;
use crate::domain::{BlockRef, BlockType, Grant, Missing, UserId};
use crate::runtime::{Component, Runtime};
use crate::store::{BlockRows, BlockVersionRow, Store, StoreError};

/// Every block that this process can call.
#[derive(Clone)]
pub struct Catalogue {
    runtime: Runtime,
    types: Arc<RwLock<BTreeMap<BlockType, Versions>>>,
    generation: Arc<AtomicU64>,
    grants: Grants,
    stored: Arc<Stored>,
}

/// Where uploaded blocks are kept.
#[derive(Default)]
struct Stored {
    store: OnceLock<Store>,
    /// What was read last and is offered whole. Held from reading the rows to applying them, so that the newest are
    /// applied last.
    offered: Mutex<Option<BlockRows>>,
}

/// The versions of one type.
#[derive(Clone, Debug, Default)]
pub struct Versions {
    /// The one that is used without a pin.
    pub active: Option<Version>,
    /// All of them.
    pub all: BTreeMap<Version, Arc<Block>>,
    /// Who first uploaded it; nobody if it ships with the server or comes from its command line.
    pub owner: Option<UserId>,
    /// Of an uploaded type: those that were active at some time.
    pub activated: BTreeSet<Version>,
}

impl Versions {
    /// The active version, or the newest while none is.
    pub fn shown(&self) -> Option<&Arc<Block>> {
        let active = self.active.as_ref().and_then(|version| self.all.get(version));
        active.or_else(|| self.all.values().next_back())
    }
}

/// Why a node's block cannot be found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// No block has this type.
    #[error("there is no block `{0}`")]
    UnknownBlock(BlockType),
    /// The block has no such version.
    #[error("block `{block}` has no such version; it has {versions}")]
    UnknownVersion {
        /// As the node names it.
        block: BlockRef,
        /// Those that there are.
        versions: String,
    },
    /// It was uploaded, and no version was activated yet.
    #[error("no version of block `{block}` is active; it has {versions}")]
    NotActive {
        /// As the node names it.
        block: BlockRef,
        /// Those that there are.
        versions: String,
    },
    /// It asks for more than it is granted.
    #[error("block `{0}` {1} asks for more than it is granted")]
    Pending(BlockType, Version),
}

impl ResolveError {
    /// Stable and machine-readable.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownBlock(_) => "unknown-block",
            Self::UnknownVersion { .. } => "unknown-version",
            Self::NotActive { .. } => "not-active",
            Self::Pending(..) => "not-granted",
        }
    }
}

impl Catalogue {
    /// No blocks.
    pub fn empty(runtime: Runtime) -> Self {
        Self {
            runtime,
            types: Arc::default(),
            generation: Arc::default(),
            grants: Grants::default(),
            stored: Arc::default(),
        }
    }

    /// The blocks that ship inside the binary.
    ///
    /// # Errors
    /// If one does not load, which a test rules out.
    pub async fn with_builtins(runtime: Runtime) -> Result<Self, RegisterError> {
        let catalogue = Self::empty(runtime);
        let blocks = builtin::COMPONENTS.iter().map(|(_, digest, bytes)| catalogue.builtin(digest, bytes));
        // Compiling one of them, at the first start, takes a core and a good deal of memory.
        let at_once = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let blocks: Vec<Block> = futures::stream::iter(blocks).buffered(at_once).try_collect().await?;
        for block in blocks {
            let block = catalogue.offer(block)?;
            catalogue.grants.set_default(&block.manifest.block_type, || catalogue.shipped_grant(&block));
        }
        Ok(catalogue)
    }

    /// Load a component, ask it what it is, and offer it. The newest version of a type becomes the active one.
    ///
    /// # Errors
    /// If it is no block, or another one has its type and version.
    pub async fn register(&self, bytes: bytes::Bytes) -> Result<Arc<Block>, RegisterError> {
        self.offer(self.inspect(self.runtime.load(bytes).await?).await?.0)
    }

    /// One that ships inside the binary. What it said of itself at an earlier start is kept with its compiled code, which
    /// is then loaded when it is first called.
    async fn builtin(&self, digest: &str, bytes: &'static [u8]) -> Result<Block, RegisterError> {
        if let Some(manifest) = self.runtime.kept_manifest(digest).await {
            let code = Code::embedded(digest.to_owned(), bytes);
            match register::block(&self.runtime, &self.grants, code, false, &manifest) {
                Ok(block) => return Ok(block),
                Err(error) => tracing::warn!(digest, %error, "a kept manifest is of no use; the block is asked again"),
            }
        }
        let component = self.runtime.load_known(bytes::Bytes::from_static(bytes), digest).await?;
        let reveals = component.reveals();
        let (block, manifest) = self.inspect(component).await?;
        if !reveals {
            self.runtime.keep_manifest(digest, &manifest).await;
        }
        Ok(block)
    }

    fn offer(&self, block: Block) -> Result<Arc<Block>, RegisterError> {
        let block = Arc::new(block);
        let (block_type, version) = (block.manifest.block_type.clone(), block.manifest.version.clone());
        let mut types = self.types.write().unwrap_or_else(PoisonError::into_inner);
        let versions = types.entry(block_type.clone()).or_default();
        if let Some(known) = versions.all.get(&version) {
            let same = known.digest() == block.digest();
            return if same { Ok(Arc::clone(known)) } else { Err(RegisterError::Exists(block_type, version)) };
        }
        versions.active = versions.active.clone().max(Some(version.clone()));
        versions.all.insert(version, Arc::clone(&block));
        self.generation.fetch_add(1, Ordering::Release);
        Ok(block)
    }

    /// Ask a component what it is, and check that. The block is not offered; with it comes the manifest as it was given.
    pub(super) async fn inspect(&self, component: Component) -> Result<(Block, String), RegisterError> {
        let manifest = self.runtime.manifest(&component).await.map_err(RegisterError::ManifestCall)?;
        let reveals = component.reveals();
        let block = register::block(&self.runtime, &self.grants, Code::loaded(component), reveals, &manifest)?;
        register::verify(&self.runtime, &block).await?;
        Ok((block, manifest))
    }

    /// Offer what `store` keeps, too, from the next [`Catalogue::refresh`] on. The first store stays.
    pub(super) fn attach(&self, store: Store) {
        self.stored.store.get_or_init(|| store);
    }

    /// Offer what the store has now: after a change, and for who looks for a block that another process may have added a
    /// moment ago.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        self.refresh_with(None).await
    }

    /// The same with a component that need not be loaded again.
    pub(super) async fn refresh_with(&self, loaded: Option<Component>) -> Result<(), StoreError> {
        let Some(store) = self.stored.store.get() else { return Ok(()) };
        let mut offered = self.stored.offered.lock().await;
        let rows = store.blocks().await?;
        if offered.as_ref() != Some(&rows) {
            let is_whole = self.apply(rows.clone(), store, loaded.as_ref());
            *offered = is_whole.then_some(rows);
        }
        Ok(())
    }

    /// Offer these rows and nothing else of what was uploaded; whether none had to be left out.
    fn apply(&self, rows: BlockRows, store: &Store, loaded: Option<&Component>) -> bool {
        let mut is_whole = true;
        self.grants.store(rows.grants.into_iter().collect());
        let mut uploaded: BTreeMap<BlockType, Versions> = rows
            .types
            .into_iter()
            .map(|row| {
                (row.block_type, Versions { active: row.active, owner: Some(row.user_id), ..Versions::default() })
            })
            .collect();
        for row in rows.versions {
            let Some(versions) = uploaded.get_mut(&row.block_type) else { continue };
            let known = self.versions(&row.block_type).filter(|known| known.owner.is_some());
            let known = known.and_then(|known| known.all.get(&row.version).cloned());
            // Made anew without the lock: compiling schemas takes its time.
            let block = known.filter(|block| block.digest() == row.digest);
            let block = block.or_else(|| self.restored(&row, store, loaded));
            versions.activated.extend(row.activated.then(|| row.version.clone()));
            is_whole &= block.is_some();
            versions.all.extend(block.map(|block| (row.version, block)));
        }
        let mut types = self.types.write().unwrap_or_else(PoisonError::into_inner);
        types.retain(|_, versions| versions.owner.is_none());
        for (block_type, versions) in uploaded.into_iter().filter(|(_, versions)| !versions.all.is_empty()) {
            if types.contains_key(&block_type) {
                tracing::warn!(%block_type, "an uploaded block is hidden by one of this server's own");
                continue;
            }
            types.insert(block_type, versions);
        }
        self.generation.fetch_add(1, Ordering::Release);
        is_whole
    }

    fn restored(&self, row: &BlockVersionRow, store: &Store, loaded: Option<&Component>) -> Option<Arc<Block>> {
        let code = Code::stored(
            row.digest.clone(),
            store.clone(),
            loaded.filter(|component| component.digest() == row.digest).cloned(),
        );
        match register::block(&self.runtime, &self.grants, code, row.reveals, row.manifest.as_str()) {
            Ok(block) => Some(Arc::new(block)),
            Err(error) => {
                tracing::error!(block = %row.block_type, version = %row.version, %error, "an uploaded block is left out");
                None
            }
        }
    }

    /// What its blocks can do besides computing.
    pub fn capabilities(&self) -> &Capabilities {
        self.runtime.capabilities()
    }

    pub(super) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// What the operator allows a block type.
    pub fn grant(&self, block_type: &BlockType) -> Arc<Grant> {
        self.grants.of(block_type)
    }

    /// Allow a block type this from its next call on, unless something else is stored for it.
    pub fn set_grant(&self, block_type: BlockType, grant: Grant) {
        self.grants.set(block_type, grant);
    }

    /// What a version asks for beyond its type's grant; of a block that ships with the product, what it came with beyond
    /// what is left to it.
    pub fn missing(&self, block: &Block) -> Missing {
        let grant = self.grant(&block.manifest.block_type);
        if builtin::is_builtin(block.digest()) {
            return grant.lacks(&self.shipped_grant(block));
        }
        grant.missing(&block.manifest, block.reveals)
    }

    /// What a block that ships with the product comes with.
    fn shipped_grant(&self, block: &Block) -> Grant {
        let settings = self.runtime.capabilities().vault.settings();
        Grant::of_builtin(&block.manifest, |name| settings.get(name).cloned())
    }

    /// Grows with every change of what a reference without a digest may mean.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The block that a node means.
    ///
    /// # Errors
    /// If there is none.
    pub fn resolve(&self, block: &BlockRef) -> Result<Arc<Block>, ResolveError> {
        let types = self.types.read().unwrap_or_else(PoisonError::into_inner);
        let versions =
            types.get(&block.block_type).ok_or_else(|| ResolveError::UnknownBlock(block.block_type.clone()))?;
        let names = || versions.all.keys().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let active = versions.active.as_ref();
        let wanted = match &block.pin {
            Pin::Active if active.is_none() => {
                return Err(ResolveError::NotActive { block: block.clone(), versions: names() });
            }
            Pin::Active => active,
            Pin::Major(major) if active.is_some_and(|active| active.major == *major) => active,
            Pin::Major(major) => {
                // An upload activates itself by no way round.
                let usable = |version: &&Version| versions.owner.is_none() || versions.activated.contains(*version);
                versions.all.keys().rev().filter(usable).find(|version| version.major == *major)
            }
            Pin::Exact(version) => Some(version),
        };
        let found = wanted.and_then(|version| versions.all.get_key_value(version));
        let (version, found) =
            found.ok_or_else(|| ResolveError::UnknownVersion { block: block.clone(), versions: names() })?;
        // The active one had its grant when it was activated; if that was narrowed, it has to do with less.
        let is_uploaded = versions.owner.is_some() && active != Some(version);
        if is_uploaded && !self.missing(found).is_empty() {
            return Err(ResolveError::Pending(block.block_type.clone(), version.clone()));
        }
        Ok(Arc::clone(found))
    }

    /// The block of this type with these bytes.
    pub fn by_digest(&self, block_type: &BlockType, digest: &str) -> Option<Arc<Block>> {
        let types = self.types.read().unwrap_or_else(PoisonError::into_inner);
        types.get(block_type)?.all.values().find(|block| block.digest() == digest).cloned()
    }

    /// All types, in order of their names.
    pub fn types(&self) -> Vec<(BlockType, Versions)> {
        let types = self.types.read().unwrap_or_else(PoisonError::into_inner);
        types.iter().map(|(block_type, versions)| (block_type.clone(), versions.clone())).collect()
    }

    /// The versions of one type.
    pub fn versions(&self, block_type: &BlockType) -> Option<Versions> {
        self.types.read().unwrap_or_else(PoisonError::into_inner).get(block_type).cloned()
    }
}

impl std::fmt::Debug for Catalogue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.types().iter().map(|(block_type, _)| block_type.to_string())).finish()
    }
}
