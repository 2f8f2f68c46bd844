//! Webhooks and deliveries as they are shown.

use sqlx::AssertSqlSafe;

use crate::domain::webhook::{Delivery, DeliveryStatus, Webhook};

use super::super::Store;
use super::super::batch::Transaction;
use super::super::columns::Columns;
use super::super::dialect::Row;
use super::super::error::StoreError;
use super::super::reads::{Cursor, key};

macro_rules! webhook_query {
    ($rest:literal) => {
        concat!("SELECT id, user_id, url, events, state, job_id, created_at, updated_at FROM webhooks WHERE ", $rest)
    };
}

pub(crate) const WEBHOOK: &str = webhook_query!("id = $1");
pub(crate) const WEBHOOKS: &str = webhook_query!("job_id IS NULL ORDER BY created_at DESC, id DESC LIMIT $1");
pub(crate) const WEBHOOKS_AFTER: &str =
    webhook_query!("job_id IS NULL AND (created_at, id) < ($2, $3) ORDER BY created_at DESC, id DESC LIMIT $1");

pub(crate) const OF_JOB: &str = webhook_query!("job_id = $1");

macro_rules! delivery_query {
    ($rest:literal) => {
        concat!(
            "SELECT d.id, d.webhook_id, d.event, d.position, CASE WHEN d.status = 'pending' AND j.status = 'cancelled' \
             THEN 'cancelled' ELSE d.status END, d.attempts, d.response_status, d.error, d.job_id, d.created_at, \
             d.attempted_at, d.delivered_at FROM webhook_deliveries d LEFT JOIN jobs j ON j.id = d.job_id",
            $rest
        )
    };
}

pub(crate) const DELIVERY: &str = delivery_query!(" WHERE d.id = $1");
pub(crate) const DELIVERIES: &str =
    delivery_query!(" WHERE d.webhook_id = $2 ORDER BY d.created_at DESC, d.id DESC LIMIT $1");
pub(crate) const DELIVERIES_AFTER: &str = delivery_query!(
    " WHERE d.webhook_id = $2 AND (d.created_at, d.id) < ($3, $4) ORDER BY d.created_at DESC, d.id DESC LIMIT $1"
);

impl Store {
    /// A webhook, of a job's own too.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn webhook(&self, id: &str) -> Result<Option<Webhook>, StoreError> {
        self.first(WEBHOOK, [id.into()]).await?.as_ref().map(webhook).transpose()
    }

    /// At most `limit` webhooks after `after`, the newest first, without those of single jobs.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn webhooks(&self, after: Option<&Cursor>, limit: u32) -> Result<Vec<Webhook>, StoreError> {
        let rows = match after {
            None => self.rows(WEBHOOKS, [limit.into()]).await?,
            Some(Cursor { at, id }) => {
                self.rows(WEBHOOKS_AFTER, [limit.into(), (*at).into(), id.as_str().into()]).await?
            }
        };
        rows.iter().map(webhook).collect()
    }

    /// A job's own webhook.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn webhook_of_job(&self, job_id: &crate::domain::JobId) -> Result<Option<Webhook>, StoreError> {
        self.first(OF_JOB, [job_id.as_str().into()]).await?.as_ref().map(webhook).transpose()
    }

    /// A delivery.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn delivery(&self, id: &str) -> Result<Option<Delivery>, StoreError> {
        self.first(DELIVERY, [id.into()]).await?.as_ref().map(delivery).transpose()
    }

    /// At most `limit` deliveries to a webhook after `after`, the newest first.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn deliveries(
        &self,
        webhook_id: &str,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        let which = [limit.into(), webhook_id.into()];
        let rows = match after {
            None => self.rows(DELIVERIES, which).await?,
            Some(Cursor { at, id }) => {
                let after = [(*at).into(), id.as_str().into()];
                self.rows(DELIVERIES_AFTER, which.into_iter().chain(after)).await?
            }
        };
        rows.iter().map(delivery).collect()
    }
}

/// A webhook that is to be changed, which is none of a job's own.
pub(super) async fn own(transaction: &mut Transaction<'_>, id: &str) -> Result<Option<Webhook>, StoreError> {
    const OWN: &str = webhook_query!("id = $1 AND job_id IS NULL");
    let connection = &mut transaction.connection;
    let sql = AssertSqlSafe(format!("{OWN}{}", connection.for_update()));
    connection.fetch_first(sql, [id.into()]).await?.as_ref().map(webhook).transpose()
}

fn webhook(row: &Row) -> Result<Webhook, StoreError> {
    let key = key(row);
    let columns = Columns::new(row, "webhooks", &key);
    let odd = || StoreError::Corrupt { what: format!("webhooks, row {key}, column events: is NULL") };
    Ok(Webhook {
        id: columns.text(0)?,
        user_id: columns.id(1)?,
        url: columns.text(2)?,
        events: columns.decoded(3)?.ok_or_else(odd)?,
        active: columns.text(4)? == "active",
        job_id: columns.opt_text(5)?.map(Into::into),
        created_at: columns.int(6)?,
        updated_at: columns.int(7)?,
    })
}

fn delivery(row: &Row) -> Result<Delivery, StoreError> {
    let key = key(row);
    let columns = Columns::new(row, "webhook_deliveries", &key);
    Ok(Delivery {
        id: columns.text(0)?,
        webhook_id: columns.text(1)?,
        event: columns.text(2)?,
        position: columns.int(3)?,
        status: columns.name(4, DeliveryStatus::from_name)?,
        attempts: columns.number(5)?,
        response_status: columns.opt_number(6)?,
        error: columns.opt_text(7)?,
        job_id: columns.id(8)?,
        created_at: columns.int(9)?,
        attempted_at: columns.opt_int(10)?,
        delivered_at: columns.opt_int(11)?,
    })
}
