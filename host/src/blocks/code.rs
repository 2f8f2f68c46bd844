//! The component of a block: there from the start, or fetched from the store when it is first called.

use tokio::sync::OnceCell;

use crate::runtime::{CallFailure, Component, RetryHint, Runtime, code};
use crate::store::Store;

/// A component that can be had.
pub(super) struct Code {
    digest: String,
    ready: OnceCell<Component>,
    store: Option<Store>,
}

impl Code {
    /// One that is loaded.
    pub(super) fn ready(component: Component) -> Self {
        Self { digest: component.digest().to_owned(), ready: OnceCell::new_with(Some(component)), store: None }
    }

    /// One that the store keeps, loaded already if there is `component`.
    pub(super) fn stored(digest: String, store: Store, component: Option<Component>) -> Self {
        Self { digest, ready: OnceCell::new_with(component), store: Some(store) }
    }

    /// SHA-256 of the component.
    pub(super) fn digest(&self) -> &str {
        &self.digest
    }

    /// The component, loaded once whoever asks: from the cache of compiled code in some milliseconds, else compiled.
    ///
    /// # Errors
    /// If it is not to be had now.
    pub(super) async fn get(&self, runtime: &Runtime) -> Result<&Component, CallFailure> {
        self.ready.get_or_try_init(|| Box::pin(self.load(runtime))).await.map_err(|reason| {
            tracing::error!(digest = %self.digest, %reason, "a block cannot be loaded");
            let message = format!("the component {} cannot be loaded: {reason}", self.digest);
            CallFailure { retry: Some(RetryHint::default()), ..CallFailure::permanent(code::UNAVAILABLE, message) }
        })
    }

    async fn load(&self, runtime: &Runtime) -> Result<Component, String> {
        if let Some(component) = runtime.load_cached(&self.digest).await.map_err(|error| error.to_string())? {
            return Ok(component);
        }
        let store = self.store.as_ref().ok_or("it is not kept")?;
        let bytes = store.component(&self.digest).await.map_err(|error| error.to_string())?;
        runtime.load(bytes.ok_or("the database has it not")?).await.map_err(|error| error.to_string())
    }
}
