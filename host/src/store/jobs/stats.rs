//! How many jobs there are, and how long they took.

use crate::domain::{Event, EventKind, ExecutionId, JobStatus, JobType, NodeId};

use super::super::Store;
use super::super::columns::Columns;
use super::super::error::StoreError;

/// Jobs looked at for their times: of more, the newest.
pub const MOST_TIMED: u32 = 10_000;

/// The jobs of one type and status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypeCount {
    /// What they do.
    pub job_type: JobType,
    /// Where they stand.
    pub status: JobStatus,
    /// How many.
    pub count: u64,
}

/// The times of a job that was begun and has ended, in Unix milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobTimes {
    /// When it could be begun.
    pub ready_at: i64,
    /// When it was first begun.
    pub started_at: i64,
    /// When it ended.
    pub ended_at: i64,
}

/// From an index that has all of it.
const BY_TYPE: &str = "SELECT type, status, COUNT(*) FROM jobs GROUP BY status, type ORDER BY type, status";
pub(crate) const ENDED_SINCE: &str = "SELECT COUNT(*) FROM jobs WHERE ended_at >= $1";
pub(crate) const TIMES: &str = "SELECT created_at, run_at, started_at, ended_at FROM jobs \
     WHERE ended_at >= $1 AND started_at IS NOT NULL ORDER BY ended_at DESC LIMIT $2";
pub(crate) const STEPS: &str = "SELECT event, node_id FROM events WHERE subject = $1 AND node_id IS NOT NULL \
     AND event NOT IN ('node.progress', 'node.retrying', 'node.waiting') ORDER BY position";
pub(crate) const NEWEST_EVENTS: &str = "SELECT position, subject, seq, timestamp, event, node_id, message, progress, data \
     FROM events WHERE subject = $1 ORDER BY position DESC LIMIT $2";

impl Store {
    /// How many jobs there are of each type and status.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn job_counts(&self) -> Result<Vec<TypeCount>, StoreError> {
        let rows = self.rows(BY_TYPE, []).await?;
        let counts = rows.iter().map(|row| {
            let columns = Columns::new(row, "jobs", &"count");
            Ok(TypeCount {
                job_type: columns.name(0, JobType::from_name)?,
                status: columns.name(1, JobStatus::from_name)?,
                count: columns.number(2)?,
            })
        });
        counts.collect()
    }

    /// How many jobs have ended at `since` (Unix milliseconds) or later.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn jobs_ended_since(&self, since: i64) -> Result<u64, StoreError> {
        match self.first(ENDED_SINCE, [since.into()]).await? {
            Some(row) => Columns::new(&row, "jobs", &"count").number(0),
            None => Ok(0),
        }
    }

    /// The times of jobs that have ended at `since` (Unix milliseconds) or later and were begun before: the newest
    /// [`MOST_TIMED`].
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn job_times(&self, since: i64) -> Result<Vec<JobTimes>, StoreError> {
        let rows = self.rows(TIMES, [since.into(), MOST_TIMED.into()]).await?;
        let times = rows.iter().map(|row| {
            let columns = Columns::new(row, "jobs", &"times");
            let (created_at, run_at, started_at) = (columns.int(0)?, columns.int(1)?, columns.int(2)?);
            // A later `run_at` is that of another attempt.
            let ready_at = if run_at <= started_at { created_at.max(run_at) } else { created_at };
            Ok(JobTimes { ready_at, started_at, ended_at: columns.int(3)? })
        });
        times.collect()
    }

    /// The beginnings and ends of an execution's nodes, in their order.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn node_steps(&self, execution_id: &ExecutionId) -> Result<Vec<(EventKind, NodeId)>, StoreError> {
        let rows = self.rows(STEPS, [execution_id.as_str().into()]).await?;
        let steps = rows.iter().map(|row| {
            let columns = Columns::new(row, "events", execution_id);
            Ok((columns.name(0, EventKind::from_name)?, columns.id(1)?))
        });
        steps.collect()
    }

    /// The newest `limit` events of an execution, in their order.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn newest_events(&self, execution_id: &ExecutionId, limit: u32) -> Result<Vec<Event>, StoreError> {
        let rows = self.rows(NEWEST_EVENTS, [execution_id.as_str().into(), limit.into()]).await?;
        rows.iter().rev().map(super::super::reads::event).collect()
    }
}
