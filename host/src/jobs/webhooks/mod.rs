//! Outgoing webhooks: subscriptions as clients give them, the pump that turns events into deliveries, and delivering.

mod body;
mod deliver;
mod pump;
#[cfg(test)]
mod tests;

use zeroize::Zeroizing;

use super::Queue;
use crate::capabilities::vault::VaultError;
use crate::domain::webhook::{EventFilter, WebhookSecret};
use crate::domain::{JobId, Json, Problem, UserId, problem};
use crate::store::{NewDelivery, NewWebhook, Record, Resent, StoreError};

pub(super) use pump::Pump;

/// Most events that a subscription may name.
const MOST_EVENTS: usize = 64;

/// A subscription as a client gives it. Its secret shows in no output.
pub struct WebhookRequest {
    /// Where events are to be sent.
    pub url: String,
    /// Names of events, such as `job:completed`, `job:*` or `*`.
    pub events: Vec<String>,
    /// The key to sign with; one is made if it is absent.
    pub secret: Option<Zeroizing<String>>,
}

impl std::fmt::Debug for WebhookRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebhookRequest").field("url", &self.url).field("events", &self.events).finish_non_exhaustive()
    }
}

/// A subscription that can be stored.
#[derive(Clone, Debug)]
pub struct PreparedWebhook {
    /// What is stored.
    pub webhook: NewWebhook,
    /// The key, if it was made here. It is shown once and never again.
    pub made: Option<WebhookSecret>,
}

/// Why a subscription cannot be stored.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// It is not valid: all that is wrong, with pointers to `url`, `events` and `secret`.
    #[error("{}", .0.first().map_or("the webhook is not valid", |problem| problem.message.as_str()))]
    Invalid(Vec<Problem>),
    /// Its secret cannot be made or encrypted.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// What these names of events say, each once.
///
/// # Errors
/// All that is wrong, with pointers into `/events`.
pub fn webhook_events(names: &[String]) -> Result<Vec<EventFilter>, Vec<Problem>> {
    let mut problems = Vec::new();
    if names.is_empty() {
        problems.push(Problem::new("/events", "empty", "the list is empty; at least one event has to be named"));
    }
    if names.len() > MOST_EVENTS {
        problems.push(Problem::new("/events", "too-many", format!("the list has more than {MOST_EVENTS} entries")));
        return Err(problems);
    }
    let mut events = Vec::with_capacity(names.len());
    for (index, name) in names.iter().enumerate() {
        match EventFilter::parse(name) {
            Some(filter) if events.contains(&filter) => {}
            Some(filter) => events.push(filter),
            None => {
                let message = "is no event such as `job:completed`, `job:*`, `flow:*`, `execution:*`, `node:*` or `*`";
                problems.push(Problem::new(problem::pointer("/events", index), "unknown-event", message));
            }
        }
    }
    if problems.is_empty() { Ok(events) } else { Err(problems) }
}

impl Queue {
    /// Whether events may be sent there.
    ///
    /// # Errors
    /// What is wrong with it, with a pointer to `/url`.
    pub fn check_webhook_url(&self, url: &str) -> Result<(), Problem> {
        let http = &self.shared.orchestrator.catalogue().capabilities().http;
        http.check_destination(url).map_err(|message| Problem::new("/url", "invalid-url", message))
    }

    /// A subscription of what a client gave: for everything that happens, or, once it is in [`JobOptions`], for a job.
    ///
    /// [`JobOptions`]: super::JobOptions
    ///
    /// # Errors
    /// If it is not valid, or its secret cannot be encrypted.
    pub fn prepare_webhook(&self, request: WebhookRequest, user_id: &UserId) -> Result<PreparedWebhook, WebhookError> {
        let mut problems: Vec<Problem> = self.check_webhook_url(&request.url).err().into_iter().collect();
        let events = webhook_events(&request.events).unwrap_or_else(|more| {
            problems.extend(more);
            Vec::new()
        });
        let given = request.secret.map(WebhookSecret::parse).transpose().unwrap_or_else(|message| {
            problems.push(Problem::new("/secret", "invalid-secret", message));
            None
        });
        if !problems.is_empty() {
            return Err(WebhookError::Invalid(problems));
        }
        let id = self.shared.sources.id();
        let vault = &self.shared.orchestrator.catalogue().capabilities().vault;
        let made = if given.is_none() { Some(vault.new_webhook_secret()?) } else { None };
        // One of the two is there.
        let secret = given.as_ref().or(made.as_ref()).expect("a secret is given or made");
        let webhook = NewWebhook {
            secret: vault.seal_webhook(&id, secret)?,
            id,
            user_id: user_id.clone(),
            url: request.url,
            events,
            active: true,
            job_id: None,
            at: self.shared.sources.now_ms(),
        };
        Ok(PreparedWebhook { webhook, made })
    }

    /// Look at the webhooks anew: another process has stored, changed or deleted some.
    pub(super) fn webhooks_changed(&self) {
        self.shared.pump.changed();
        self.shared.store.news().notify_one();
    }

    /// Send something to a webhook that shows whether it works.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn try_webhook(&self, webhook_id: &str, user_id: &UserId) -> Result<String, StoreError> {
        let at = self.shared.sources.now_ms();
        let id = self.shared.sources.id();
        let delivery = NewDelivery {
            id: id.clone(),
            webhook_id: webhook_id.to_owned(),
            user_id: user_id.clone(),
            event: body::TEST.to_owned(),
            position: 0,
            body: body::of_test(webhook_id, at),
            max_attempts: self.shared.jobs.webhook_attempts,
            at,
        };
        self.shared.store.add_delivery(delivery).await?;
        self.wake();
        Ok(id)
    }

    /// Deliver again what has ended.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn resend(&self, webhook_id: &str, delivery_id: &str) -> Result<Resent, StoreError> {
        let shared = &self.shared;
        let (job_id, attempts) = (JobId::from(shared.sources.id()), shared.jobs.webhook_attempts);
        let now = shared.sources.now_ms();
        let resent = shared.store.resend(webhook_id, delivery_id, job_id, attempts, now).await?;
        if resent == Resent::Sent {
            self.wake();
        }
        Ok(resent)
    }
}

/// The record that stores a job's own webhook.
pub(super) fn record(prepared: &PreparedWebhook, job_id: JobId) -> Record {
    Record::Webhook(Box::new(NewWebhook { job_id: Some(job_id), ..prepared.webhook.clone() }))
}

/// A document of this value.
fn json(value: &serde_json::Value) -> Json {
    Json::from(value)
}
