//! What every handler can reach.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::blocks::Catalogue;
use crate::blocks::uploads::Uploads;
use crate::capabilities::vault::Vault;
use crate::config::ApiConfig;
use crate::domain::Sources;
use crate::events::Hub;
use crate::jobs::Queue;
use crate::orchestrator::Orchestrator;
use crate::store::Store;

/// The parts that the API is made of.
#[derive(Clone, Debug)]
pub struct Parts {
    /// Its own settings.
    pub config: ApiConfig,
    /// Time, ids and randomness.
    pub sources: Sources,
    /// The database.
    pub store: Store,
    /// The secrets.
    pub vault: Vault,
    /// Live events.
    pub hub: Hub,
    /// The blocks.
    pub catalogue: Catalogue,
    /// Blocks that users upload.
    pub uploads: Uploads,
    /// Compiles workflows.
    pub orchestrator: Orchestrator,
    /// Where executions are handed in.
    pub queue: Queue,
}

/// What every handler can reach. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct ApiState(Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) parts: Parts,
    /// One permit an open event stream.
    pub(super) streams: Arc<Semaphore>,
    /// One permit a component that is received.
    pub(super) receiving: Semaphore,
    pub(super) closing: CancellationToken,
}

impl ApiState {
    /// Of these parts.
    pub fn new(parts: Parts) -> Self {
        let streams = Arc::new(Semaphore::new(max_streams(&parts.config) as usize));
        let receiving = Semaphore::new(parts.uploads.config().receiving.max(1));
        Self(Arc::new(Inner { parts, streams, receiving, closing: CancellationToken::new() }))
    }

    /// End event streams and answer those who wait, so that connections can close. What runs goes on.
    pub fn close(&self) {
        self.0.closing.cancel();
    }

    /// Until no event stream and no WebSocket is open any more.
    pub async fn closed(&self) {
        drop(self.0.streams.acquire_many(max_streams(&self.0.parts.config)).await);
    }

    pub(super) fn streams(&self) -> &Arc<Semaphore> {
        &self.0.streams
    }

    pub(super) fn receiving(&self) -> &Semaphore {
        &self.0.receiving
    }

    pub(super) fn closing(&self) -> &CancellationToken {
        &self.0.closing
    }
}

fn max_streams(config: &ApiConfig) -> u32 {
    u32::try_from(config.max_streams.min(Semaphore::MAX_PERMITS)).unwrap_or(u32::MAX)
}

impl std::ops::Deref for ApiState {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0.parts
    }
}
