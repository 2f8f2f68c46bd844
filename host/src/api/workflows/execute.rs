//! `POST /workflows/{id}/execute`, `POST /workflows/execute`

use std::sync::Arc;
use std::time::Duration;

use axum::Json as JsonBody;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::super::ApiState;
use super::super::body::Body;
use super::super::exchanges;
use super::super::executions::read::{Include, respond};
use super::super::extract::{InPath, InQuery};
use super::super::problem::{ApiError, ApiResult};
use crate::domain::{Execution, ExecutionId, JobId, JobStatus, Json, Mode, RunOptions, UserId};
use crate::jobs::{JobOptions, Submit, Ticket};
use crate::orchestrator::Plan;
use crate::runtime::digest;

/// What to run a saved workflow on.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::api) struct Saved {
    #[serde(default = "Json::null")]
    input: Json,
    #[serde(default)]
    mode: Mode,
    #[serde(default)]
    variables: Map<String, Value>,
    metadata: Option<Map<String, Value>>,
    #[serde(default)]
    record: bool,
    exchanges: Option<Json>,
    /// The latest if absent.
    version: Option<u32>,
}

/// A workflow to run without saving it, and what to run it on.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::api) struct Inline {
    workflow_definition: Json,
    #[serde(default = "Json::null")]
    input: Json,
    #[serde(default)]
    mode: Mode,
    #[serde(default)]
    variables: Map<String, Value>,
    metadata: Option<Map<String, Value>>,
    /// Whether HTTP exchanges are kept with the nodes' results.
    #[serde(default)]
    record: bool,
    /// Recorded HTTP that mode `test` answers from.
    exchanges: Option<Json>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Options {
    /// Seconds to wait for the end; fractions are fine.
    wait: Option<f64>,
    /// With `wait`: what the answer has besides the execution itself.
    #[serde(default)]
    include: Include,
}

/// What was started.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Accepted {
    job_id: JobId,
    execution_id: ExecutionId,
    /// Of the job.
    status: JobStatus,
}

/// Run a saved workflow.
pub(in crate::api) async fn saved(
    State(state): State<ApiState>,
    InPath(id): InPath<String>,
    InQuery(options): InQuery<Options>,
    Body(request): Body<Saved>,
) -> ApiResult<Response> {
    let row = state.store.workflow(&id, request.version).await?;
    let row = row.ok_or_else(|| ApiError::unknown_workflow(&id, request.version))?;
    let plan = state.queue.plan(&row.digest, &row.document).await?;
    let Saved { input, mode, variables, metadata, record, exchanges, .. } = request;
    let run = asked(mode, record, exchanges)?;
    let submit = submit(plan, Some(row.version), input, mode, variables, metadata, run);
    start(&state, submit, &options).await
}

/// Run a workflow that comes with the request.
pub(in crate::api) async fn inline(
    State(state): State<ApiState>,
    InQuery(options): InQuery<Options>,
    Body(request): Body<Inline>,
) -> ApiResult<Response> {
    let Inline { workflow_definition, input, mode, variables, metadata, record, exchanges } = request;
    let run = asked(mode, record, exchanges)?;
    let plan = state.queue.plan(&digest(workflow_definition.as_str().as_bytes()), &workflow_definition).await;
    let plan = plan.map_err(|error| ApiError::invalid_workflow(error.0, "/workflowDefinition"))?;
    start(&state, submit(plan, None, input, mode, variables, metadata, run), &options).await
}

fn asked(mode: Mode, record: bool, exchanges: Option<Json>) -> ApiResult<RunOptions> {
    exchanges::replay(mode, exchanges.as_ref())?;
    Ok(RunOptions { record, exchanges })
}

fn submit(
    plan: Arc<Plan>,
    workflow_version: Option<u32>,
    input: Json,
    mode: Mode,
    variables: Map<String, Value>,
    metadata: Option<Map<String, Value>>,
    options: RunOptions,
) -> Submit {
    Submit {
        plan,
        workflow_version,
        input,
        mode,
        variables,
        metadata: metadata.map_or_else(Json::null, |metadata| Value::Object(metadata).into()),
        user_id: UserId::local(),
        options,
        job: JobOptions::default(),
        waits: false,
    }
}

async fn start(state: &ApiState, mut submit: Submit, options: &Options) -> ApiResult<Response> {
    let wait = options.wait.map(|seconds| patience(seconds, state.config.max_wait)).transpose()?;
    submit.waits = wait.is_some();
    let mut ticket = state.queue.submit(submit)?;
    if let Some(wait) = wait
        && let Some(execution) = end_of(state, &mut ticket, wait).await
    {
        return respond(state, &execution, options.include).await;
    }
    // Only what is on the disk may be called accepted.
    ticket.accepted().await?;
    let location = format!("/executions/{}", ticket.execution_id);
    let body = Accepted { job_id: ticket.job_id, execution_id: ticket.execution_id, status: ticket.status };
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], JsonBody(body)).into_response())
}

fn patience(seconds: f64, most: Duration) -> ApiResult<Duration> {
    // NaN is no number of seconds either.
    if seconds >= 0.0 {
        return Ok(Duration::try_from_secs_f64(seconds).unwrap_or(most).min(most));
    }
    Err(ApiError::bad_request("invalid-query", "`wait` must be a number of seconds from 0 up"))
}

/// The ended execution; `None` if it takes longer, or longer than this process has left.
async fn end_of(state: &ApiState, ticket: &mut Ticket, wait: Duration) -> Option<Arc<Execution>> {
    tokio::select! {
        biased;
        ended = ticket.ended() => ended,
        () = tokio::time::sleep(wait) => None,
        () = state.closing().cancelled() => None,
    }
}
