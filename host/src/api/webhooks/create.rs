//! `POST /webhooks`

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use super::super::ApiState;
use super::super::extract::{InQuery, NoQuery};
use super::super::problem::ApiResult;
use super::super::sealed_body::{Fields, SealedBody};
use super::{WebhookView, WithSecret, entry, invalid, load, secret};
use crate::domain::audit::WEBHOOK_CREATED;
use crate::domain::{Problem, UserId};
use crate::jobs::{PreparedWebhook, WebhookRequest};

/// Everything is optional here, so that what is missing can be told with a pointer. No `Debug`: it holds the secret.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct CreateRequest {
    url: Option<String>,
    events: Option<Vec<String>>,
    /// `whsec_` and 24 to 64 bytes in base64; made if absent.
    #[serde(default, deserialize_with = "secret")]
    secret: Option<Zeroizing<String>>,
    /// Whether events are sent at once; they are if absent.
    active: Option<bool>,
}

impl Fields for CreateRequest {
    const NAMES: &'static [&'static str] = &["url", "events", "secret", "active"];
}

/// Have events sent somewhere from now on. A secret that is made here is in this answer and in no other.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InQuery(NoQuery {}): InQuery<NoQuery>,
    SealedBody(request): SealedBody<CreateRequest>,
) -> ApiResult<Response> {
    let missing = |pointer: &str| Problem::new(pointer, "missing", format!("`{}` is missing", &pointer[1..]));
    let (url, events) = match (request.url, request.events) {
        (Some(url), Some(events)) => (url, events),
        (url, events) => {
            let url = url.is_none().then(|| missing("/url"));
            let events = events.is_none().then(|| missing("/events"));
            return Err(invalid(url.into_iter().chain(events).collect()));
        }
    };
    let asked = WebhookRequest { url, events, secret: request.secret };
    let PreparedWebhook { mut webhook, made } = state.queue.prepare_webhook(asked, &UserId::local())?;
    webhook.active = request.active.unwrap_or(true);
    let id = webhook.id.clone();
    let details = json!({"events": webhook.events, "active": webhook.active});
    state.store.create_webhook(webhook, entry(&state, WEBHOOK_CREATED, &id, details.into())).await?;
    let webhook = WebhookView::from(load(&state, &id).await?);
    let location = [(header::LOCATION, format!("/webhooks/{id}"))];
    Ok(match made {
        Some(made) => {
            let secret = made.expose().to_owned();
            (StatusCode::CREATED, location, Json(WithSecret { webhook, secret })).into_response()
        }
        None => (StatusCode::CREATED, location, Json(webhook)).into_response(),
    })
}
