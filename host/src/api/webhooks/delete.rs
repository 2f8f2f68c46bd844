//! `DELETE /webhooks/{id}`

use axum::extract::State;
use axum::http::StatusCode;

use super::super::ApiState;
use super::super::extract::{InPath, InQuery, NoQuery};
use super::super::problem::ApiResult;
use super::{entry, unknown};
use crate::domain::Json;
use crate::domain::audit::WEBHOOK_DELETED;

/// Delete a webhook with its deliveries. What waits is not sent any more.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InPath(id): InPath<String>,
    InQuery(NoQuery {}): InQuery<NoQuery>,
) -> ApiResult<StatusCode> {
    let entry = entry(&state, WEBHOOK_DELETED, &id, Json::null());
    let deleted = state.store.delete_webhook(&id, entry.at, entry).await?;
    if deleted { Ok(StatusCode::NO_CONTENT) } else { Err(unknown(&id)) }
}
