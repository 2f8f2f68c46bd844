//! `POST /webhooks/{id}/rotate-secret`

use axum::Json;
use axum::extract::State;

use super::super::ApiState;
use super::super::extract::{InPath, InQuery, NoQuery};
use super::super::problem::ApiResult;
use super::{WebhookView, WithSecret, entry, unknown};
use crate::domain::Json as Document;
use crate::domain::audit::WEBHOOK_SECRET_ROTATED;
use crate::store::WebhookChange;

/// Make a new secret, which is in this answer and in no other. Whatever is sent from then on is signed with it.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InPath(id): InPath<String>,
    InQuery(NoQuery {}): InQuery<NoQuery>,
) -> ApiResult<Json<WithSecret>> {
    let made = state.vault.new_webhook_secret()?;
    let sealed = state.vault.seal_webhook(&id, &made)?;
    let entry = entry(&state, WEBHOOK_SECRET_ROTATED, &id, Document::null());
    let change = WebhookChange { secret: Some(sealed), at: entry.at, ..WebhookChange::default() };
    let webhook = state.store.change_webhook(&id, change, entry).await?.ok_or_else(|| unknown(&id))?;
    let secret = made.expose().to_owned();
    Ok(Json(WithSecret { webhook: WebhookView::from(webhook), secret }))
}
