//! `DELETE /workflows/{id}`

use axum::extract::State;
use axum::http::StatusCode;

use super::super::ApiState;
use super::super::extract::{InPath, InQuery, NoQuery};
use super::super::problem::{ApiError, ApiResult};

/// Delete a workflow. What runs of it runs to its end.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InPath(id): InPath<String>,
    InQuery(NoQuery {}): InQuery<NoQuery>,
) -> ApiResult<StatusCode> {
    let deleted = state.store.delete_workflow(&id, state.sources.now_ms()).await?;
    if deleted { Ok(StatusCode::NO_CONTENT) } else { Err(ApiError::unknown_workflow(&id, None)) }
}
