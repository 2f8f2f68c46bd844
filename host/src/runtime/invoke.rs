//! One call of a block: an instance, its limits, and what it came to.

use std::sync::Arc;
use std::time::Duration;

use super::component::Component;
use super::engine::Runtime;
use super::failure::{CallFailure, classify, code};
use super::instance::{Instance, Slot};
use super::limits::CallLimits;
use super::output;
use super::pool::{Key, Reuse};
use crate::capabilities::{Access, CallState, Identity, LogBuffer, ProgressSink};
use crate::domain::{BlockType, Json, LogLine, Outputs};

/// A manifest is a constant: it needs neither time nor room. Wall time passes by itself on a machine that is busy.
const MANIFEST_TIMEOUT: Duration = Duration::from_secs(60);
const MANIFEST_CPU: Duration = Duration::from_secs(1);
const MANIFEST_BYTES: usize = 1 << 20;

/// One call to make.
#[expect(missing_debug_implementations, reason = "a progress sink has nothing to show")]
pub struct CallRequest<'a> {
    /// The block.
    pub component: &'a Component,
    /// Ports that it may fire.
    pub ports: &'a [String],
    /// Which calls may have its instance afterwards; none, and a fresh one for itself, if absent.
    pub reuse: Option<Reuse>,
    /// Its config as JSON.
    pub config: String,
    /// Its input as JSON.
    pub input: String,
    /// `wit/context.schema.json`.
    pub context: String,
    /// How much it may use.
    pub limits: CallLimits,
    /// The limit that `limits.timeout` is what is left of: of this it is told.
    pub time_limit: Duration,
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
    /// Exchanges that it was asked to record and that had no room.
    pub exchanges_dropped: u64,
}

impl CallReport {
    /// Of a call that failed before it began.
    pub fn failed(failure: CallFailure) -> Self {
        Self { result: Err(failure), logs: Vec::new(), logs_dropped: 0, exchanges: None, exchanges_dropped: 0 }
    }
}

impl Runtime {
    /// Call `execute`. Dropping the future stops the guest.
    pub async fn call(&self, request: CallRequest<'_>) -> CallReport {
        let (limits, time_limit) = (request.limits, request.time_limit);
        let logs = LogBuffer::new(limits.log_lines, limits.log_line_bytes);
        let (sources, capabilities) = (self.sources().clone(), self.capabilities().clone());
        let record = request.access.record;
        let call = CallState::new(request.identity, sources, capabilities, request.access, logs, request.progress);
        let key = request.reuse.map(|reuse| Key { digest: request.component.digest().into(), reuse });
        // Declared in this order, so that the slot is empty before it is free, and free before the next call is let in.
        let _permit = self.shared.instances.acquire().await;
        let (slot, history, warm) = Slot::enter(self, key).await;
        let mut instance = Instance::of(warm, &self.shared.engine, call, limits);
        let answer = {
            let _ticking = self.keep_ticking();
            let execute = async {
                let (block, store) = instance.block(request.component).await?;
                let (config, input, context) = (&request.config, &request.input, &request.context);
                block.blockyard_block_block().call_execute(store, config, input, context).await
            };
            tokio::time::timeout(limits.timeout, execute).await
        };
        // What took a secret is scrubbed before anyone sees it.
        let scrubber = instance.store.data().call.secrets.scrubber();
        let scrubber = scrubber.as_deref();
        let failed_by_itself = matches!(&answer, Ok(Ok(Err(_))));
        let result = match answer {
            Ok(Ok(answer)) => output::check(output::scrubbed(answer, scrubber), request.ports, limits.output_bytes),
            Ok(Err(error)) => Err(output::scrubbed_failure(classify(&error, instance.store.data()), scrubber)),
            Err(_) => Err(timed_out(time_limit)),
        };
        let call = &mut instance.store.data_mut().call;
        let (exchanges, exchanges_dropped) = call.recorder.take();
        if exchanges_dropped > 0 {
            let message = format!("{exchanges_dropped} HTTP exchanges had no room in the recording");
            call.log.warn(self.sources().now_ms(), message);
        }
        let exchanges = record.then(|| Json::encode(&exchanges));
        let (logs, logs_dropped) = call.log.take();
        if let Some(history) = history.filter(|_| result.is_ok() || failed_by_itself) {
            slot.keep(history, instance);
        }
        CallReport { result, logs, logs_dropped, exchanges, exchanges_dropped }
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
        let _permit = self.shared.instances.acquire().await;
        let (_slot, _, _) = Slot::enter(self, None).await;
        let mut instance = Instance::of(None, &self.shared.engine, call, limits);
        let _ticking = self.keep_ticking();
        let answer = tokio::time::timeout(limits.timeout, async {
            let (block, store) = instance.block(component).await?;
            block.blockyard_block_block().call_manifest(store).await
        });
        match answer.await {
            Ok(Ok(manifest)) => Ok(manifest),
            Ok(Err(error)) => Err(classify(&error, instance.store.data())),
            Err(_) => Err(timed_out(limits.timeout)),
        }
    }
}

fn timed_out(limit: Duration) -> CallFailure {
    CallFailure::permanent(code::TIMEOUT, format!("no answer within {} ms", limit.as_millis()))
}
