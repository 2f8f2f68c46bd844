//! Builds every part once, starts them, and shuts them down in order.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::blocks::uploads::Uploads;
use crate::blocks::{Catalogue, RegisterError};
use crate::capabilities::Capabilities;
use crate::capabilities::http::{HttpClient, SystemResolver};
use crate::capabilities::vault::{Vault, VaultError};
use crate::config::{Config, SecretsConfig};
use crate::domain::{BlockType, Grant, Sources};
use crate::events::Hub;
use crate::jobs::Queue;
use crate::orchestrator::Orchestrator;
use crate::runtime::Runtime;
use crate::store::{Notices, Store, StoreError};

/// The parts of a running process. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct App {
    /// What it was built from.
    pub config: Arc<Config>,
    /// Time, ids and randomness.
    pub sources: Sources,
    /// The database.
    pub store: Store,
    /// The secrets.
    pub vault: Vault,
    /// Live events.
    pub hub: Hub,
    /// What blocks send.
    pub http: HttpClient,
    /// The blocks.
    pub catalogue: Catalogue,
    /// Blocks that users upload.
    pub uploads: Uploads,
    /// Compiles and runs workflows.
    pub orchestrator: Orchestrator,
    /// Where executions are handed in.
    pub queue: Queue,
    stopping: CancellationToken,
}

/// Why a process cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The secrets.
    #[error("the secret store cannot be opened: {0}")]
    Vault(#[from] VaultError),
    /// The sandbox.
    #[error("the sandbox cannot be set up: {0}")]
    Runtime(String),
    /// A block.
    #[error("block {0}: {1}")]
    Block(String, RegisterError),
    /// A file with a block.
    #[error("{0}: {1}")]
    File(String, std::io::Error),
    /// Outgoing HTTP.
    #[error("outgoing HTTP cannot be set up: {0}")]
    Http(String),
    /// The file of grants.
    #[error("the grants in {0}: {1}")]
    Grants(String, String),
    /// A built-in block that others rely on.
    #[error("{0}")]
    Builtin(String),
}

impl App {
    /// Build and start everything but the API.
    ///
    /// # Errors
    /// If a part cannot start; the message says which and why.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        Self::start_with(config, Sources::system()).await
    }

    /// The same with time, ids and randomness of one's own.
    ///
    /// # Errors
    /// As [`App::start`].
    pub async fn start_with(config: Config, sources: Sources) -> Result<Self, StartError> {
        let hub = Hub::default();
        let store = Store::open(&config.database, hub.on_commit()).await?;
        let vault = vault(&config, &store, &sources).await?;
        let http = HttpClient::new(config.http.clone(), Arc::new(SystemResolver)).map_err(StartError::Http)?;
        let catalogue = blocks(&config, &sources, Capabilities { http: http.clone(), vault: vault.clone() }).await?;
        let uploads = Uploads::new(store.clone(), catalogue.clone(), config.uploads, sources.clone());
        let (execution, clock) = (config.execution.clone(), sources.clone());
        let orchestrator = Orchestrator::new(store.clone(), catalogue.clone(), execution.clone(), clock)
            .map_err(StartError::Builtin)?;
        let (jobs, clock) = (config.jobs.clone(), sources.clone());
        let queue = Queue::new(store.clone(), hub.clone(), orchestrator.clone(), execution, jobs, clock);
        let stopping = CancellationToken::new();
        // Heard from before anything is looked for, so that nothing falls between the two.
        if let Some(notices) = store.notices().await? {
            let (tail, hub, queue, uploads) = (hub.tail(store.clone()), hub.clone(), queue.clone(), uploads.clone());
            let listening = async move { tokio::join!(tail, listen(notices, hub, queue, uploads)) };
            tokio::spawn(stopping.clone().run_until_cancelled_owned(listening));
        }
        uploads.start().await?;
        queue.start().await?;
        Ok(Self {
            config: Arc::new(config),
            sources,
            store,
            vault,
            hub,
            http,
            catalogue,
            uploads,
            orchestrator,
            queue,
            stopping,
        })
    }

    /// Let running executions end, hand over the rest, close the database.
    pub async fn stop(&self) {
        self.queue.stop().await;
        self.uploads.stop().await;
        self.stopping.cancel();
        if let Err(error) = self.store.close().await {
            tracing::error!(%error, "the database did not close cleanly");
        }
    }
}

/// Pass on what the processes that share the database tell each other.
async fn listen(mut notices: Notices, hub: Hub, queue: Queue, uploads: Uploads) {
    while let Some(notice) = notices.next().await {
        hub.hear(&notice);
        queue.hear(&notice);
        uploads.hear(&notice);
    }
}

async fn vault(config: &Config, store: &Store, sources: &Sources) -> Result<Vault, VaultError> {
    let secrets = SecretsConfig { key_file: config.key_file(), ..config.secrets.clone() };
    if store.is_shared() && secrets.master_key.is_none() && secrets.key_file.is_none() {
        let message = "processes that share a database need one master key: set BLOCKYARD_MASTER_KEY, or name a file \
                       that they share with --master-key-file";
        return Err(VaultError::Key(message.to_owned()));
    }
    // What is no UTF-8 is no variable of ours.
    let environment =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    Vault::open(store.clone(), &secrets, sources.clone(), environment).await
}

async fn blocks(config: &Config, sources: &Sources, capabilities: Capabilities) -> Result<Catalogue, StartError> {
    let runtime = Runtime::new(config.runtime.clone(), sources.clone(), capabilities);
    let runtime = runtime.map_err(|error| StartError::Runtime(format!("{error:#}")))?;
    let catalogue = Catalogue::with_builtins(runtime).await;
    let catalogue = catalogue.map_err(|error| StartError::Block("built in".to_owned(), error))?;
    for path in &config.extra_blocks {
        let name = path.display().to_string();
        let bytes = tokio::fs::read(path).await.map_err(|error| StartError::File(name.clone(), error))?;
        catalogue.register(bytes.into()).await.map_err(|error| StartError::Block(name, error))?;
    }
    if let Some(path) = &config.grants_file {
        for (block_type, grant) in grants(path).await? {
            catalogue.set_grant(block_type, grant);
        }
    }
    Ok(catalogue)
}

/// Grants by block type, from a JSON file.
async fn grants(path: &std::path::Path) -> Result<BTreeMap<BlockType, Grant>, StartError> {
    let shown = path.display().to_string();
    let text = tokio::fs::read_to_string(path).await.map_err(|error| StartError::File(shown.clone(), error))?;
    let mut deserializer = serde_json::Deserializer::from_str(&text);
    let grants: BTreeMap<BlockType, Grant> = serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|error| StartError::Grants(shown.clone(), error.to_string()))?;
    for (block_type, grant) in &grants {
        if let Some((pointer, problem)) = grant.problems().first() {
            return Err(StartError::Grants(shown, format!("/{block_type}{pointer}: {problem}")));
        }
    }
    Ok(grants)
}
