//! What a block can do besides computing: the host side of each interface in `wit/`.
//!
//! Every capability has the same shape: a per-call view kept in [`CallState`], an `impl Host` of its interface, and an
//! entry in [`add_to_linker`]. Nothing else is linked, except the parts of WASI that a standard library imports for
//! itself (see [`stdio`]), and `wasi:http` for guests that send their requests by way of a standard client.

pub mod bindings;
pub mod http;
mod log;
mod progress;
pub mod secrets;
pub mod stdio;
pub mod vault;

use std::collections::BTreeMap;
use std::sync::Arc;

use wasmtime::component::{HasSelf, Linker, ResourceTable};
use wasmtime_wasi::WasiView;

use crate::domain::{BlockType, Mode, Sources, UserId};

pub use log::LogBuffer;
pub use progress::{ProgressSink, ProgressView};

/// Things that one call may have open in the host at once: handles of secrets, timers, streams, headers, bodies. Each of
/// the last two takes some tens of kilobytes at most.
const MAX_RESOURCES: usize = 2_000;

/// Whom a call is made for; goes into log lines and errors.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    /// The execution, or a test's id.
    pub execution: String,
    /// The node.
    pub node: String,
    /// The block's type.
    pub block: String,
}

/// What lives as long as the process and every call shares. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Capabilities {
    /// Outgoing requests.
    pub http: http::HttpClient,
    /// Secrets.
    pub vault: vault::Vault,
}

/// What one call may use, and how.
#[derive(Clone, Debug)]
pub struct Access {
    /// Whether it may talk to the network.
    pub mode: Mode,
    /// Whose secrets it may use.
    pub user: UserId,
    /// Which block it is.
    pub block: BlockType,
    /// Where it may go.
    pub policy: http::Policy,
    /// Names of stored secrets by the names that the block asks by, where they differ.
    pub slots: BTreeMap<String, String>,
    /// Secrets whose text it may see.
    pub reveal: Vec<String>,
    /// Answers it instead of the network; always there outside of production.
    pub replay: Option<http::SharedReplay>,
    /// Whether its exchanges are kept.
    pub record: bool,
    /// What stands for secrets in requests of standard guests.
    pub placeholders: secrets::Placeholders,
}

impl Access {
    /// To nothing.
    pub fn none(block: BlockType) -> Self {
        Self {
            mode: Mode::Production,
            user: UserId::local(),
            block,
            policy: http::Policy::default(),
            slots: BTreeMap::new(),
            reveal: Vec::new(),
            replay: None,
            record: false,
            placeholders: secrets::Placeholders::default(),
        }
    }
}

/// Everything the host keeps for one running call.
pub struct CallState {
    pub(crate) identity: Identity,
    pub(crate) sources: Sources,
    capabilities: Capabilities,
    access: Arc<Access>,
    /// Secrets it took.
    pub secrets: secrets::SecretsView,
    /// Exchanges it had.
    pub recorder: http::Recorder,
    http: http::HttpView,
    /// Before the table: what is under way for a standard guest ends before what it holds is dropped.
    standard: http::StandardView,
    /// Lines logged so far.
    pub log: LogBuffer,
    /// How far the call says it is.
    pub progress: ProgressView,
    /// What the guest holds handles of.
    pub(crate) table: ResourceTable,
}

impl CallState {
    /// State for a call that is about to start.
    pub fn new(
        identity: Identity,
        sources: Sources,
        capabilities: Capabilities,
        access: Access,
        log: LogBuffer,
        sink: Option<Arc<dyn ProgressSink>>,
    ) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_RESOURCES);
        let access = Arc::new(access);
        let secrets = secrets::SecretsView::new(capabilities.vault.clone(), Arc::clone(&access));
        let recorder = http::Recorder::default();
        let http = http::HttpView::new(
            capabilities.http.clone(),
            identity.clone(),
            sources.clone(),
            secrets.clone(),
            recorder.clone(),
            log.clone(),
        );
        let progress = ProgressView::new(sink);
        Self {
            identity,
            sources,
            capabilities,
            access,
            secrets,
            recorder,
            standard: http::StandardView::new(http.clone()),
            http,
            log,
            progress,
            table,
        }
    }

    /// Of an instance that waits for its next call: it holds on to nothing of the call before.
    pub(crate) fn between_calls(sources: Sources, capabilities: Capabilities) -> Self {
        let (identity, access) = (Identity::default(), Access::none(BlockType::unknown()));
        Self::new(identity, sources, capabilities, access, LogBuffer::new(0, 0), None)
    }

    /// Whether the guest holds nothing of this call any more: no handle of any kind, and no secret's text.
    pub(crate) fn left_nothing(&self) -> bool {
        self.table.is_empty() && !self.secrets.revealed()
    }
}

impl std::fmt::Debug for CallState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CallState").field("identity", &self.identity).finish_non_exhaustive()
    }
}

impl bindings::blockyard::block::types::Host for CallState {}

/// A store's data that holds a [`CallState`].
pub trait HasCall: Send + 'static {
    /// The call's state.
    fn call(&mut self) -> &mut CallState;
}

/// Offer every capability to components.
///
/// # Errors
/// If an interface is already in the linker.
pub fn add_to_linker<T: HasCall + WasiView>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    use bindings::blockyard::block;
    stdio::add_to_linker(linker)?;
    http::add_standard_to_linker(linker)?;
    block::types::add_to_linker::<_, HasSelf<CallState>>(linker, |data: &mut T| data.call())?;
    block::log::add_to_linker::<_, HasSelf<CallState>>(linker, |data: &mut T| data.call())?;
    block::progress::add_to_linker::<_, HasSelf<CallState>>(linker, |data: &mut T| data.call())?;
    block::secrets::add_to_linker::<_, HasSelf<CallState>>(linker, |data: &mut T| data.call())?;
    block::secrets_reveal::add_to_linker::<_, HasSelf<CallState>>(linker, |data: &mut T| data.call())?;
    block::http::add_to_linker::<_, HasSelf<CallState>>(linker, |data: &mut T| data.call())
}

/// The interfaces that a component may import, by name without version, for readable refusals.
pub const OFFERED: &[&str] = &[
    "blockyard:block/types",
    "blockyard:block/log",
    "blockyard:block/progress",
    "blockyard:block/secrets",
    "blockyard:block/secrets-reveal",
    "blockyard:block/http",
];
