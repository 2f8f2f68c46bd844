//! `PATCH /webhooks/{id}`

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::json;

use super::super::ApiState;
use super::super::body::Body;
use super::super::extract::{InPath, InQuery, NoQuery};
use super::super::problem::ApiResult;
use super::{WebhookView, entry, invalid, unknown};
use crate::domain::Problem;
use crate::domain::audit::WEBHOOK_UPDATED;
use crate::jobs::webhook_events;
use crate::store::WebhookChange;

/// What is to be different; what is absent stays.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct ChangeRequest {
    url: Option<String>,
    events: Option<Vec<String>>,
    active: Option<bool>,
}

/// Change a webhook. One that becomes active gets what happens from then on.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InPath(id): InPath<String>,
    InQuery(NoQuery {}): InQuery<NoQuery>,
    Body(request): Body<ChangeRequest>,
) -> ApiResult<Json<WebhookView>> {
    let mut problems: Vec<Problem> = Vec::new();
    if let Some(url) = &request.url {
        problems.extend(state.queue.check_webhook_url(url).err());
    }
    let events = request.events.as_deref().map(webhook_events).transpose().unwrap_or_else(|more| {
        problems.extend(more);
        None
    });
    if !problems.is_empty() {
        return Err(invalid(problems));
    }
    let details = json!({"url": request.url.is_some(), "events": events, "active": request.active});
    let entry = entry(&state, WEBHOOK_UPDATED, &id, details.into());
    let change = WebhookChange { url: request.url, events, active: request.active, secret: None, at: entry.at };
    let changed = state.store.change_webhook(&id, change, entry).await?;
    Ok(Json(changed.ok_or_else(|| unknown(&id))?.into()))
}
