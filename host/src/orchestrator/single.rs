//! One block, once, outside of any workflow: `POST /blocks/{type}/test`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::attempt::{keep_exchanges, keep_logs};
use crate::blocks::{Block, Call, CallAccess, CallContext};
use crate::capabilities::http::SharedReplay;
use crate::domain::{CallResult, Json, Mode, NodeStatus, Sources, UserId};
use crate::runtime::{CallFailure, Finished, code};

/// What a test asks for besides config and input.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Whether the block may talk to the network.
    pub mode: Mode,
    /// What mode `test` answers from.
    pub replay: Option<SharedReplay>,
    /// Whether exchanges are kept.
    pub record: bool,
    /// The workflow's variables: a JSON object; none if absent.
    pub variables: Option<Json>,
    /// In place of the installation's values.
    pub settings: Option<BTreeMap<String, String>>,
    /// Whether suspensions last no time, as nothing outside is waited for.
    pub hurry: bool,
}

/// Call `block` until it is done, following its suspensions for as long as a single call may take.
pub async fn call(
    block: &Arc<Block>,
    config: &Value,
    input: &Json,
    asked: Asked,
    user_id: &UserId,
    sources: &Sources,
) -> CallResult {
    let ports = block.manifest.ports(config);
    let limits = block.limits(None);
    let (config_text, id) = (config.to_string(), format!("test-{}", sources.id()));
    let variables = asked.variables.unwrap_or_else(Json::empty_object);
    let settings = asked.settings.as_ref().map(Json::encode);
    let mode = asked.mode;
    let demo = (mode == Mode::Demo).then(|| block.demo());
    let replay = demo.or(asked.replay);
    let start = sources.now_ms();
    let mut result = CallResult::pending();
    let mut state: Option<Json> = None;
    let deadline = Instant::now() + limits.timeout;
    let late = || {
        let message = format!("still suspended after {} ms", limits.timeout.as_millis());
        CallFailure::permanent(code::TIMEOUT, message)
    };
    let calls = async {
        let mut limits = limits;
        loop {
            let context = CallContext {
                execution_id: &id,
                workflow_id: "",
                node_id: "test",
                item_index: None,
                attempt: 1,
                mode,
                user_id: user_id.as_str(),
                idempotency_key: &id,
                variables: &variables,
                settings: settings.as_ref().unwrap_or_else(|| block.settings(mode)),
                state: state.as_ref(),
            };
            let settings = asked.settings.as_ref();
            let access = CallAccess { slots: None, replay: replay.clone(), record: asked.record, settings };
            let config = &config_text;
            let call = Call { config, config_checked: false, ports: &ports, input, context, limits, access };
            let report = block.call(call, None).await;
            result.logs_dropped += report.logs_dropped + keep_logs(&mut result.logs, report.logs, limits.log_lines);
            let dropped = keep_exchanges(&mut result.exchanges, report.exchanges);
            result.exchanges_dropped += report.exchanges_dropped + dropped;
            match report.result {
                Ok(Finished::Suspended { after_ms, state: given }) => {
                    state = Some(given);
                    // Even then others get a turn.
                    let pause = Duration::from_millis(if asked.hurry { 0 } else { after_ms });
                    let left = deadline.saturating_duration_since(Instant::now());
                    if pause >= left {
                        return Err(late());
                    }
                    tokio::time::sleep(pause).await;
                    limits.timeout = left - pause;
                }
                Ok(Finished::Done { outputs, metadata }) => return Ok((outputs, metadata)),
                Err(failure) => return Err(failure),
            }
        }
    };
    let ended = calls.await;
    let end = sources.now_ms();
    result.start_time = Some(start);
    result.end_time = Some(end);
    result.execution_time = Some(end.saturating_sub(start));
    match ended {
        Ok((outputs, metadata)) => {
            result.status = NodeStatus::Completed;
            result.output = outputs.output(block.manifest.default_port());
            result.outputs = outputs;
            result.metadata = metadata;
        }
        Err(failure) => {
            result.status = NodeStatus::Failed;
            result.error = Some(failure.error);
        }
    }
    result
}
