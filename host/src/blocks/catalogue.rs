//! Which blocks there are, in which versions.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use jsonschema::Validator;
use semver::Version;
use serde_json::Value;

use super::access::{self, Grants, Settings};
use super::schema::Schema;
use super::{Block, builtin};
use crate::capabilities::Capabilities;
use crate::domain::block::Pin;
use crate::domain::{BlockRef, BlockType, Grant, Manifest};
use crate::runtime::{CallFailure, Component, ComponentError, Runtime};

/// Every block that this process can call.
#[derive(Clone)]
pub struct Catalogue {
    runtime: Runtime,
    types: Arc<RwLock<BTreeMap<BlockType, Versions>>>,
    generation: Arc<AtomicU64>,
    grants: Grants,
}

/// The versions of one type.
#[derive(Clone, Debug)]
pub struct Versions {
    /// The one that is used without a pin.
    pub active: Version,
    /// All of them.
    pub all: BTreeMap<Version, Arc<Block>>,
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
}

/// Why a component is no block.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// It cannot be loaded.
    #[error(transparent)]
    Component(#[from] ComponentError),
    /// Its `manifest` fails.
    #[error("its manifest cannot be read: {}", .0.error)]
    ManifestCall(CallFailure),
    /// Its manifest is not what `wit/manifest.schema.json` describes.
    #[error("its manifest is invalid{0}")]
    Manifest(String),
    /// The same type and version is there with other bytes.
    #[error("block `{0}` {1} is already there with other content")]
    Exists(BlockType, Version),
}

impl Catalogue {
    /// The blocks that ship inside the binary.
    ///
    /// # Errors
    /// If one does not load, which a test rules out.
    pub async fn with_builtins(runtime: Runtime) -> Result<Self, RegisterError> {
        let catalogue = Self { runtime, types: Arc::default(), generation: Arc::default(), grants: Grants::default() };
        let loads = builtin::COMPONENTS.iter().map(|(_, digest, bytes)| {
            let load = catalogue.runtime.load_known(bytes::Bytes::from_static(bytes), digest);
            async { catalogue.add(load.await?).await }
        });
        for block in futures::future::try_join_all(loads).await? {
            let settings = catalogue.runtime.capabilities().vault.settings();
            let grant = || Grant::of_builtin(&block.manifest, |name| settings.get(name).cloned());
            catalogue.grants.set_default(&block.manifest.block_type, grant);
        }
        Ok(catalogue)
    }

    /// Load a component, ask it what it is, and offer it. The newest version of a type becomes the active one.
    ///
    /// # Errors
    /// If it is no block, or another one has its type and version.
    pub async fn register(&self, bytes: bytes::Bytes) -> Result<Arc<Block>, RegisterError> {
        self.add(self.runtime.load(bytes).await?).await
    }

    async fn add(&self, component: Component) -> Result<Arc<Block>, RegisterError> {
        let manifest = self.runtime.manifest(&component).await.map_err(RegisterError::ManifestCall)?;
        let block = Arc::new(self.block(component, &manifest)?);
        let (block_type, version) = (block.manifest.block_type.clone(), block.manifest.version.clone());
        let mut types = self.types.write().unwrap_or_else(PoisonError::into_inner);
        let versions = types
            .entry(block_type.clone())
            .or_insert_with(|| Versions { active: version.clone(), all: BTreeMap::new() });
        if let Some(known) = versions.all.get(&version) {
            let same = known.digest() == block.digest();
            return if same { Ok(Arc::clone(known)) } else { Err(RegisterError::Exists(block_type, version)) };
        }
        versions.active = version.clone().max(versions.active.clone());
        versions.all.insert(version, Arc::clone(&block));
        self.generation.fetch_add(1, Ordering::Release);
        Ok(block)
    }

    fn block(&self, component: Component, manifest: &str) -> Result<Block, RegisterError> {
        let invalid = |what: String| RegisterError::Manifest(format!(": {what}"));
        let value: Value = serde_json::from_str(manifest).map_err(|error| invalid(error.to_string()))?;
        if let Some(error) = manifest_schema().and_then(|schema| schema.iter_errors(&value).next()) {
            return Err(RegisterError::Manifest(format!(" at `{}`: {error}", error.instance_path())));
        }
        let manifest: Manifest = serde_json::from_value(value).map_err(|error| invalid(error.to_string()))?;
        let schema = |which: &str, schema: &Value| {
            Schema::compile(schema).map_err(|error| invalid(format!("{which} is no JSON Schema: {error}")))
        };
        Ok(Block {
            config_schema: schema("configSchema", &manifest.config_schema)?,
            input_schema: schema("inputSchema", &manifest.input_schema)?,
            runtime: self.runtime.clone(),
            component,
            grants: self.grants.clone(),
            settings: Settings::new(&manifest.settings, self.runtime.capabilities().vault.settings()),
            recorded: access::recorded(&manifest).map_err(invalid)?,
            manifest,
        })
    }

    /// What its blocks can do besides computing.
    pub fn capabilities(&self) -> &Capabilities {
        self.runtime.capabilities()
    }

    /// What the operator allows a block type.
    pub fn grant(&self, block_type: &BlockType) -> Arc<Grant> {
        self.grants.of(block_type)
    }

    /// Allow a block type this and nothing else, from its next call on.
    pub fn set_grant(&self, block_type: BlockType, grant: Grant) {
        self.grants.set(block_type, grant);
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
        let wanted = match &block.pin {
            Pin::Active => Some(&versions.active),
            Pin::Major(major) if versions.active.major == *major => Some(&versions.active),
            Pin::Major(major) => versions.all.keys().rev().find(|version| version.major == *major),
            Pin::Exact(version) => Some(version),
        };
        wanted.and_then(|version| versions.all.get(version)).cloned().ok_or_else(|| ResolveError::UnknownVersion {
            block: block.clone(),
            versions: versions.all.keys().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        })
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

/// `wit/manifest.schema.json`; `None` only if it does not compile, which a test rules out.
fn manifest_schema() -> Option<&'static Validator> {
    static SCHEMA: std::sync::LazyLock<Option<Validator>> = std::sync::LazyLock::new(|| {
        let schema = serde_json::from_str(include_str!("../../../wit/manifest.schema.json")).ok()?;
        jsonschema::draft202012::new(&schema).ok()
    });
    SCHEMA.as_ref()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_manifest_schema_compiles() {
        assert!(super::manifest_schema().is_some());
    }
}
