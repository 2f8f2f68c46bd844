//! What is needed to deliver, and what came of it.

use sqlx::AssertSqlSafe;

use crate::domain::webhook::DeliveryStatus;
use crate::domain::{JobId, JobStatus, Json};

use super::super::Store;
use super::super::batch::Transaction;
use super::super::columns::Columns;
use super::super::command::Command;
use super::super::dialect::Arg;
use super::super::error::StoreError;
use super::super::jobs::Postponed;
use super::deliveries::{NewDelivery, insert_job};
use super::{Sealed, sealed};

/// A delivery that a job is to carry out.
#[derive(Clone, Debug)]
pub struct DeliveryWork {
    /// Its id.
    pub id: String,
    /// To whom.
    pub webhook_id: String,
    /// Where that is.
    pub url: String,
    /// The key to sign with.
    pub secret: Sealed,
    /// Whether it is still wanted.
    pub wanted: bool,
    /// What is sent, without the result of a job.
    pub body: Json,
}

/// An attempt that its worker made.
#[derive(Clone, Debug)]
pub struct Attempted {
    /// The job that made it.
    pub job_id: JobId,
    /// Who holds it.
    pub owner: String,
    /// The delivery, if there is still one.
    pub delivery_id: Option<String>,
    /// Whether anything was sent.
    pub sent: bool,
    /// What the receiver answered.
    pub response_status: Option<u16>,
    /// What went wrong.
    pub error: Option<String>,
    /// What follows.
    pub verdict: Verdict,
    /// Unix milliseconds.
    pub now: i64,
}

/// What follows from an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It will be tried again, at this time in Unix milliseconds.
    Retry(i64),
    /// The delivery has ended so. `Gone` makes the webhook inactive.
    End(DeliveryStatus),
}

/// What became of a wish to send again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resent {
    /// There is no such delivery.
    NotFound,
    /// It is on its way.
    Pending,
    /// Its webhook is not active.
    Inactive,
    /// It is on its way anew.
    Sent,
}

pub(crate) const WORK: &str = "SELECT d.id, d.webhook_id, w.url, w.secret, w.nonce, w.key_id, w.state, d.body \
     FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id WHERE d.job_id = $1";

pub(crate) const ID: &str = "SELECT id FROM webhook_deliveries WHERE job_id = $1";

impl Store {
    /// What a job is to deliver; `None` if it was deleted.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn delivery_work(&self, job_id: &JobId) -> Result<Option<DeliveryWork>, StoreError> {
        let Some(row) = self.first(WORK, [job_id.as_str().into()]).await? else { return Ok(None) };
        let columns = Columns::new(&row, "webhook_deliveries", job_id);
        Ok(Some(DeliveryWork {
            id: columns.text(0)?,
            webhook_id: columns.text(1)?,
            url: columns.text(2)?,
            secret: sealed(&columns, 3)?,
            wanted: columns.text(6)? != "inactive",
            body: columns.json(7)?,
        }))
    }

    /// The id of what a job is to deliver, if the rest of it cannot be read; `None` if it was deleted.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn delivery_id(&self, job_id: &JobId) -> Result<Option<String>, StoreError> {
        let row = self.first(ID, [job_id.as_str().into()]).await?;
        row.map(|row| Columns::new(&row, "webhook_deliveries", job_id).text(0)).transpose()
    }

    /// Record an attempt with what follows for its job; `false` if its worker did not hold the job any more, and then
    /// nothing was recorded.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn record_attempt(&self, attempted: Attempted) -> Result<bool, StoreError> {
        self.ask(attempted).await
    }

    /// Deliver again what has ended, with a new job of this id.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn resend(
        &self,
        webhook_id: &str,
        delivery_id: &str,
        job_id: JobId,
        max_attempts: u32,
        now: i64,
    ) -> Result<Resent, StoreError> {
        let (webhook_id, delivery_id) = (webhook_id.to_owned(), delivery_id.to_owned());
        self.ask(Resend { webhook_id, delivery_id, job_id, max_attempts, now }).await
    }
}

impl Command for Attempted {
    type Output = bool;

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<bool, StoreError> {
        let held = match self.verdict {
            Verdict::Retry(run_at) => self.postponed(run_at).run(transaction).await?,
            Verdict::End(status) => self.end_job(transaction, status).await?,
        };
        let Some(delivery_id) = self.delivery_id.as_deref().filter(|_| held) else { return Ok(held) };
        let status = match self.verdict {
            Verdict::Retry(_) => DeliveryStatus::Pending,
            Verdict::End(status) => status,
        };
        const RECORD: &str = "UPDATE webhook_deliveries SET status = $3, attempts = attempts + 1, response_status = $4, \
             error = $5, attempted_at = $6 WHERE id = $1 AND job_id = $2";
        const UNSENT: &str = "UPDATE webhook_deliveries SET status = $3, error = $4 WHERE id = $1 AND job_id = $2";
        // A worker that came as far as this was not brought down by it.
        const SURVIVED: &str = "UPDATE jobs SET takeovers = 0 WHERE id = $1";
        const DELIVERED: &str = "UPDATE webhook_deliveries SET delivered_at = $2 WHERE id = $1";
        let connection = &mut transaction.connection;
        let which = [Arg::from(delivery_id), self.job_id.as_str().into(), status.as_str().into()].into_iter();
        if self.sent {
            let response_status = self.response_status.map(i64::from).into();
            let what = [response_status, self.error.as_deref().into(), self.now.into()];
            connection.execute(RECORD, which.chain(what)).await?;
            connection.execute(SURVIVED, [self.job_id.as_str().into()]).await?;
        } else {
            connection.execute(UNSENT, which.chain([self.error.as_deref().into()])).await?;
        }
        match status {
            DeliveryStatus::Delivered => {
                connection.execute(DELIVERED, [delivery_id.into(), self.now.into()]).await?;
            }
            DeliveryStatus::Gone => self.disable(transaction, delivery_id).await?,
            _ => {}
        }
        Ok(true)
    }
}

impl Attempted {
    fn postponed(&self, run_at: i64) -> Postponed {
        Postponed {
            job_id: self.job_id.clone(),
            owner: self.owner.clone(),
            now: self.now,
            run_at,
            free: false,
            entry: None,
        }
    }

    async fn end_job(&self, transaction: &mut Transaction<'_>, status: DeliveryStatus) -> Result<bool, StoreError> {
        const END: &str = "UPDATE jobs SET status = $3, error = $4, lease_owner = NULL, lease_until = NULL, \
             updated_at = $5, ended_at = $5 WHERE id = $1 AND lease_owner = $2 AND status = 'processing'";
        let (job_status, code) = match status {
            DeliveryStatus::Delivered => (JobStatus::Completed, None),
            DeliveryStatus::Gone => (JobStatus::Failed, Some("webhook-gone")),
            DeliveryStatus::Exhausted => (JobStatus::Dead, Some("attempts-exhausted")),
            DeliveryStatus::Cancelled | DeliveryStatus::Pending => (JobStatus::Cancelled, None),
        };
        let error = code.map(|code| {
            let message = self.error.as_deref().unwrap_or("the webhook did not take it");
            Json::from(serde_json::json!({"code": code, "message": message}))
        });
        let args = [
            self.job_id.as_str().into(),
            self.owner.as_str().into(),
            job_status.as_str().into(),
            error.as_ref().into(),
            self.now.into(),
        ];
        Ok(transaction.connection.execute(END, args).await? > 0)
    }

    /// Nothing more goes to a receiver that said so.
    async fn disable(&self, transaction: &mut Transaction<'_>, delivery_id: &str) -> Result<(), StoreError> {
        const DISABLE: &str = "UPDATE webhooks SET state = 'inactive', change = $2, updated_at = $3 \
             WHERE id = (SELECT webhook_id FROM webhook_deliveries WHERE id = $1) AND state <> 'inactive'";
        let (number, _) = super::change(transaction, false).await?;
        transaction.connection.execute(DISABLE, [delivery_id.into(), number.into(), self.now.into()]).await.map(drop)
    }
}

#[derive(Debug)]
struct Resend {
    webhook_id: String,
    delivery_id: String,
    job_id: JobId,
    max_attempts: u32,
    now: i64,
}

impl Command for Resend {
    type Output = Resent;

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<Resent, StoreError> {
        const STATE: &str = "SELECT status, job_id, event, position, body FROM webhook_deliveries \
             WHERE id = $1 AND webhook_id = $2";
        const WEBHOOK: &str = "SELECT user_id, state FROM webhooks WHERE id = $1";
        const JOB: &str = "SELECT status FROM jobs WHERE id = $1";
        const AGAIN: &str = "UPDATE webhook_deliveries SET status = 'pending', job_id = $2, delivered_at = NULL \
             WHERE id = $1";
        let connection = &mut transaction.connection;
        let sql = AssertSqlSafe(format!("{STATE}{}", connection.for_update()));
        let which = [self.delivery_id.as_str().into(), self.webhook_id.as_str().into()];
        let Some(row) = connection.fetch_first(sql, which).await? else { return Ok(Resent::NotFound) };
        let delivery = Columns::new(&row, "webhook_deliveries", &self.delivery_id);
        let webhook = connection.fetch_first(WEBHOOK, [self.webhook_id.as_str().into()]).await?;
        let Some(webhook) = webhook else { return Ok(Resent::NotFound) };
        let webhook = Columns::new(&webhook, "webhooks", &self.webhook_id);
        if delivery.name(0, DeliveryStatus::from_name)? == DeliveryStatus::Pending {
            let job = connection.fetch_first(JOB, [delivery.text(1)?.as_str().into()]).await?;
            let status =
                job.map(|row| Columns::new(&row, "jobs", &"status").name(0, JobStatus::from_name)).transpose()?;
            if status.is_some_and(|status| !status.is_terminal()) {
                return Ok(Resent::Pending);
            }
        }
        if webhook.text(1)? == "inactive" {
            return Ok(Resent::Inactive);
        }
        connection.execute(AGAIN, [self.delivery_id.as_str().into(), self.job_id.as_str().into()]).await?;
        let again = NewDelivery {
            id: self.delivery_id.clone(),
            webhook_id: self.webhook_id.clone(),
            user_id: webhook.id(0)?,
            event: delivery.text(2)?,
            position: delivery.int(3)?,
            body: delivery.json(4)?,
            max_attempts: self.max_attempts,
            at: self.now,
        };
        insert_job(transaction, &again, &self.job_id, self.now).await?;
        Ok(Resent::Sent)
    }
}
