//! One call of a block: a fresh instance, its limits, and what it came to.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::Store;
use wasmtime_wasi::{WasiCtxView, WasiView};

use super::component::Component;
use super::engine::Runtime;
use super::failure::{CallFailure, classify, code};
use super::limits::{CallLimits, CpuClock, MemoryLimiter};
use super::output;
use crate::capabilities::bindings::exports::blockyard::block::block::{Failure, Outcome};
use crate::capabilities::{Access, CallState, HasCall, Identity, LogBuffer, ProgressSink};
use crate::domain::{BlockType, Json, LogLine, Outputs};

/// What a host call may pass besides data, in bytes: names, headers, the list itself.
const HOST_CALL_SLACK_BYTES: usize = 64 << 10;

/// A manifest is a constant: it needs neither time nor room.
const MANIFEST_TIMEOUT: Duration = Duration::from_secs(5);
const MANIFEST_CPU: Duration = Duration::from_secs(1);
const MANIFEST_BYTES: usize = 1 << 20;

/// One call to make.
#[expect(missing_debug_implementations, reason = "a progress sink has nothing to show")]
pub struct CallRequest<'a> {
    /// The block.
    pub component: &'a Component,
    /// Ports that it may fire.
    pub ports: &'a [String],
    /// Its config as JSON.
    pub config: String,
    /// Its input as JSON.
    pub input: String,
    /// `wit/context.schema.json`.
    pub context: String,
    /// How much it may use.
    pub limits: CallLimits,
    /// Where it may go, and with which secrets.
    pub access: Access,
    /// For log lines and errors.
    pub identity: Identity,
    /// Who hears of its progress.
    pub progress: Option<Arc<dyn ProgressSink>>,
}

/// How a call ended well.
#[derive(Clone, Debug, PartialEq)]
pub enum Finished {
    /// With data on ports.
    Done {
        /// By port.
        outputs: Outputs,
        /// A JSON object or `null`.
        metadata: Json,
    },
    /// It wants to be called again.
    Suspended {
        /// After this time.
        after_ms: u64,
        /// With this in its context.
        state: Json,
    },
}

/// What a call came to.
#[derive(Debug)]
pub struct CallReport {
    /// How it ended.
    pub result: Result<Finished, CallFailure>,
    /// What it logged.
    pub logs: Vec<LogLine>,
    /// Lines past the limit.
    pub logs_dropped: u64,
    /// The HTTP exchanges that it was asked to record: a JSON list.
    pub exchanges: Option<Json>,
}

impl CallReport {
    /// Of a call that failed before it began.
    pub fn failed(failure: CallFailure) -> Self {
        Self { result: Err(failure), logs: Vec::new(), logs_dropped: 0, exchanges: None }
    }
}

/// The data of a store.
pub(super) struct GuestState {
    pub(super) call: CallState,
    pub(super) memory: MemoryLimiter,
    pub(super) cpu: CpuClock,
    pub(super) limits: CallLimits,
}

impl HasCall for GuestState {
    fn call(&mut self) -> &mut CallState {
        &mut self.call
    }
}

impl WasiView for GuestState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.call.ctx()
    }
}

impl Runtime {
    /// Call `execute`. Dropping the future stops the guest.
    pub async fn call(&self, request: CallRequest<'_>) -> CallReport {
        let limits = request.limits;
        let logs = LogBuffer::new(limits.log_lines, limits.log_line_bytes);
        let (sources, capabilities) = (self.sources().clone(), self.capabilities().clone());
        let record = request.access.record;
        let call = CallState::new(request.identity, sources, capabilities, request.access, logs, request.progress);
        // Declared before the store, so that the pool's slot is free again before the next one is let in.
        let _instance = self.shared.instances.acquire().await;
        let mut store = self.store(call, limits);
        let answer = {
            let _ticking = self.keep_ticking();
            let execute = execute(&mut store, request.component, &request.config, &request.input, &request.context);
            tokio::time::timeout(limits.timeout, execute).await
        };
        // What took a secret is scrubbed before anyone sees it.
        let scrubber = store.data().call.secrets.scrubber();
        let scrubber = scrubber.as_deref();
        let result = match answer {
            Ok(Ok(answer)) => output::check(output::scrubbed(answer, scrubber), request.ports, limits.output_bytes),
            Ok(Err(error)) => Err(output::scrubbed_failure(classify(&error, store.data()), scrubber)),
            Err(_) => Err(timed_out(limits)),
        };
        let call = &mut store.data_mut().call;
        let (logs, logs_dropped) = call.log.take();
        let exchanges = record.then(|| {
            let (exchanges, complete) = call.recorder.take();
            if !complete {
                tracing::warn!("a call had more exchanges than are recorded");
            }
            Json::encode(&exchanges)
        });
        CallReport { result, logs, logs_dropped, exchanges }
    }

    /// Ask a component what it is.
    ///
    /// # Errors
    /// If it fails or takes longer than a constant should.
    pub async fn manifest(&self, component: &Component) -> Result<String, CallFailure> {
        let limits = CallLimits {
            timeout: MANIFEST_TIMEOUT,
            cpu: MANIFEST_CPU,
            output_bytes: MANIFEST_BYTES,
            ..CallLimits::ceilings(self.config())
        };
        let (sources, capabilities) = (self.sources().clone(), self.capabilities().clone());
        let access = Access::none(BlockType::unknown());
        let call = CallState::new(Identity::default(), sources, capabilities, access, LogBuffer::new(0, 0), None);
        let _instance = self.shared.instances.acquire().await;
        let mut store = self.store(call, limits);
        let _ticking = self.keep_ticking();
        let answer = tokio::time::timeout(limits.timeout, async {
            let block = component.pre.instantiate_async(&mut store).await?;
            block.blockyard_block_block().call_manifest(&mut store).await
        });
        match answer.await {
            Ok(Ok(manifest)) => Ok(manifest),
            Ok(Err(error)) => Err(classify(&error, store.data())),
            Err(_) => Err(timed_out(limits)),
        }
    }

    fn store(&self, call: CallState, limits: CallLimits) -> Store<GuestState> {
        let memory = MemoryLimiter::new(limits.memory_bytes);
        let state = GuestState { call, memory, cpu: CpuClock::new(limits.cpu), limits };
        let mut store = Store::new(&self.shared.engine, state);
        store.limiter(|state| &mut state.memory);
        store.set_hostcall_fuel(limits.output_bytes.saturating_add(HOST_CALL_SLACK_BYTES));
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|mut context| context.data_mut().cpu.on_tick());
        store.call_hook(|mut context, hook| {
            context.data_mut().cpu.on_transition(hook);
            Ok(())
        });
        store
    }
}

// The generated bindings take `&String` where the interface has a type alias of `string`.
async fn execute(
    store: &mut Store<GuestState>,
    component: &Component,
    config: &String,
    input: &String,
    context: &String,
) -> wasmtime::Result<Result<Outcome, Failure>> {
    let block = component.pre.instantiate_async(&mut *store).await?;
    block.blockyard_block_block().call_execute(store, config, input, context).await
}

fn timed_out(limits: CallLimits) -> CallFailure {
    CallFailure::permanent(code::TIMEOUT, format!("no answer within {} ms", limits.timeout.as_millis()))
}
