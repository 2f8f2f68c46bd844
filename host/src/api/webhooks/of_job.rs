//! `GET /jobs/{id}/webhook`

use axum::Json;
use axum::extract::State;

use super::super::ApiState;
use super::super::extract::{InPath, InQuery, NoQuery};
use super::super::problem::{ApiError, ApiResult};
use super::WebhookView;

/// The webhook that came with a job. Its id leads to its deliveries.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InPath(id): InPath<String>,
    InQuery(NoQuery {}): InQuery<NoQuery>,
) -> ApiResult<Json<WebhookView>> {
    let webhook = state.store.webhook_of_job(&id.as_str().into()).await?;
    let none = || ApiError::not_found("unknown-webhook", format!("there is no job `{id}` with a webhook of its own"));
    Ok(Json(webhook.ok_or_else(none)?.into()))
}
