//! Queues: which are paused, and what waits in them.

use std::collections::BTreeMap;

use crate::domain::{AuditEntry, JobStatus};

use super::super::Store;
use super::super::audit;
use super::super::batch::Transaction;
use super::super::columns::Columns;
use super::super::command::Command;
use super::super::dialect::Arg;
use super::super::error::StoreError;
use super::super::notice::Notice;

/// The kind of [`Notice::Changed`] that tells of a queue that was paused or resumed.
pub const QUEUES_CHANGED: &str = "queues";

/// The jobs of a queue that have not ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueCounts {
    /// Waiting for a worker.
    pub pending: u64,
    /// Waiting for their time.
    pub delayed: u64,
    /// Waiting for their children.
    pub waiting_children: u64,
    /// At work.
    pub processing: u64,
}

/// Each from a small index, or from those of one status.
const OPEN: &str = "SELECT queue, 'pending', COUNT(*) FROM jobs WHERE status = 'pending' GROUP BY queue \
     UNION ALL SELECT queue, 'processing', COUNT(*) FROM jobs WHERE status = 'processing' GROUP BY queue \
     UNION ALL SELECT queue, 'delayed', COUNT(*) FROM jobs WHERE status = 'delayed' GROUP BY queue \
     UNION ALL SELECT queue, 'waiting-children', COUNT(*) FROM jobs WHERE status = 'waiting-children' GROUP BY queue";

impl Store {
    /// The paused queues, with the time since which they are, in Unix milliseconds.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn paused_queues(&self) -> Result<BTreeMap<String, i64>, StoreError> {
        const PAUSED: &str = "SELECT name, paused_at FROM queues WHERE paused_at IS NOT NULL";
        let rows = self.rows(PAUSED, []).await?;
        let paused = rows.iter().map(|row| {
            let columns = Columns::new(row, "queues", &"paused");
            Ok((columns.text(0)?, columns.int(1)?))
        });
        paused.collect()
    }

    /// The jobs that have not ended, by queue. Queues without any are left out.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn queue_counts(&self) -> Result<BTreeMap<String, QueueCounts>, StoreError> {
        let mut queues = BTreeMap::<String, QueueCounts>::new();
        for row in &self.rows(OPEN, []).await? {
            let columns = Columns::new(row, "jobs", &"count");
            let (status, count) = (columns.name(1, JobStatus::from_name)?, columns.number(2)?);
            let counts = queues.entry(columns.text(0)?).or_default();
            match status {
                JobStatus::Pending => counts.pending = count,
                JobStatus::Delayed => counts.delayed = count,
                JobStatus::WaitingChildren => counts.waiting_children = count,
                _ => counts.processing = count,
            }
        }
        Ok(queues)
    }

    /// Give no more jobs of a queue to workers, or give them out again, and add the entry; `false` if it is so already,
    /// and then nothing happens.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn set_queue_paused(&self, name: &str, paused: bool, entry: AuditEntry) -> Result<bool, StoreError> {
        self.ask(SetPaused { name: name.to_owned(), paused, entry }).await
    }
}

#[derive(Debug)]
struct SetPaused {
    name: String,
    paused: bool,
    entry: AuditEntry,
}

impl Command for SetPaused {
    type Output = bool;

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<bool, StoreError> {
        const PAUSE: &str = "INSERT INTO queues (name, paused_at) VALUES ($1, $2) \
             ON CONFLICT (name) DO UPDATE SET paused_at = excluded.paused_at WHERE queues.paused_at IS NULL";
        const RESUME: &str = "UPDATE queues SET paused_at = NULL WHERE name = $1 AND paused_at IS NOT NULL";
        let name = Arg::from(self.name.as_str());
        let changed = match self.paused {
            true => transaction.connection.execute(PAUSE, [name, self.entry.at.into()]).await?,
            false => transaction.connection.execute(RESUME, [name]).await?,
        };
        if changed == 0 {
            return Ok(false);
        }
        audit::add(transaction, &self.entry).await?;
        transaction.tell(Notice::Changed(QUEUES_CHANGED.to_owned()));
        if !self.paused {
            transaction.tell(Notice::Jobs);
        }
        Ok(true)
    }
}
