//! `POST /webhooks/{id}/deliveries/{deliveryId}/resend`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::super::ApiState;
use super::super::extract::{InPath, InQuery, NoQuery};
use super::super::problem::{ApiError, ApiResult};
use super::{DeliveryView, load_delivery, unknown_delivery};
use crate::store::Resent;

/// Send a delivery again that has ended, with the same id.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InPath((id, delivery_id)): InPath<(String, String)>,
    InQuery(NoQuery {}): InQuery<NoQuery>,
) -> ApiResult<(StatusCode, Json<DeliveryView>)> {
    match state.queue.resend(&id, &delivery_id).await? {
        Resent::Sent => Ok((StatusCode::ACCEPTED, Json(load_delivery(&state, &id, &delivery_id).await?))),
        Resent::NotFound => Err(unknown_delivery(&delivery_id)),
        Resent::Pending => Err(ApiError::conflict("delivery-pending", "the delivery is on its way")),
        Resent::Inactive => Err(ApiError::conflict("webhook-inactive", "the webhook is not active")),
    }
}
