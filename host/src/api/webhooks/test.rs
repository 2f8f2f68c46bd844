//! `POST /webhooks/{id}/test`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::super::ApiState;
use super::super::extract::{InPath, InQuery, NoQuery};
use super::super::problem::{ApiError, ApiResult};
use super::{DeliveryView, load, load_delivery};

/// Send `webhook:test`, to see whether the webhook works.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InPath(id): InPath<String>,
    InQuery(NoQuery {}): InQuery<NoQuery>,
) -> ApiResult<(StatusCode, Json<DeliveryView>)> {
    let webhook = load(&state, &id).await?;
    if !webhook.active {
        return Err(ApiError::conflict("webhook-inactive", "the webhook is not active"));
    }
    let delivery_id = state.queue.try_webhook(&id, &webhook.user_id).await?;
    Ok((StatusCode::ACCEPTED, Json(load_delivery(&state, &id, &delivery_id).await?)))
}
