//! Saved workflows over HTTP.

pub(super) mod cancel;
pub(super) mod create;
pub(super) mod delete;
pub(super) mod execute;
pub(super) mod list;
pub(super) mod read;
pub(super) mod save;
pub(super) mod validate;
pub(super) mod versions;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::ApiState;
use super::problem::{ApiError, ApiResult};
use super::time::rfc3339;
use crate::domain::workflow::parse;
use crate::domain::{Problem, Report, UserId, Workflow};
use crate::store::{NewVersion, WorkflowRow};

/// Members of `metadata` that the server writes.
const STAMPS: [&str; 2] = ["createdAt", "updatedAt"];
/// Ids that would collide with routes.
const RESERVED: [&str; 5] = ["blocks", "execute", "executions", "simulate", "validate"];

/// Read a document's shape.
fn read_document(document: &Value) -> ApiResult<Workflow> {
    parse(document).map_err(|problems| ApiError::invalid_workflow(Report::new(problems, Vec::new()), ""))
}

/// Check a workflow that has its id, and make it ready to be stored.
async fn new_version(state: &ApiState, mut workflow: Workflow) -> ApiResult<NewVersion> {
    if RESERVED.contains(&workflow.id.as_str()) {
        let message = format!("`{}` is a part of the API's paths and cannot be a workflow's id", workflow.id);
        return Err(invalid_id("reserved-id", message));
    }
    if workflow.name.is_empty() {
        workflow.name.clone_from(&workflow.id);
    }
    for stamp in STAMPS {
        workflow.metadata.shift_remove(stamp);
    }
    let compiled = state.orchestrator.compile(workflow, None).await;
    let (plan, _) = compiled.map_err(|report| ApiError::invalid_workflow(report, ""))?;
    let mut uploaded = BTreeMap::new();
    for (number, node) in plan.nodes.iter().enumerate() {
        let block_type = &node.block.manifest.block_type;
        // One that is gone by now was no block of the server's own.
        if state.catalogue.versions(block_type).is_none_or(|versions| versions.owner.is_some()) {
            uploaded.entry(block_type.clone()).or_insert(number);
        }
    }
    Ok(NewVersion {
        workflow_id: plan.workflow.id.clone(),
        user_id: UserId::local(),
        name: plan.workflow.name.clone(),
        document_digest: plan.document_digest,
        document: plan.document,
        uploaded,
        at: state.sources.now_ms(),
    })
}

fn invalid_id(code: &'static str, message: String) -> ApiError {
    ApiError::invalid_workflow(Report::new(vec![Problem::new("/workflowId", code, message)], Vec::new()), "")
}

/// A stored document as it is shown: with its version, and when it was made and saved.
fn shown(row: &WorkflowRow) -> ApiResult<Value> {
    let stored: Map<String, Value> = row.document.decode().map_err(ApiError::internal)?;
    let mut metadata = match stored.get("metadata") {
        Some(Value::Object(metadata)) => metadata.clone(),
        _ => Map::new(),
    };
    for (stamp, at) in STAMPS.into_iter().zip([row.created_at, row.updated_at]) {
        metadata.insert(stamp.to_owned(), rfc3339(at).into());
    }
    let mut shown = Map::with_capacity(stored.len() + 3);
    shown.insert("workflowId".to_owned(), row.workflow_id.as_str().into());
    shown.insert("name".to_owned(), row.name.as_str().into());
    shown.insert("version".to_owned(), row.version.into());
    // Set before the rest, so that it keeps its place near the top.
    shown.insert("metadata".to_owned(), Value::Object(metadata));
    for (key, value) in stored {
        shown.entry(key).or_insert(value);
    }
    Ok(Value::Object(shown))
}

/// A version as it is shown.
async fn load(state: &ApiState, id: &str, version: Option<u32>) -> ApiResult<Value> {
    let row = state.store.workflow(id, version).await?;
    shown(&row.ok_or_else(|| ApiError::unknown_workflow(id, version))?)
}

/// The path of a workflow.
fn location(id: &str) -> String {
    format!("/workflows/{}", escaped(id))
}

/// One segment of a path, or one value of a query.
pub(super) fn escaped(segment: &str) -> String {
    use std::fmt::Write as _;
    segment.bytes().fold(String::with_capacity(segment.len()), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}
