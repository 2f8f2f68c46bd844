//! `GET /webhooks/{id}`

use axum::Json;
use axum::extract::State;

use super::super::ApiState;
use super::super::extract::{InPath, InQuery, NoQuery};
use super::super::problem::ApiResult;
use super::{WebhookView, load};

/// One webhook, also a job's own.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InPath(id): InPath<String>,
    InQuery(NoQuery {}): InQuery<NoQuery>,
) -> ApiResult<Json<WebhookView>> {
    Ok(Json(load(&state, &id).await?.into()))
}
