//! `POST /blocks/{type}/test`

use axum::Json as JsonBody;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::ApiState;
use super::super::body::Body;
use super::super::exchanges;
use super::super::extract::{InPath, InQuery, NoQuery};
use super::super::problem::ApiResult;
use super::{find, look_twice};
use crate::blocks::shared;
use crate::domain::{CallResult, Json, Mode, UserId};
use crate::orchestrator::single::{self, Asked};

/// What to call the block with.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::api) struct Request {
    /// As a node has it, without templates.
    #[serde(default)]
    config: Map<String, Value>,
    #[serde(default = "Json::null")]
    input: Json,
    #[serde(default)]
    mode: Mode,
    /// `1` or `1.2.0`; the active one if absent.
    version: Option<String>,
    /// Recorded HTTP that mode `test` answers from.
    exchanges: Option<Json>,
    /// Whether the answer has the exchanges of this call.
    #[serde(default)]
    record: bool,
}

/// Call a block once. Its failure is an answer, not an error of the request.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InPath(block_type): InPath<String>,
    InQuery(NoQuery {}): InQuery<NoQuery>,
    Body(request): Body<Request>,
) -> ApiResult<JsonBody<CallResult>> {
    let block = look_twice(&state, || find(&state.catalogue, &block_type, request.version.as_deref())).await?;
    let config = Value::Object(request.config);
    let replay = exchanges::replay(request.mode, request.exchanges.as_ref())?;
    let asked = Asked { mode: request.mode, replay: replay.map(shared), record: request.record, ..Asked::default() };
    let user = UserId::local();
    let result = single::call(&block, &config, &request.input, asked, &user, &state.sources).await;
    Ok(JsonBody(result))
}
