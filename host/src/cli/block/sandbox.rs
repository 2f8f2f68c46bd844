//! The real sandbox without a server: no database on disk, no built-in blocks.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;

use super::project;
use crate::blocks::{self, Catalogue};
use crate::capabilities::Capabilities;
use crate::capabilities::http::{HttpClient, SystemResolver};
use crate::capabilities::vault::Vault;
use crate::cli::settings::default_cache_dir;
use crate::config::{DatabaseConfig, HttpConfig, RuntimeConfig, SecretsConfig};
use crate::domain::Sources;
use crate::runtime::Runtime;
use crate::store::Store;

/// Largest file that is read as a component, in bytes: a server takes less.
const FILE_BYTES: u64 = 256 << 20;

/// What a command needs that runs blocks by itself.
#[derive(Debug, Args)]
pub(super) struct Local {
    /// Where compiled blocks are kept [default: $XDG_CACHE_HOME/blockyard or ~/.cache/blockyard]
    #[arg(long, env = "BLOCKYARD_CACHE_DIR", value_name = "DIR")]
    cache_dir: Option<PathBuf>,
}

/// Loads blocks and calls them.
pub(super) struct Sandbox {
    pub(super) sources: Sources,
    catalogue: Catalogue,
}

impl Local {
    /// A sandbox of its own; `environment` says whether secrets and settings come from variables, or there are none.
    pub(super) async fn sandbox(&self, environment: bool) -> anyhow::Result<Sandbox> {
        self.sandbox_with(environment, HttpConfig::default()).await
    }

    /// The same with settings of outgoing HTTP.
    pub(super) async fn sandbox_with(&self, environment: bool, http: HttpConfig) -> anyhow::Result<Sandbox> {
        let sources = Sources::system();
        // The vault writes down who was shown a secret's text. Here nobody reads it.
        let database = DatabaseConfig { url: "sqlite::memory:".to_owned(), ..DatabaseConfig::default() };
        let store = Store::open(&database, crate::events::Hub::default().on_commit()).await?;
        let variables = std::env::vars_os().filter(|_| environment);
        // What is no UTF-8 is no variable of ours.
        let variables =
            variables.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let vault = Vault::open(store, &SecretsConfig::default(), sources.clone(), variables).await?;
        let http = HttpClient::new(http, Arc::new(SystemResolver)).map_err(anyhow::Error::msg)?;
        let cache_dir = self.cache_dir.clone().or_else(default_cache_dir);
        let config = RuntimeConfig { cache_dir, ..RuntimeConfig::default() };
        let runtime = Runtime::new(config, sources.clone(), Capabilities { http, vault });
        let runtime = runtime.map_err(|error| anyhow::anyhow!("the sandbox cannot be set up: {error:#}"))?;
        Ok(Sandbox { sources, catalogue: Catalogue::empty(runtime) })
    }
}

impl Sandbox {
    /// Compile a component and ask it what it is.
    pub(super) async fn load(&self, bytes: bytes::Bytes) -> anyhow::Result<Arc<blocks::Block>> {
        // Known by its imports before the time is spent to compile it.
        crate::runtime::inspect(&bytes)?.check()?;
        Ok(self.catalogue.register(bytes).await?)
    }

    /// Allow the block this from its next call on.
    pub(super) fn grant(&self, block: &blocks::Block, grant: crate::domain::Grant) {
        self.catalogue.set_grant(block.manifest.block_type.clone(), grant);
    }
}

/// The component that a person means by a file, or by a block's folder.
pub(super) fn component(path: &Path) -> anyhow::Result<(PathBuf, bytes::Bytes)> {
    let file = if path.is_dir() { project::built(path)? } else { path.to_owned() };
    let shown = || file.display().to_string();
    let size = file.metadata().with_context(shown)?.len();
    anyhow::ensure!(size <= FILE_BYTES, "{} is larger than any block", shown());
    let bytes = std::fs::read(&file).with_context(shown)?;
    Ok((file, bytes.into()))
}
