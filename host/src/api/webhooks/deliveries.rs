//! `GET /webhooks/{id}/deliveries`, `GET /webhooks/{id}/deliveries/{deliveryId}`

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::super::ApiState;
use super::super::extract::{InPath, InQuery, NoQuery, Page, PageRequest};
use super::super::problem::ApiResult;
use super::{DeliveryView, load, load_delivery};
use crate::domain::webhook::Delivery;
use crate::store::Cursor;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Options {
    limit: Option<u32>,
    cursor: Option<String>,
}

fn cursor(delivery: &Delivery) -> Cursor {
    Cursor { at: delivery.created_at, id: delivery.id.clone() }
}

/// What was sent to a webhook, or will be, the newest first.
pub(in crate::api) async fn list(
    State(state): State<ApiState>,
    InPath(id): InPath<String>,
    InQuery(options): InQuery<Options>,
) -> ApiResult<Json<Page<DeliveryView>>> {
    let page = PageRequest::new(options.limit, options.cursor.as_deref())?;
    load(&state, &id).await?;
    let rows = state.store.deliveries(&id, page.after.as_ref(), page.rows()).await?;
    Ok(Json(page.page(rows, cursor, DeliveryView::from)))
}

/// One delivery.
pub(in crate::api) async fn one(
    State(state): State<ApiState>,
    InPath((id, delivery_id)): InPath<(String, String)>,
    InQuery(NoQuery {}): InQuery<NoQuery>,
) -> ApiResult<Json<DeliveryView>> {
    load_delivery(&state, &id, &delivery_id).await.map(Json)
}
