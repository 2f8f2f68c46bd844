//! What every handler can reach.

use std::sync::Arc;

use tokio::sync::{Semaphore, SemaphorePermit};
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

/// What room for components is counted in, in bytes.
const ROOM_UNIT: usize = 1 << 10;

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
    /// One permit each [`ROOM_UNIT`] of the components that are received.
    pub(super) receiving: Semaphore,
    pub(super) closing: CancellationToken,
}

impl ApiState {
    /// Of these parts.
    pub fn new(parts: Parts) -> Self {
        let streams = Arc::new(Semaphore::new(max_streams(&parts.config) as usize));
        let receiving = Semaphore::new(room(&parts) as usize);
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

    /// Room for a component of up to `bytes` bytes while it comes, for as long as what this gives is kept.
    pub(super) async fn receiving(&self, bytes: usize) -> Option<SemaphorePermit<'_>> {
        let units = u32::try_from(bytes.div_ceil(ROOM_UNIT)).unwrap_or(u32::MAX).clamp(1, room(self));
        // It is never closed.
        self.0.receiving.acquire_many(units).await.ok()
    }

    pub(super) fn closing(&self) -> &CancellationToken {
        &self.0.closing
    }
}

/// For as many of the largest components as may be received at once, in [`ROOM_UNIT`]s.
fn room(parts: &Parts) -> u32 {
    let config = parts.uploads.config();
    let units = config.bytes.div_ceil(ROOM_UNIT).saturating_mul(config.receiving).min(Semaphore::MAX_PERMITS);
    u32::try_from(units).unwrap_or(u32::MAX).max(1)
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
