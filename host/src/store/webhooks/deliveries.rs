//! Deliveries and the jobs that carry them out.

use crate::config::WEBHOOK_QUEUE;
use crate::domain::{JobId, JobType, Json, UserId};

use super::super::Store;
use super::super::batch::Transaction;
use super::super::command::Command;
use super::super::dialect::{Arg, Insert};
use super::super::error::StoreError;
use super::super::notice::Notice;
use super::super::tables::{JOBS, encoded, job};

/// An event that is to be sent to a webhook.
#[derive(Clone, Debug)]
pub struct NewDelivery {
    /// Its id.
    pub id: String,
    /// To whom.
    pub webhook_id: String,
    /// Whose job it is.
    pub user_id: UserId,
    /// What it tells of, with a colon.
    pub event: String,
    /// The event's; 0 if there is none.
    pub position: i64,
    /// What is sent, a JSON object; the result of a job is added when it is.
    pub body: Json,
    /// How often it is tried.
    pub max_attempts: u32,
    /// Unix milliseconds.
    pub at: i64,
}

static DELIVERIES: Insert = Insert::new(
    "INSERT INTO webhook_deliveries (id, webhook_id, job_id, event, position, body, status, attempts, created_at)",
    9,
    "",
);

impl Store {
    /// Send something to a webhook that is no event.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn add_delivery(&self, delivery: NewDelivery) -> Result<(), StoreError> {
        self.ask(Add(delivery)).await
    }
}

#[derive(Debug)]
struct Add(NewDelivery);

impl Command for Add {
    type Output = ();

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
        insert(transaction, std::slice::from_ref(&self.0)).await
    }
}

/// Store deliveries with their jobs, which have the same ids.
pub(super) async fn insert(transaction: &mut Transaction<'_>, deliveries: &[NewDelivery]) -> Result<(), StoreError> {
    let mut jobs = Vec::with_capacity(deliveries.len() * job::COLUMNS);
    let mut rows = Vec::with_capacity(deliveries.len() * 9);
    for delivery in deliveries {
        jobs.extend(job_row(delivery, &delivery.id.as_str().into(), delivery.at));
        rows.extend([
            Arg::from(delivery.id.as_str()),
            delivery.webhook_id.as_str().into(),
            delivery.id.as_str().into(),
            delivery.event.as_str().into(),
            delivery.position.into(),
            (&delivery.body).into(),
            "pending".into(),
            0i64.into(),
            delivery.at.into(),
        ]);
    }
    JOBS.run(&mut transaction.connection, jobs).await?;
    DELIVERIES.run(&mut transaction.connection, rows).await?;
    if !deliveries.is_empty() {
        transaction.tell(Notice::Jobs);
    }
    Ok(())
}

/// Store a job for a delivery that is there already.
pub(super) async fn insert_job(
    transaction: &mut Transaction<'_>,
    delivery: &NewDelivery,
    job_id: &JobId,
    at: i64,
) -> Result<(), StoreError> {
    JOBS.run(&mut transaction.connection, job_row(delivery, job_id, at).into()).await?;
    transaction.tell(Notice::Jobs);
    Ok(())
}

fn job_row(delivery: &NewDelivery, job_id: &JobId, at: i64) -> [Arg; job::COLUMNS] {
    let payload = serde_json::json!({
        "webhookId": delivery.webhook_id, "deliveryId": delivery.id, "event": delivery.event,
    });
    [
        job_id.as_str().into(),
        delivery.user_id.as_str().into(),
        JobType::Webhook.as_str().into(),
        WEBHOOK_QUEUE.into(),
        "pending".into(),
        0i64.into(),
        at.into(),
        0i64.into(),
        delivery.max_attempts.into(),
        0i64.into(),
        Arg::NULL,
        Arg::NULL,
        // It runs no execution.
        Arg::NULL,
        Arg::NULL,
        at.into(),
        at.into(),
        Arg::NULL,
        Arg::NULL,
        Arg::NULL,
        encoded(&payload),
        Arg::NULL,
        Arg::NULL,
        Arg::NULL,
    ]
}
