//! Outgoing webhooks. A secret is shown once, in the answer to the request that made it.

pub(super) mod change;
pub(super) mod create;
pub(super) mod delete;
pub(super) mod deliveries;
pub(super) mod list;
pub(super) mod of_job;
pub(super) mod read;
pub(super) mod resend;
pub(super) mod rotate;
pub(super) mod test;

use axum::http::StatusCode;
use serde::{Deserialize, Deserializer, Serialize};
use zeroize::Zeroizing;

use super::ApiState;
use super::problem::{ApiError, ApiResult};
use crate::domain::webhook::{Delivery, DeliveryStatus, EventFilter, Webhook};
use crate::domain::{AuditEntry, JobId, Json, Problem, UserId};
use crate::jobs::WebhookError;

/// A webhook as it is shown: without its secret. All times are Unix milliseconds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WebhookView {
    id: String,
    url: String,
    events: Vec<EventFilter>,
    active: bool,
    /// Given if it is for the events of this job alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    job_id: Option<JobId>,
    created_at: i64,
    updated_at: i64,
}

impl From<Webhook> for WebhookView {
    fn from(webhook: Webhook) -> Self {
        Self {
            id: webhook.id,
            url: webhook.url,
            events: webhook.events,
            active: webhook.active,
            job_id: webhook.job_id,
            created_at: webhook.created_at,
            updated_at: webhook.updated_at,
        }
    }
}

/// A webhook with the secret that was made for it. No `Debug`: it holds the secret.
#[derive(Serialize)]
pub(super) struct WithSecret {
    #[serde(flatten)]
    webhook: WebhookView,
    secret: String,
}

/// A delivery as it is shown. All times are Unix milliseconds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeliveryView {
    id: String,
    webhook_id: String,
    event: String,
    /// `null` for what tries the webhook.
    position: Option<i64>,
    status: DeliveryStatus,
    attempts: u32,
    last_response_status: Option<u16>,
    last_error: Option<String>,
    job_id: JobId,
    created_at: i64,
    last_attempt_at: Option<i64>,
    delivered_at: Option<i64>,
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: delivery.id,
            webhook_id: delivery.webhook_id,
            event: delivery.event,
            position: (delivery.position > 0).then_some(delivery.position),
            status: delivery.status,
            attempts: delivery.attempts,
            last_response_status: delivery.response_status,
            last_error: delivery.error,
            job_id: delivery.job_id,
            created_at: delivery.created_at,
            last_attempt_at: delivery.attempted_at,
            delivered_at: delivery.delivered_at,
        }
    }
}

/// A secret in a request. What cannot be read is not repeated.
pub(super) fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Zeroizing<String>>, D::Error> {
    let found = Option::<String>::deserialize(deserializer);
    found.map(|secret| secret.map(Zeroizing::new)).map_err(|_| serde::de::Error::custom("is no text"))
}

fn unknown(id: &str) -> ApiError {
    ApiError::not_found("unknown-webhook", format!("there is no webhook `{id}`"))
}

/// The webhook of this id, which may be a job's own.
async fn load(state: &ApiState, id: &str) -> ApiResult<Webhook> {
    state.store.webhook(id).await?.ok_or_else(|| unknown(id))
}

async fn load_delivery(state: &ApiState, webhook_id: &str, id: &str) -> ApiResult<DeliveryView> {
    let delivery = state.store.delivery(id).await?.filter(|delivery| delivery.webhook_id == webhook_id);
    delivery.map(DeliveryView::from).ok_or_else(|| unknown_delivery(id))
}

fn unknown_delivery(id: &str) -> ApiError {
    ApiError::not_found("unknown-delivery", format!("this webhook has no delivery `{id}`"))
}

fn invalid(errors: Vec<Problem>) -> ApiError {
    let first = errors.first().map(|first| format!(": {} {}", first.pointer, first.message)).unwrap_or_default();
    let detail = format!("the webhook is not valid{first}");
    let mut error = ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-webhook", detail);
    error.errors = errors;
    error
}

impl From<WebhookError> for ApiError {
    fn from(error: WebhookError) -> Self {
        match error {
            WebhookError::Invalid(problems) => invalid(problems),
            WebhookError::Vault(error) => error.into(),
        }
    }
}

fn entry(state: &ApiState, action: &str, id: &str, details: Json) -> AuditEntry {
    AuditEntry {
        id: state.sources.id(),
        at: state.sources.now_ms(),
        user_id: UserId::local(),
        action: action.to_owned(),
        subject: format!("webhook/{id}"),
        details,
    }
}
