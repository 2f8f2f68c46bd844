//! `POST /workflows/{id}/execute`, `POST /workflows/execute`

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::ApiState;
use super::super::exchanges;
use super::super::executions::read::{Include, respond};
use super::super::extract::{InPath, InQuery};
use super::super::idempotency::{Keyed, kind};
use super::super::jobs::accept::{hand_in, patience};
use super::super::jobs::treatment::{Treatment, Webhook, webhook};
use super::super::problem::{ApiError, ApiResult};
use crate::domain::{Json, Mode, RunOptions, UserId};
use crate::jobs::{JobOptions, Submit};
use crate::orchestrator::Plan;
use crate::runtime::digest;
use crate::store::IdempotencyKey;

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
    queue: Option<String>,
    priority: Option<i64>,
    /// Milliseconds from now.
    delay: Option<i64>,
    #[serde(default, deserialize_with = "webhook")]
    webhook: Option<Webhook>,
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
    queue: Option<String>,
    priority: Option<i64>,
    /// Milliseconds from now.
    delay: Option<i64>,
    #[serde(default, deserialize_with = "webhook")]
    webhook: Option<Webhook>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Options {
    /// Seconds to wait for the end; fractions are fine.
    pub(in crate::api) wait: Option<f64>,
    /// With `wait`: what the answer has besides the execution itself.
    #[serde(default)]
    pub(in crate::api) include: Include,
}

/// Run a saved workflow.
pub(in crate::api) async fn saved(
    State(state): State<ApiState>,
    InPath(id): InPath<String>,
    InQuery(options): InQuery<Options>,
    Keyed { body: request, asked }: Keyed<Saved>,
) -> ApiResult<Response> {
    let key = asked.key(&state, kind::JOB);
    start(&state, key, &options, request.prepared(&state, &id)).await
}

/// Run a workflow that comes with the request.
pub(in crate::api) async fn inline(
    State(state): State<ApiState>,
    InQuery(options): InQuery<Options>,
    Keyed { body: request, asked }: Keyed<Inline>,
) -> ApiResult<Response> {
    let key = asked.key(&state, kind::JOB);
    start(&state, key, &options, request.prepared(&state)).await
}

impl Saved {
    async fn prepared(self, state: &ApiState, id: &str) -> ApiResult<Submit> {
        let row = state.store.workflow(id, self.version).await?;
        let row = row.ok_or_else(|| ApiError::unknown_workflow(id, self.version))?;
        let plan = state.queue.plan(&row.digest, &row.document).await?;
        let Self { input, mode, variables, metadata, record, exchanges, queue, priority, delay, webhook, .. } = self;
        let run = run_options(mode, record, exchanges)?;
        let mut submit = submit(plan, Some(row.version), input, mode, variables, metadata, run);
        Treatment { queue, priority, delay, webhook, ..Treatment::default() }.apply(state, &mut submit.job)?;
        Ok(submit)
    }
}

impl Inline {
    async fn prepared(self, state: &ApiState) -> ApiResult<Submit> {
        let run = run_options(self.mode, self.record, self.exchanges)?;
        let definition = &self.workflow_definition;
        let plan = state.queue.plan(&digest(definition.as_str().as_bytes()), definition).await;
        let plan = plan.map_err(|error| ApiError::invalid_workflow(error.0, "/workflowDefinition"))?;
        let Self { input, mode, variables, metadata, queue, priority, delay, webhook, .. } = self;
        let mut submit = submit(plan, None, input, mode, variables, metadata, run);
        Treatment { queue, priority, delay, webhook, ..Treatment::default() }.apply(state, &mut submit.job)?;
        Ok(submit)
    }
}

fn run_options(mode: Mode, record: bool, exchanges: Option<Json>) -> ApiResult<RunOptions> {
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

/// Hand in the execution that `prepared` comes to, unless an earlier request with the same key did, and answer with it if
/// it is waited for and ends in that time.
pub(in crate::api) async fn start(
    state: &ApiState,
    key: Option<IdempotencyKey>,
    options: &Options,
    prepared: impl Future<Output = ApiResult<Submit>> + Send,
) -> ApiResult<Response> {
    let wait = patience(state, options.wait)?;
    let handed_in = hand_in(state, key, wait, prepared).await?;
    match &handed_in.ended {
        Some(execution) => {
            let answer = respond(state, execution, options.include).await?;
            Ok(handed_in.marked(answer))
        }
        None => handed_in.accepted("executions", None).await,
    }
}
