//! From events to deliveries: each event once, whatever crashes and however many processes look.

use sqlx::AssertSqlSafe;

use crate::domain::webhook::EventFilter;
use crate::domain::{JobId, UserId};

use super::super::Store;
use super::super::batch::Transaction;
use super::super::columns::Columns;
use super::super::command::Command;
use super::super::dialect::Row;
use super::super::error::StoreError;
use super::super::reads::key;
use super::deliveries::{self, NewDelivery};

/// What is subscribed to.
#[derive(Clone, Debug, Default)]
pub struct Subscriptions {
    /// The number of the newest change that is known.
    pub change: i64,
    /// Up to which position events were forwarded.
    pub cursor: i64,
    /// Active webhooks: all that are not a job's own, and those of jobs that were changed after the given change.
    pub webhooks: Vec<Subscription>,
    /// Whether there is one that cannot be read. It gets nothing, but the log is followed past its events all the same.
    pub unreadable: bool,
}

/// An active webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub user_id: UserId,
    /// The job whose events alone it gets.
    pub job_id: Option<JobId>,
    /// What it wants.
    pub events: Vec<EventFilter>,
    /// It gets what comes after this position.
    pub after: i64,
    /// The number of its last change.
    pub change: i64,
}

/// Deliveries for a stretch of the log of events.
#[derive(Clone, Debug)]
pub struct Forwarded {
    /// The last change of webhooks that was known.
    pub change: i64,
    /// The last position that was looked at.
    pub to: i64,
    /// What is to be sent.
    pub deliveries: Vec<NewDelivery>,
    /// Webhooks of jobs that have ended in this stretch.
    pub ended: Vec<String>,
}

macro_rules! active {
    ($which:literal) => {
        concat!(
            "SELECT id, user_id, job_id, events, after_position, change FROM webhooks WHERE state = 'active' AND ",
            $which
        )
    };
}

/// Few.
pub(crate) const OF_ALL: &str = active!("job_id IS NULL");
/// Perhaps many.
pub(crate) const OF_JOBS: &str = active!("job_id IS NOT NULL AND change > $1");
/// Changes after the one known that brought nothing but webhooks of jobs whose events all come after a position.
pub(crate) const LATER: &str = "SELECT COUNT(*) FROM webhooks WHERE state = 'active' AND job_id IS NOT NULL \
     AND change > $1 AND after_position >= $2";

impl Store {
    /// Who wants events, and up to where they were forwarded. Of the webhooks of jobs, only those changed after `known`.
    /// One that cannot be read is told to the log and left out: it must not keep the others from theirs.
    ///
    /// # Errors
    /// If the database fails or its counters hold nonsense.
    pub async fn subscriptions(&self, known: i64) -> Result<Subscriptions, StoreError> {
        // Before the webhooks: whatever is newer among them is only looked at once more.
        const COUNTERS: &str = "SELECT name, value FROM counters WHERE name IN ('webhook_change', 'webhook_cursor')";
        let mut found = Subscriptions::default();
        for row in &self.rows(COUNTERS, []).await? {
            let name = key(row);
            let value = Columns::new(row, "counters", &name).int(1)?;
            match name.as_str() {
                "webhook_change" => found.change = value,
                _ => found.cursor = value,
            }
        }
        let mut rows = self.rows(OF_ALL, []).await?;
        rows.extend(self.rows(OF_JOBS, [known.into()]).await?);
        for row in &rows {
            match subscription(row) {
                Ok(webhook) => found.webhooks.push(webhook),
                Err(error) => {
                    tracing::error!(webhook_id = key(row), %error, "a webhook cannot be read");
                    found.unreadable = true;
                }
            }
        }
        Ok(found)
    }

    /// Store deliveries and move the cursor, leaving out what was forwarded before; how many were stored. `None`: webhooks
    /// were changed meanwhile that may want something of the stretch, so nothing was stored and it has to be looked at
    /// again.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn forward(&self, forwarded: Forwarded) -> Result<Option<usize>, StoreError> {
        self.ask(forwarded).await
    }
}

impl Command for Forwarded {
    type Output = Option<usize>;

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<Option<usize>, StoreError> {
        const CURSOR: &str = "SELECT value FROM counters WHERE name = 'webhook_cursor'";
        const CHANGE: &str = "SELECT value FROM counters WHERE name = 'webhook_change'";
        const MOVE: &str = "UPDATE counters SET value = $1 WHERE name = 'webhook_cursor' AND value < $1";
        const END: &str = "UPDATE webhooks SET state = 'ended' WHERE id = $1 AND state = 'active'";
        let connection = &mut transaction.connection;
        let missing = || StoreError::Corrupt { what: "counters: a row of webhooks is missing".into() };
        // Other processes wait here, and see then how far this one has come.
        let sql = AssertSqlSafe(format!("{CURSOR}{}", connection.for_update()));
        let row = connection.fetch_first(sql, []).await?.ok_or_else(missing)?;
        let cursor = Columns::new(&row, "counters", &"webhook_cursor").int(0)?;
        let row = connection.fetch_first(CHANGE, []).await?.ok_or_else(missing)?;
        let change = Columns::new(&row, "counters", &"webhook_change").int(0)?;
        if change != self.change && self.later(transaction).await? != change - self.change {
            return Ok(None);
        }
        let connection = &mut transaction.connection;
        connection.execute(MOVE, [self.to.into()]).await?;
        for id in &self.ended {
            connection.execute(END, [id.as_str().into()]).await?;
        }
        // A position between those of stored events belongs to the one before.
        let new = |delivery: &&NewDelivery| crate::domain::event::stored_position(delivery.position) > cursor;
        let new: Vec<NewDelivery> = self.deliveries.iter().filter(new).cloned().collect();
        deliveries::insert(transaction, &new).await?;
        Ok(Some(new.len()))
    }
}

impl Forwarded {
    /// How many of the changes since the one known are webhooks of jobs that begin after this stretch. Each change has a
    /// number of its own, so if these are all, then no other was made.
    async fn later(&self, transaction: &mut Transaction<'_>) -> Result<i64, StoreError> {
        let rows = transaction.connection.fetch(LATER, [self.change.into(), self.to.into()]).await?;
        rows.first().map_or(Ok(0), |row| Columns::new(row, "webhooks", &"later").int(0))
    }
}

fn subscription(row: &Row) -> Result<Subscription, StoreError> {
    let key = key(row);
    let columns = Columns::new(row, "webhooks", &key);
    let odd = || StoreError::Corrupt { what: format!("webhooks, row {key}, column events: is NULL") };
    Ok(Subscription {
        id: columns.text(0)?,
        user_id: columns.id(1)?,
        job_id: columns.opt_text(2)?.map(Into::into),
        events: columns.decoded(3)?.ok_or_else(odd)?,
        after: columns.int(4)?,
        change: columns.int(5)?,
    })
}
