//! `POST /flows/{id}/cancel`

use axum::Json;
use axum::extract::State;

use super::super::ApiState;
use super::super::extract::{InPath, InQuery, NoQuery};
use super::super::problem::{ApiError, ApiResult};
use super::read::{load, unknown};
use crate::domain::{Flow, FlowId};
use crate::jobs::FlowCancelled;

/// Stop all jobs of a flow that have not ended, parents that wait too, and answer with the flow when they have stopped.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InPath(id): InPath<String>,
    InQuery(NoQuery {}): InQuery<NoQuery>,
) -> ApiResult<Json<Flow>> {
    let id = FlowId::from(id);
    match state.queue.cancel_flow(&id).await? {
        FlowCancelled::NotFound => Err(unknown(&id)),
        FlowCancelled::AlreadyEnded => {
            Err(ApiError::conflict("already-ended", format!("all jobs of flow `{id}` have ended before")))
        }
        FlowCancelled::Accepted => load(&state, &id).await.map(Json),
    }
}
