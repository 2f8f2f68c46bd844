//! `GET /webhooks`

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::super::ApiState;
use super::super::extract::{InQuery, Page, PageRequest};
use super::super::problem::ApiResult;
use super::WebhookView;
use crate::domain::webhook::Webhook;
use crate::store::Cursor;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Options {
    limit: Option<u32>,
    cursor: Option<String>,
}

fn cursor(webhook: &Webhook) -> Cursor {
    Cursor { at: webhook.created_at, id: webhook.id.clone() }
}

/// Webhooks, the newest first, without those of single jobs.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InQuery(options): InQuery<Options>,
) -> ApiResult<Json<Page<WebhookView>>> {
    let page = PageRequest::new(options.limit, options.cursor.as_deref())?;
    let rows = state.store.webhooks(page.after.as_ref(), page.rows()).await?;
    Ok(Json(page.page(rows, cursor, WebhookView::from)))
}
