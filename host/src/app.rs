//! Builds every part once, starts them, and shuts them down in order.

use std::sync::Arc;

use crate::blocks::{Catalogue, RegisterError};
use crate::config::Config;
use crate::domain::Sources;
use crate::events::Hub;
use crate::jobs::Queue;
use crate::orchestrator::Orchestrator;
use crate::runtime::Runtime;
use crate::store::{Store, StoreError};

/// The parts of a running process. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct App {
    /// What it was built from.
    pub config: Arc<Config>,
    /// Time, ids and randomness.
    pub sources: Sources,
    /// The database.
    pub store: Store,
    /// Live events.
    pub hub: Hub,
    /// The blocks.
    pub catalogue: Catalogue,
    /// Compiles and runs workflows.
    pub orchestrator: Orchestrator,
    /// Where executions are handed in.
    pub queue: Queue,
}

/// Why a process cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The sandbox.
    #[error("the sandbox cannot be set up: {0}")]
    Runtime(String),
    /// A block.
    #[error("block {0}: {1}")]
    Block(String, RegisterError),
    /// A file with a block.
    #[error("{0}: {1}")]
    File(String, std::io::Error),
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
        let (store, catalogue) = tokio::join!(
            async { Store::open(&config.database, hub.on_commit()).await.map_err(StartError::from) },
            blocks(&config, &sources),
        );
        let (store, catalogue) = (store?, catalogue?);
        let (execution, clock) = (config.execution.clone(), sources.clone());
        let orchestrator = Orchestrator::new(store.clone(), catalogue.clone(), execution.clone(), clock)
            .map_err(StartError::Builtin)?;
        let queue = Queue::new(store.clone(), orchestrator.clone(), execution, sources.clone());
        queue.start().await?;
        Ok(Self { config: Arc::new(config), sources, store, hub, catalogue, orchestrator, queue })
    }

    /// Let running executions end, hand over the rest, close the database.
    pub async fn stop(&self) {
        self.queue.stop().await;
        if let Err(error) = self.store.close().await {
            tracing::error!(%error, "the database did not close cleanly");
        }
    }
}

async fn blocks(config: &Config, sources: &Sources) -> Result<Catalogue, StartError> {
    let runtime = Runtime::new(config.runtime.clone(), sources.clone());
    let runtime = runtime.map_err(|error| StartError::Runtime(format!("{error:#}")))?;
    let catalogue = Catalogue::with_builtins(runtime).await;
    let catalogue = catalogue.map_err(|error| StartError::Block("built in".to_owned(), error))?;
    for path in &config.extra_blocks {
        let name = path.display().to_string();
        let bytes = tokio::fs::read(path).await.map_err(|error| StartError::File(name.clone(), error))?;
        catalogue.register(bytes.into()).await.map_err(|error| StartError::Block(name, error))?;
    }
    Ok(catalogue)
}
