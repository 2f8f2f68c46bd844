//! The component of a block: there from the start, or fetched from the store when it is first called.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};

use crate::runtime::{CallFailure, Component, ComponentError, Runtime};
use crate::store::Store;

/// How long a component that could not be loaded is not tried again.
const PAUSE_MS: u64 = 30_000;
/// The same where the component itself is at fault, or the operator's limits are.
const LONG_PAUSE_MS: u64 = 600_000;

/// A component that can be had.
pub(super) struct Code {
    digest: String,
    ready: OnceLock<Component>,
    source: Source,
    loading: Arc<Mutex<Loading>>,
}

/// Waited for by every call that wants it, and gone on with if all of them give up.
type Running = Shared<BoxFuture<'static, Result<Component, Arc<str>>>>;

/// Where the bytes of a component are.
#[derive(Clone)]
enum Source {
    /// Nowhere: it is loaded.
    Gone,
    /// In the database.
    Store(Store),
    /// In the binary.
    Binary(&'static [u8]),
}

#[derive(Default)]
enum Loading {
    #[default]
    Idle,
    Running(Running),
    Failed {
        reason: Arc<str>,
        at_ms: i64,
        pause_ms: u64,
    },
}

/// The call's time went by while its component was loaded; the next one finds it there.
pub(super) fn late() -> CallFailure {
    CallFailure::unavailable("the component was loaded too late for this call; try again")
}

impl Code {
    /// One that is loaded.
    pub(super) fn loaded(component: Component) -> Self {
        Self::new(component.digest().to_owned(), Source::Gone, Some(component))
    }

    /// One that the store keeps, loaded already if there is `component`.
    pub(super) fn stored(digest: String, store: Store, component: Option<Component>) -> Self {
        Self::new(digest, Source::Store(store), component)
    }

    /// One that ships inside the binary.
    pub(super) fn embedded(digest: String, bytes: &'static [u8]) -> Self {
        Self::new(digest, Source::Binary(bytes), None)
    }

    fn new(digest: String, source: Source, component: Option<Component>) -> Self {
        let ready = component.map(OnceLock::from).unwrap_or_default();
        Self { digest, ready, source, loading: Arc::default() }
    }

    /// SHA-256 of the component.
    pub(super) fn digest(&self) -> &str {
        &self.digest
    }

    /// The component, if it is loaded.
    pub(super) fn ready(&self) -> Option<&Component> {
        self.ready.get()
    }

    /// The component, loaded once whoever asks: from the cache of compiled code in some milliseconds, else compiled. Who
    /// asks waits for no longer than `patience`; the loading goes on.
    ///
    /// # Errors
    /// If it is not to be had now.
    pub(super) async fn get(&self, runtime: &Runtime, patience: Duration) -> Result<&Component, CallFailure> {
        if let Some(component) = self.ready() {
            return Ok(component);
        }
        let loaded = async { self.start(runtime)?.await };
        let loaded = tokio::time::timeout(patience, loaded).await;
        match loaded.unwrap_or_else(|_| Err("it is still being compiled; try again later".into())) {
            Ok(component) => Ok(self.ready.get_or_init(|| component)),
            Err(reason) => {
                Err(CallFailure::unavailable(format!("the component {} cannot be loaded: {reason}", self.digest)))
            }
        }
    }

    /// Begin to load it, unless somebody did or it failed a moment ago.
    fn start(&self, runtime: &Runtime) -> Result<Running, Arc<str>> {
        let mut loading = lock(&self.loading);
        match &*loading {
            Loading::Running(running) if !matches!(running.peek(), Some(Err(_))) => return Ok(running.clone()),
            // In either direction: the clock may have been set.
            Loading::Failed { reason, at_ms, pause_ms } if runtime.sources().now_ms().abs_diff(*at_ms) < *pause_ms => {
                return Err(Arc::clone(reason));
            }
            Loading::Running(_) | Loading::Failed { .. } | Loading::Idle => {}
        }
        let (runtime, digest, source) = (runtime.clone(), self.digest.clone(), self.source.clone());
        let state = Arc::clone(&self.loading);
        let task = tokio::spawn(async move {
            load(&runtime, &digest, source).await.map_err(|(reason, pause_ms)| {
                tracing::error!(%digest, reason, "a block cannot be loaded");
                let (reason, at_ms) = (Arc::<str>::from(reason), runtime.sources().now_ms());
                *lock(&state) = Loading::Failed { reason: Arc::clone(&reason), at_ms, pause_ms };
                reason
            })
        });
        let ended = task.map(|joined| joined.unwrap_or_else(|error| Err(Arc::from(error.to_string()))));
        let running = ended.boxed().shared();
        *loading = Loading::Running(running.clone());
        Ok(running)
    }
}

fn lock(loading: &Mutex<Loading>) -> MutexGuard<'_, Loading> {
    loading.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A component, or why there is none and for how long that is not tried again.
async fn load(runtime: &Runtime, digest: &str, source: Source) -> Result<Component, (String, u64)> {
    let passing = |error: &dyn std::fmt::Display| (error.to_string(), PAUSE_MS);
    let failed = |error: ComponentError| match error {
        ComponentError::Compiler(_) => passing(&error),
        _ => (error.to_string(), LONG_PAUSE_MS),
    };
    if let Some(component) = runtime.load_cached(digest).await.map_err(failed)? {
        return Ok(component);
    }
    let store = match source {
        Source::Store(store) => store,
        Source::Binary(bytes) => {
            return runtime.load_known(bytes::Bytes::from_static(bytes), digest).await.map_err(failed);
        }
        Source::Gone => return Err(passing(&"it is not kept")),
    };
    // While it waits its bytes are in the database alone.
    let turn = runtime.compile_turn(runtime.compile_claim(digest).await).await;
    let bytes = store.component(digest).await.map_err(|error| passing(&error))?;
    let bytes = bytes.ok_or_else(|| passing(&"the database has it not"))?;
    runtime.load_in_turn(bytes.into(), &turn).await.map_err(failed)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;
    use crate::blocks::builtin::COMPONENTS;
    use crate::blocks::testing::runtime;
    use crate::domain::Sources;
    use crate::domain::sources::{Clock, Random};
    use crate::runtime::code;

    struct Now(AtomicI64);

    impl Clock for Now {
        fn now_ms(&self) -> i64 {
            self.0.load(Ordering::Relaxed)
        }
    }

    struct Zero;

    impl Random for Zero {
        fn next(&self) -> u64 {
            0
        }
    }

    fn component() -> (&'static str, &'static [u8]) {
        let (_, digest, bytes) = COMPONENTS.iter().min_by_key(|(_, _, bytes)| bytes.len()).unwrap();
        (digest, bytes)
    }

    const LONG: Duration = Duration::from_secs(300);

    #[tokio::test]
    async fn who_waits_for_a_component_waits_no_longer_than_it_may_and_then_finds_it_there() {
        let (runtime, store) = runtime(None, Sources::system()).await;
        let (digest, bytes) = component();
        store.keep_component(digest, &bytes::Bytes::from_static(bytes), 0).await.unwrap();
        let code = Code::stored(digest.to_owned(), store, None);
        // Others compile: it is not its turn.
        let turn = runtime.compile_turn(runtime.compile_claim(digest).await).await;
        let failure = code.get(&runtime, Duration::from_millis(1)).await.unwrap_err();
        assert_eq!(failure.error.code, code::UNAVAILABLE);
        assert!(failure.retry.is_some() && failure.error.message.contains("being compiled"), "{failure:?}");
        drop(turn);
        let both = futures::future::join(code.get(&runtime, LONG), code.get(&runtime, LONG)).await;
        assert!(both.0.is_ok() && both.1.is_ok());
        assert!(std::ptr::eq(both.0.unwrap(), both.1.unwrap()));
        // There is nothing to wait for any more.
        let _turn = runtime.compile_turn(runtime.compile_claim(digest).await).await;
        code.get(&runtime, Duration::ZERO).await.unwrap();
    }

    #[tokio::test]
    async fn a_process_that_stands_still_while_it_compiles_holds_nobody_up_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let (runtime, _store) = runtime(Some(folder.path().to_owned()), Sources::system()).await;
        let others = runtime.compile_claim("sha256:0a").await;
        let mut ours = std::pin::pin!(runtime.compile_claim_within("sha256:0a", LONG));
        assert!(futures::poll!(&mut ours).is_pending());
        // Who waits holds nobody up, and not for ever.
        let _turn = runtime.compile_turn(runtime.compile_claim("sha256:0b").await).await;
        runtime.compile_claim_within("sha256:0a", Duration::from_millis(1)).await;
        assert!(futures::poll!(&mut ours).is_pending());
        drop(others);
        ours.await;
    }

    #[tokio::test]
    async fn a_component_that_could_not_be_loaded_is_tried_again_after_a_while() {
        let now = Arc::new(Now(AtomicI64::new(1_000_000)));
        let (runtime, store) = runtime(None, Sources::new(now.clone(), Arc::new(Zero))).await;
        let (digest, bytes) = component();
        let code = Code::stored(digest.to_owned(), store.clone(), None);
        let failed = |failure: CallFailure| assert!(failure.error.message.contains("has it not"), "{failure:?}");
        failed(code.get(&runtime, LONG).await.unwrap_err());
        store.keep_component(digest, &bytes::Bytes::from_static(bytes), 0).await.unwrap();
        failed(code.get(&runtime, LONG).await.unwrap_err());
        now.0.fetch_add(30_000, Ordering::Relaxed);
        code.get(&runtime, LONG).await.unwrap();
    }
}
