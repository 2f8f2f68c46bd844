//! `DELETE /triggers/{id}`

use axum::extract::State;
use axum::http::StatusCode;

use super::super::ApiState;
use super::super::extract::{InPath, InQuery, NoQuery};
use super::super::problem::ApiResult;
use super::{entry, unknown};
use crate::domain::Json;
use crate::domain::audit::TRIGGER_DELETED;

/// Delete a trigger. Its path starts nothing from then on; what runs goes on.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InPath(id): InPath<String>,
    InQuery(NoQuery {}): InQuery<NoQuery>,
) -> ApiResult<StatusCode> {
    let entry = entry(&state, TRIGGER_DELETED, &id, Json::null());
    let deleted = state.store.delete_trigger(&id, entry).await?;
    if deleted { Ok(StatusCode::NO_CONTENT) } else { Err(unknown(&id)) }
}
