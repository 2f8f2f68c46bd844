//! `BLOCK`: calls one block once.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{OneNode, PrepareError, decode, document};
use crate::domain::{JobType, Json, Mode, UserId};
use crate::jobs::{Queue, Submit};

/// Where it waits if the submission does not say.
const QUEUE: &str = "default";

/// Which block, and what to call it with.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Payload {
    /// Its type, perhaps pinned.
    block: String,
    /// As a node has it. Templates see the input.
    #[serde(default)]
    config: Map<String, Value>,
    #[serde(default = "Json::null")]
    input: Json,
    #[serde(default)]
    mode: Mode,
    /// `1` or `1.2.0`; the active one if absent.
    version: Option<String>,
    #[serde(default)]
    record: bool,
    exchanges: Option<Json>,
}

pub(super) async fn prepare(queue: &Queue, payload: &Json, user_id: &UserId) -> Result<Submit, PrepareError> {
    let given: Payload = decode(payload)?;
    let block = match &given.version {
        Some(_) if given.block.contains('@') => {
            let message = "the block is pinned already, so that `version` has nothing to say";
            return Err(PrepareError::at("/version", "invalid-payload", message));
        }
        Some(version) => format!("{}@{version}", given.block),
        None => given.block.clone(),
    };
    let node = json!({"id": "block", "type": block, "config": given.config});
    let one = OneNode {
        job_type: JobType::Block,
        queue: QUEUE,
        user_id,
        payload,
        document: document("job-block", "Block", node),
        input: given.input,
        mode: given.mode,
        record: given.record,
        exchanges: given.exchanges,
        members: &[("/nodes/0/type", "/block"), ("/nodes/0/config", "/config")],
    };
    queue.one_node(one).await
}
