//! `POST /queues/{name}/pause`, `POST /queues/{name}/resume`

use axum::Json;
use axum::extract::State;

use super::super::ApiState;
use super::super::extract::{InPath, InQuery, NoQuery};
use super::super::problem::{ApiError, ApiResult};
use super::Queue;
use crate::domain::UserId;

/// Begin no more jobs of a queue. What runs goes on, and jobs can still be handed in.
pub(in crate::api) async fn pause(
    State(state): State<ApiState>,
    InPath(name): InPath<String>,
    InQuery(NoQuery {}): InQuery<NoQuery>,
) -> ApiResult<Json<Queue>> {
    set(&state, &name, true).await
}

/// Begin jobs of a queue again.
pub(in crate::api) async fn resume(
    State(state): State<ApiState>,
    InPath(name): InPath<String>,
    InQuery(NoQuery {}): InQuery<NoQuery>,
) -> ApiResult<Json<Queue>> {
    set(&state, &name, false).await
}

async fn set(state: &ApiState, name: &str, paused: bool) -> ApiResult<Json<Queue>> {
    let queue = state.queue.pause(name, paused, &UserId::local()).await?;
    let unknown = || ApiError::not_found("unknown-queue", format!("there is no queue `{name}`"));
    queue.map(|queue| Json(queue.into())).ok_or_else(unknown)
}
