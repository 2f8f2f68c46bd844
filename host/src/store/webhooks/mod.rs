//! Webhooks: subscriptions, what is sent to them, and what became of it. Secrets are encrypted by what stands above.

mod attempts;
mod deliveries;
mod follow;
mod reads;

use sqlx::AssertSqlSafe;

use crate::domain::webhook::{EventFilter, Webhook};
use crate::domain::{AuditEntry, JobId, UserId};

use super::Store;
use super::audit::add;
use super::batch::Transaction;
use super::columns::Columns;
use super::command::Command;
use super::error::StoreError;
use super::notice::Notice;
use super::tables::encoded;

pub use attempts::{Attempted, DeliveryWork, Resent, Verdict};
pub use deliveries::NewDelivery;
pub use follow::{Forwarded, Subscription, Subscriptions};
#[cfg(test)]
pub(crate) use {
    attempts::{ID, WORK},
    follow::{LATER, OF_ALL, OF_JOBS},
    reads::{DELIVERIES, DELIVERIES_AFTER, DELIVERY, OF_JOB, WEBHOOK, WEBHOOKS, WEBHOOKS_AFTER},
};

/// What processes are told that keep subscriptions in memory.
pub const WEBHOOKS_CHANGED: &str = "webhooks";

/// An encrypted text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The encrypted value, as text.
    pub value: String,
    /// The number used once with it, as text.
    pub nonce: String,
    /// Names the key that it is encrypted with.
    pub key_id: String,
}

/// A subscription to store. It gets what happens from then on.
#[derive(Clone, Debug)]
pub struct NewWebhook {
    /// Its id.
    pub id: String,
    /// Who makes it.
    pub user_id: UserId,
    /// Where events are sent.
    pub url: String,
    /// Those that are.
    pub events: Vec<EventFilter>,
    /// The key that deliveries are signed with.
    pub secret: Sealed,
    /// Whether anything is sent.
    pub active: bool,
    /// The job whose events alone it gets, until that has ended; those of all if absent.
    pub job_id: Option<JobId>,
    /// Unix milliseconds.
    pub at: i64,
}

/// What is to be different; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct WebhookChange {
    /// Where events are sent.
    pub url: Option<String>,
    /// Those that are.
    pub events: Option<Vec<EventFilter>>,
    /// Whether anything is sent. What happened before it became active is not.
    pub active: Option<bool>,
    /// The key that deliveries are signed with.
    pub secret: Option<Sealed>,
    /// Unix milliseconds.
    pub at: i64,
}

impl Store {
    /// Store a subscription, and add the entry.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn create_webhook(&self, webhook: NewWebhook, entry: AuditEntry) -> Result<(), StoreError> {
        self.ask(Create { webhook, entry }).await
    }

    /// Change a subscription and add the entry; `None` if there is none that is not a job's own.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn change_webhook(
        &self,
        id: &str,
        change: WebhookChange,
        entry: AuditEntry,
    ) -> Result<Option<Webhook>, StoreError> {
        self.ask(Change { id: id.to_owned(), change, entry }).await
    }

    /// Delete a subscription with its deliveries, and add the entry; `false` if there is none that is not a job's own.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn delete_webhook(&self, id: &str, now: i64, entry: AuditEntry) -> Result<bool, StoreError> {
        self.ask(Delete { id: id.to_owned(), now, entry }).await
    }

    /// The encrypted secrets of all webhooks, with their ids, to encrypt them anew.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn webhook_secrets(&self) -> Result<Vec<(String, Sealed)>, StoreError> {
        const ALL: &str = "SELECT id, secret, nonce, key_id FROM webhooks ORDER BY id";
        let rows = self.rows(ALL, []).await?;
        let read = |row| {
            let key = super::reads::key(row);
            let columns = Columns::new(row, "webhooks", &key);
            Ok((key.clone(), sealed(&columns, 1)?))
        };
        rows.iter().map(read).collect()
    }

    /// Replace encrypted secrets, by id and the nonce that the row still has to have; add the entry if any was. How many
    /// were.
    ///
    /// # Errors
    /// If the database fails; then none was.
    pub async fn reseal_webhooks(
        &self,
        secrets: Vec<(String, String, Sealed)>,
        entry: AuditEntry,
    ) -> Result<u64, StoreError> {
        self.ask(Reseal { secrets, entry }).await
    }
}

fn sealed(columns: &Columns<'_>, first: usize) -> Result<Sealed, StoreError> {
    Ok(Sealed { value: columns.text(first)?, nonce: columns.text(first + 1)?, key_id: columns.text(first + 2)? })
}

/// Whether there is an active webhook. Those of jobs that have ended may be many.
pub(crate) const ANY: &str = "SELECT 1 WHERE EXISTS (SELECT 1 FROM webhooks WHERE state = 'active' AND job_id IS NULL) \
     OR EXISTS (SELECT 1 FROM webhooks WHERE state = 'active' AND job_id IS NOT NULL AND change > 0)";

/// The number of a change that is about to be made, and the position of the newest event. What webhooks there are does not
/// change in other transactions until this one ends.
async fn change(transaction: &mut Transaction<'_>, activates: bool) -> Result<(i64, i64), StoreError> {
    const CURSOR: &str = "SELECT value FROM counters WHERE name = 'webhook_cursor'";
    const NUMBER: &str = "UPDATE counters SET value = value + 1 WHERE name = 'webhook_change' RETURNING value";
    const NEWEST: &str = "SELECT value FROM counters WHERE name = 'event'";
    const BEGIN: &str = "UPDATE counters SET value = $1 WHERE name = 'webhook_cursor' AND value < $1";
    transaction.webhooks_changed = true;
    transaction.tell(Notice::Changed(WEBHOOKS_CHANGED.to_owned()));
    let connection = &mut transaction.connection;
    let missing = || StoreError::Corrupt { what: "counters: a row of webhooks is missing".into() };
    // First of all, as whoever forwards events does, so that two processes never wait for each other.
    let lock = AssertSqlSafe(format!("{CURSOR}{}", connection.for_update()));
    connection.fetch(lock, []).await?;
    let number = connection.fetch_first(NUMBER, []).await?.ok_or_else(missing)?;
    let newest = connection.fetch_first(NEWEST, []).await?.ok_or_else(missing)?;
    let number = Columns::new(&number, "counters", &"webhook_change").int(0)?;
    let newest = Columns::new(&newest, "counters", &"event").int(0)?;
    // While there was none, nobody moved the cursor.
    if activates && connection.fetch_first(ANY, []).await?.is_none() {
        connection.execute(BEGIN, [newest.into()]).await?;
    }
    Ok((number, newest))
}

/// Store a subscription, in a transaction that may do more.
pub(super) async fn insert(transaction: &mut Transaction<'_>, webhook: &NewWebhook) -> Result<(), StoreError> {
    const INSERT: &str = "INSERT INTO webhooks (id, user_id, job_id, url, events, secret, nonce, key_id, state, \
         after_position, change, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12)";
    let (number, newest) = change(transaction, webhook.active).await?;
    let args = [
        webhook.id.as_str().into(),
        webhook.user_id.as_str().into(),
        webhook.job_id.as_ref().map(|id| id.as_str()).into(),
        webhook.url.as_str().into(),
        encoded(&webhook.events),
        webhook.secret.value.as_str().into(),
        webhook.secret.nonce.as_str().into(),
        webhook.secret.key_id.as_str().into(),
        state(webhook.active).into(),
        newest.into(),
        number.into(),
        webhook.at.into(),
    ];
    transaction.connection.execute(INSERT, args).await.map(drop)
}

fn state(active: bool) -> &'static str {
    if active { "active" } else { "inactive" }
}

#[derive(Debug)]
struct Create {
    webhook: NewWebhook,
    entry: AuditEntry,
}

impl Command for Create {
    type Output = ();

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
        insert(transaction, &self.webhook).await?;
        add(transaction, &self.entry).await
    }
}

#[derive(Debug)]
struct Change {
    id: String,
    change: WebhookChange,
    entry: AuditEntry,
}

impl Command for Change {
    type Output = Option<Webhook>;

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<Option<Webhook>, StoreError> {
        const CHANGE: &str = "UPDATE webhooks SET url = $2, events = $3, state = $4, change = $5, updated_at = $6 \
             WHERE id = $1";
        const SINCE: &str = "UPDATE webhooks SET after_position = $2 WHERE id = $1";
        const SECRET: &str = "UPDATE webhooks SET secret = $2, nonce = $3, key_id = $4 WHERE id = $1";
        let Some(mut webhook) = reads::own(transaction, &self.id).await? else { return Ok(None) };
        let activates = self.change.active == Some(true) && !webhook.active;
        let (number, newest) = change(transaction, activates).await?;
        let WebhookChange { url, events, active, secret, at } = self.change.clone();
        webhook.url = url.unwrap_or(webhook.url);
        webhook.events = events.unwrap_or(webhook.events);
        webhook.active = active.unwrap_or(webhook.active);
        webhook.updated_at = at;
        let id = self.id.as_str();
        let args = [
            id.into(),
            webhook.url.as_str().into(),
            encoded(&webhook.events),
            state(webhook.active).into(),
            number.into(),
            at.into(),
        ];
        let connection = &mut transaction.connection;
        connection.execute(CHANGE, args).await?;
        if activates {
            connection.execute(SINCE, [id.into(), newest.into()]).await?;
        }
        if let Some(Sealed { value, nonce, key_id }) = secret {
            let sealed = [value, nonce, key_id].map(|text| text.as_str().into());
            connection.execute(SECRET, std::iter::once(id.into()).chain(sealed)).await?;
        }
        add(transaction, &self.entry).await?;
        Ok(Some(webhook))
    }
}

#[derive(Debug)]
struct Delete {
    id: String,
    now: i64,
    entry: AuditEntry,
}

impl Command for Delete {
    type Output = bool;

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<bool, StoreError> {
        const JOBS: &str = "UPDATE jobs SET status = 'cancelled', ended_at = $2, updated_at = $2 \
             WHERE status IN ('pending', 'delayed') AND id IN \
             (SELECT job_id FROM webhook_deliveries WHERE webhook_id = $1 AND status = 'pending')";
        if reads::own(transaction, &self.id).await?.is_none() {
            return Ok(false);
        }
        change(transaction, false).await?;
        let connection = &mut transaction.connection;
        let id = || self.id.as_str().into();
        connection.execute(JOBS, [id(), self.now.into()]).await?;
        connection.execute("DELETE FROM webhook_deliveries WHERE webhook_id = $1", [id()]).await?;
        connection.execute("DELETE FROM webhooks WHERE id = $1", [id()]).await?;
        add(transaction, &self.entry).await?;
        Ok(true)
    }
}

#[derive(Debug)]
struct Reseal {
    secrets: Vec<(String, String, Sealed)>,
    entry: AuditEntry,
}

impl Command for Reseal {
    type Output = u64;

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<u64, StoreError> {
        const RESEAL: &str = "UPDATE webhooks SET secret = $3, nonce = $4, key_id = $5 WHERE id = $1 AND nonce = $2";
        let mut count = 0;
        for (id, old_nonce, Sealed { value, nonce, key_id }) in &self.secrets {
            let args = [id, old_nonce, value, nonce, key_id].map(|text| text.as_str().into());
            count += transaction.connection.execute(RESEAL, args).await?;
        }
        if count > 0 {
            add(transaction, &self.entry).await?;
        }
        Ok(count)
    }
}
