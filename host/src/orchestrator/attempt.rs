//! Calling a block until it is done: attempts, backoff and suspensions, for a node or for one item.

use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::plan::PlanNode;
use super::retry;
use super::run::Run;
use crate::blocks::{Call, CallAccess, CallContext};
use crate::capabilities::ProgressSink;
use crate::capabilities::http::SharedReplay;
use crate::domain::{CallError, Json, LogLine, Mode, NodeStatus, Outputs};
use crate::runtime::{CallFailure, Finished};
use crate::store::{CallRow, StoreError, Suspension};

/// Longest wait that a block may ask for: ten years.
const MAX_WAIT_MS: u64 = 10 * 365 * 24 * 3600 * 1000;

/// Hears of what happens between the calls.
pub(super) trait Observer: Send + Sync {
    /// An attempt failed and another follows.
    fn retrying(&self, attempt: u32, error: &CallError, delay_ms: u64);
    /// The block asked to be called again: record it.
    fn waiting(&self, call: CallRow) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// A block to call until it is done.
pub(super) struct Attempts<'a> {
    pub(super) run: &'a Run,
    pub(super) node: &'a PlanNode,
    pub(super) item: Option<usize>,
    pub(super) config: &'a str,
    pub(super) input: &'a Json,
    pub(super) progress: Option<Arc<dyn ProgressSink>>,
    /// The suspension that was recorded before this process took the execution over.
    pub(super) recorded: Option<&'a CallRow<Outputs>>,
}

impl Attempts<'_> {
    /// Call until it is done or fails for good. Dropping the future stops the guest.
    pub(super) async fn run<O: Observer>(&self, observer: &O) -> Result<CallRow<Outputs>, StoreError> {
        let run = self.run;
        let sources = &run.sources;
        let mut row = CallRow::new(NodeStatus::Running);
        row.start_time = Some(self.recorded.and_then(|call| call.start_time).unwrap_or_else(|| sources.now_ms()));
        let mut suspension = None;
        // One place in what was recorded for all attempts and all that follows a suspension.
        let demo = (run.mode == Mode::Demo && !self.node.block.manifest.is_pure()).then(|| self.node.block.demo());
        let replay = demo.or_else(|| run.replay.clone());
        if let Some(recorded) = self.recorded {
            row.retry_count = recorded.retry_count;
            row.logs.clone_from(&recorded.logs);
            row.logs_dropped = recorded.logs_dropped;
            row.exchanges.clone_from(&recorded.exchanges);
            suspension.clone_from(&recorded.suspension);
        }
        loop {
            let state = match suspension.take() {
                None => None,
                Some(Suspension { state, resume_at }) => {
                    let wait = u64::try_from(resume_at.saturating_sub(sources.now_ms())).unwrap_or(0);
                    tokio::time::sleep(Duration::from_millis(wait)).await;
                    Some(state)
                }
            };
            match self.call(&mut row, state.as_ref(), replay.as_ref()).await {
                Ok(Finished::Done { outputs, metadata }) => {
                    row.status = NodeStatus::Completed;
                    row.outputs = outputs;
                    row.metadata = metadata;
                    break;
                }
                Ok(Finished::Suspended { after_ms, state }) => {
                    let wait = i64::try_from(after_ms.min(MAX_WAIT_MS)).unwrap_or(i64::MAX);
                    let asked = Suspension { state, resume_at: sources.now_ms().saturating_add(wait) };
                    observer.waiting(waiting_row(&row, asked.clone())).await?;
                    suspension = Some(asked);
                }
                Err(failure) => {
                    let attempt = row.retry_count + 1;
                    let Some(delay) = retry::delay_ms(&self.node.retry, &failure, attempt, sources.fraction()) else {
                        row.status = NodeStatus::Failed;
                        row.error = Some(failure.error);
                        break;
                    };
                    observer.retrying(attempt, &failure.error, delay);
                    row.retry_count += 1;
                    tokio::time::sleep(Duration::from_millis(delay)).await;
                    // A retry after a suspension goes on from the same state.
                    suspension = state.map(|state| Suspension { state, resume_at: i64::MIN });
                }
            }
        }
        row.end_time = Some(sources.now_ms());
        Ok(row)
    }

    async fn call(
        &self,
        row: &mut CallRow<Outputs>,
        state: Option<&Json>,
        replay: Option<&SharedReplay>,
    ) -> Result<Finished, CallFailure> {
        let (run, node) = (self.run, self.node);
        let key = idempotency_key(run.execution_id.as_str(), node.id.as_str(), self.item);
        let context = CallContext {
            execution_id: run.execution_id.as_str(),
            workflow_id: &run.plan.workflow.id,
            node_id: node.id.as_str(),
            item_index: self.item,
            attempt: row.retry_count + 1,
            mode: run.mode,
            user_id: run.user_id.as_str(),
            idempotency_key: &key,
            variables: &run.variables,
            settings: node.block.settings(run.mode),
            state,
        };
        let call = Call {
            config: self.config,
            config_checked: node.config_checked,
            ports: &node.ports,
            input: self.input,
            context,
            limits: node.limits,
            access: CallAccess {
                slots: Some(&node.secrets),
                replay: replay.cloned(),
                record: run.record,
                settings: None,
            },
        };
        let report = node.block.call(call, self.progress.clone()).await;
        row.logs_dropped += report.logs_dropped + keep_logs(&mut row.logs, report.logs, node.limits.log_lines);
        if keep_exchanges(&mut row.exchanges, report.exchanges) > 0 {
            tracing::warn!(
                execution_id = run.execution_id.as_str(),
                "a node's calls had more exchanges than are recorded"
            );
        }
        report.result
    }
}

/// Lines of all calls together, up to the limit of one. How many of `lines` were not kept.
pub(super) fn keep_logs(kept: &mut Vec<LogLine>, mut lines: Vec<LogLine>, limit: usize) -> u64 {
    let room = limit.saturating_sub(kept.len());
    let excess = lines.len().saturating_sub(room);
    lines.truncate(room);
    kept.append(&mut lines);
    excess as u64
}

/// Most that is kept of the exchanges of more than one call, in bytes.
const EXCHANGES_BYTES: usize = 16 << 20;

/// The exchanges of all calls together; those of earlier ones come first. How many of `new` had no room.
pub(super) fn keep_exchanges(kept: &mut Option<Json>, new: Option<Json>) -> u64 {
    let Some(new) = new else { return 0 };
    let Some(earlier) = kept.as_ref().filter(|kept| kept.as_str() != "[]") else {
        *kept = Some(new);
        return 0;
    };
    let later: Vec<Json> = new.decode().unwrap_or_default();
    if later.is_empty() {
        return 0;
    }
    if earlier.as_str().len() + new.as_str().len() > EXCHANGES_BYTES {
        return later.len() as u64;
    }
    let earlier: Vec<Json> = earlier.decode().unwrap_or_default();
    *kept = Some(Json::encode(&earlier.into_iter().chain(later).collect::<Vec<_>>()));
    0
}

fn waiting_row(row: &CallRow<Outputs>, suspension: Suspension) -> CallRow {
    CallRow {
        logs: row.logs.clone(),
        logs_dropped: row.logs_dropped,
        retry_count: row.retry_count,
        start_time: row.start_time,
        suspension: Some(suspension),
        exchanges: row.exchanges.clone(),
        ..CallRow::new(NodeStatus::Waiting)
    }
}

/// The same for the same execution, node and item, over attempts, takeovers and restarts.
pub(super) fn idempotency_key(execution: &str, node: &str, item: Option<usize>) -> String {
    use std::fmt::Write as _;
    let mut hash = Sha256::new();
    hash.update(execution);
    hash.update([0]);
    hash.update(node);
    if let Some(item) = item {
        hash.update([0]);
        hash.update(item.to_string());
    }
    hash.finalize()[..16].iter().fold(String::with_capacity(32), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
