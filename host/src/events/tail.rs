//! Events that other processes commit to the same database.

use std::time::Duration;

use super::Hub;
use crate::store::{Notice, Store};

/// Events read at once.
const PAGE: u32 = 500;
/// Wait after the store failed.
const RETRY: Duration = Duration::from_secs(1);

impl Hub {
    /// Read what other processes have committed whenever [`Hub::hear`] is told of it, and hand it out in order together
    /// with this process's own events. To be called before anybody follows anything, and the future to be driven for as
    /// long as anybody does; it ends at once if the database is not shared.
    pub fn tail(&self, store: Store) -> impl Future<Output = ()> + Send + 'static {
        let shared = store.is_shared();
        if shared {
            self.index().share();
        }
        let hub = self.clone();
        async move {
            if shared {
                hub.read_on(&store).await;
            }
        }
    }

    /// Take note of what the processes tell each other. Without followers nothing is read.
    pub fn hear(&self, notice: &Notice) {
        let news = match notice {
            Notice::Events(position) => self.index().published().is_some_and(|published| *position > published),
            Notice::Lost => true,
            _ => false,
        };
        if news {
            self.missing.notify_one();
        }
    }

    pub(super) async fn read_on(&self, store: &Store) {
        loop {
            self.missing.notified().await;
            loop {
                // Without followers there is none.
                let Some(published) = self.index().published() else { break };
                match store.all_events(published, PAGE).await {
                    Ok(events) if events.is_empty() => break,
                    Ok(events) => self.index().advance(&events),
                    Err(error) => {
                        tracing::error!(%error, "events of other processes cannot be read");
                        tokio::time::sleep(RETRY).await;
                    }
                }
            }
        }
    }
}
