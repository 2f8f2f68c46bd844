//! `DELETE /schedules/{id}`

use axum::extract::State;
use axum::http::StatusCode;

use super::super::ApiState;
use super::super::extract::{InPath, InQuery, NoQuery};
use super::super::problem::ApiResult;
use super::{entry, unknown};
use crate::domain::Json;
use crate::domain::audit::SCHEDULE_DELETED;

/// Delete a schedule. The jobs that it has made go on.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InPath(id): InPath<String>,
    InQuery(NoQuery {}): InQuery<NoQuery>,
) -> ApiResult<StatusCode> {
    let entry = entry(&state, SCHEDULE_DELETED, &id, Json::null());
    let deleted = state.store.delete_schedule(&id, entry).await?;
    if deleted { Ok(StatusCode::NO_CONTENT) } else { Err(unknown(&id)) }
}
