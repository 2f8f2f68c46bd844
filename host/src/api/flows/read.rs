//! `GET /flows/{id}`

use axum::Json;
use axum::extract::State;

use super::super::ApiState;
use super::super::extract::{InPath, InQuery, NoQuery};
use super::super::problem::{ApiError, ApiResult};
use crate::domain::{Flow, FlowId};

/// A flow with its jobs.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InPath(id): InPath<String>,
    InQuery(NoQuery {}): InQuery<NoQuery>,
) -> ApiResult<Json<Flow>> {
    load(&state, &FlowId::from(id)).await.map(Json)
}

pub(super) async fn load(state: &ApiState, id: &FlowId) -> ApiResult<Flow> {
    state.queue.flow(id).await?.ok_or_else(|| unknown(id))
}

pub(super) fn unknown(id: &FlowId) -> ApiError {
    ApiError::not_found("unknown-flow", format!("there is no flow `{id}`"))
}
