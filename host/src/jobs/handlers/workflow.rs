//! `WORKFLOW`: runs a workflow, saved or given.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{PrepareError, decode, run_options};
use crate::config::WORKFLOW_QUEUE;
use crate::domain::{JobType, Json, Mode, UserId};
use crate::jobs::{JobOptions, Queue, Submit};
use crate::runtime::digest;

/// What to run.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Payload {
    /// A saved workflow. A definition goes before it.
    workflow_id: Option<String>,
    workflow_definition: Option<Json>,
    #[serde(default = "Json::null")]
    input: Json,
    #[serde(default)]
    mode: Mode,
    #[serde(default)]
    variables: Map<String, Value>,
    metadata: Option<Map<String, Value>>,
    version: Option<u32>,
    #[serde(default)]
    record: bool,
    exchanges: Option<Json>,
}

pub(super) async fn prepare(queue: &Queue, payload: &Json, user_id: &UserId) -> Result<Submit, PrepareError> {
    let mut payload: Payload = decode(payload)?;
    let options = run_options(payload.mode, payload.record, payload.exchanges.take())?;
    let (plan, workflow_version) = match (&payload.workflow_definition, &payload.workflow_id) {
        (Some(_), _) if payload.version.is_some() => {
            let message = "a definition that is given has no versions; `version` goes with `workflowId`";
            return Err(PrepareError::at("/version", "invalid-payload", message));
        }
        (Some(definition), _) => {
            let plan = queue.plan(&digest(definition.as_str().as_bytes()), definition).await;
            (plan.map_err(|error| PrepareError::within("/workflowDefinition", error.0))?, None)
        }
        (None, Some(id)) => {
            let row = queue.shared.store.workflow(id, payload.version).await?;
            let unknown = || PrepareError::UnknownWorkflow { workflow_id: id.clone(), version: payload.version };
            let row = row.ok_or_else(unknown)?;
            let plan = queue.plan(&row.digest, &row.document).await;
            (plan.map_err(|error| PrepareError::within("", error.0))?, Some(row.version))
        }
        (None, None) => {
            let message = "either `workflowId` or `workflowDefinition` must be given";
            return Err(PrepareError::at("", "invalid-payload", message));
        }
    };
    Ok(Submit {
        plan,
        workflow_version,
        input: payload.input,
        mode: payload.mode,
        variables: payload.variables,
        metadata: payload.metadata.map_or_else(Json::null, |metadata| Value::Object(metadata).into()),
        user_id: user_id.clone(),
        options,
        job: JobOptions { job_type: JobType::Workflow, queue: WORKFLOW_QUEUE.to_owned(), ..JobOptions::default() },
        waits: false,
    })
}
