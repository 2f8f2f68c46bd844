//! Claiming, leasing and cancelling jobs.

use sqlx::AssertSqlSafe;

use crate::domain::job::JobStatus;
use crate::domain::{ExecutionId, ExecutionStatus, JobId, TimelineEntry};

use super::Store;
use super::batch::Transaction;
use super::columns::Columns;
use super::command::Command;
use super::dialect::{Arg, chunks};
use super::error::StoreError;

/// A job that the claimer now holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedJob {
    /// The job.
    pub job_id: JobId,
    /// What it runs.
    pub execution_id: ExecutionId,
    /// Which attempt this is, from 1.
    pub attempts: u32,
    /// How often the job was taken from a worker that died.
    pub takeovers: u32,
}

/// What a request to cancel came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelOutcome {
    /// There is no such execution.
    NotFound,
    /// It had ended.
    AlreadyEnded(ExecutionStatus),
    /// Nobody was at work on it: it is cancelled now, and so is its job.
    Cancelled,
    /// A worker holds its job and has to be told.
    Running,
}

impl Store {
    /// Take up to `limit` jobs that are pending and due at `now`, the highest priority first, then the oldest. They
    /// become `processing`, their executions `running`. Times in Unix milliseconds.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn claim_jobs(
        &self,
        owner: &str,
        now: i64,
        lease_until: i64,
        limit: u32,
    ) -> Result<Vec<ClaimedJob>, StoreError> {
        self.ask(ClaimJobs { owner: owner.to_owned(), now, lease_until, limit }).await
    }

    /// Keep the jobs that `owner` holds until `lease_until` (Unix milliseconds); how many there are.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn renew_leases(&self, owner: &str, lease_until: i64) -> Result<u64, StoreError> {
        self.ask(RenewLeases { owner: owner.to_owned(), lease_until }).await
    }

    /// Put jobs back that a process which is gone held: at the start every `processing` job, since the lock file
    /// makes this process the only one. How many there were.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn recover_jobs(&self, now: i64) -> Result<u64, StoreError> {
        self.ask(RecoverJobs { now }).await
    }

    /// Put jobs back that `owner` holds and does not go on with, without counting it as a takeover. How many there were.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn release_jobs(&self, owner: &str, now: i64) -> Result<u64, StoreError> {
        self.ask(ReleaseJobs { owner: owner.to_owned(), now }).await
    }

    /// Cancel an execution if nobody works on it. Then `entries` end its timeline: they are numbered on from its last
    /// entry, whatever `seq` they came with, and nodes that were under way become `cancelled`.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn request_cancel(
        &self,
        execution_id: &ExecutionId,
        now: i64,
        entries: Vec<TimelineEntry>,
    ) -> Result<CancelOutcome, StoreError> {
        self.ask(RequestCancel { execution_id: execution_id.clone(), now, entries }).await
    }
}

/// The jobs to claim, best first.
pub(crate) const TO_CLAIM: &str = "SELECT id, execution_id, attempts, takeovers FROM jobs \
     WHERE status = 'pending' AND run_at <= $1 ORDER BY priority DESC, created_at, id LIMIT $2";

/// `($from,…)` for `count` parameters.
fn list(from: usize, count: usize) -> String {
    let parameters: Vec<String> = (from..from + count).map(|number| format!("${number}")).collect();
    format!("({})", parameters.join(","))
}

#[derive(Debug)]
struct ClaimJobs {
    owner: String,
    now: i64,
    lease_until: i64,
    limit: u32,
}

impl Command for ClaimJobs {
    type Output = Vec<ClaimedJob>;

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<Vec<ClaimedJob>, StoreError> {
        let connection = &mut transaction.connection;
        let sql = AssertSqlSafe(format!("{TO_CLAIM}{}", connection.skip_locked()));
        let rows = connection.fetch(sql, [self.now.into(), self.limit.into()]).await?;
        let mut claimed = Vec::with_capacity(rows.len());
        for row in &rows {
            let key = row.opt_text(0).ok().flatten().unwrap_or_default();
            let columns = Columns::new(row, "jobs", &key);
            claimed.push(ClaimedJob {
                job_id: columns.id(0)?,
                execution_id: columns.id(1)?,
                attempts: columns.number::<u32>(2)?.saturating_add(1),
                takeovers: columns.number(3)?,
            });
        }
        let mut rest = claimed.as_slice();
        for size in chunks(claimed.len()) {
            let (chunk, after) = rest.split_at(size);
            rest = after;
            self.take(transaction, chunk).await?;
        }
        Ok(claimed)
    }
}

impl ClaimJobs {
    async fn take(&self, transaction: &mut Transaction<'_>, chunk: &[ClaimedJob]) -> Result<(), StoreError> {
        let connection = &mut transaction.connection;
        let jobs = format!(
            "UPDATE jobs SET status = 'processing', attempts = attempts + 1, lease_owner = $1, lease_until = $2, \
             updated_at = $3, started_at = COALESCE(started_at, $3) WHERE id IN {}",
            list(4, chunk.len())
        );
        let args = [Arg::from(self.owner.as_str()), self.lease_until.into(), self.now.into()];
        let ids = chunk.iter().map(|job| Arg::from(job.job_id.as_str()));
        connection.execute(AssertSqlSafe(jobs), args.into_iter().chain(ids)).await?;
        // Paused ones stay so.
        let executions = format!(
            "UPDATE executions SET status = CASE WHEN status = 'pending' THEN 'running' ELSE status END, \
             started_at = COALESCE(started_at, $1) WHERE id IN {}",
            list(2, chunk.len())
        );
        let ids = chunk.iter().map(|job| Arg::from(job.execution_id.as_str()));
        connection.execute(AssertSqlSafe(executions), std::iter::once(self.now.into()).chain(ids)).await?;
        Ok(())
    }
}

#[derive(Debug)]
struct RenewLeases {
    owner: String,
    lease_until: i64,
}

impl Command for RenewLeases {
    type Output = u64;

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<u64, StoreError> {
        transaction.connection.execute(RENEW, [self.owner.as_str().into(), self.lease_until.into()]).await
    }
}

/// Move the end of an owner's leases.
pub(crate) const RENEW: &str = "UPDATE jobs SET lease_until = $2 WHERE status = 'processing' AND lease_owner = $1";

#[derive(Debug)]
struct RecoverJobs {
    now: i64,
}

impl Command for RecoverJobs {
    type Output = u64;

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<u64, StoreError> {
        const RECOVER: &str = "UPDATE jobs SET status = 'pending', takeovers = takeovers + 1, lease_owner = NULL, \
             lease_until = NULL, updated_at = $1 WHERE status = 'processing'";
        transaction.connection.execute(RECOVER, [self.now.into()]).await
    }
}

#[derive(Debug)]
struct ReleaseJobs {
    owner: String,
    now: i64,
}

impl Command for ReleaseJobs {
    type Output = u64;

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<u64, StoreError> {
        const RELEASE: &str = "UPDATE jobs SET status = 'pending', lease_owner = NULL, lease_until = NULL, \
             updated_at = $2 WHERE status = 'processing' AND lease_owner = $1";
        transaction.connection.execute(RELEASE, [self.owner.as_str().into(), self.now.into()]).await
    }
}

#[derive(Debug)]
struct RequestCancel {
    execution_id: ExecutionId,
    now: i64,
    entries: Vec<TimelineEntry>,
}

impl Command for RequestCancel {
    type Output = CancelOutcome;

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<CancelOutcome, StoreError> {
        const STATE: &str = "SELECT e.status, j.status, j.id FROM executions e JOIN jobs j ON j.id = e.job_id \
             WHERE e.id = $1";
        let id = self.execution_id.as_str();
        let Some(row) = transaction.connection.fetch_first(STATE, [id.into()]).await? else {
            return Ok(CancelOutcome::NotFound);
        };
        let columns = Columns::new(&row, "executions", &id);
        let status = columns.name(0, ExecutionStatus::from_name)?;
        if status.is_terminal() {
            return Ok(CancelOutcome::AlreadyEnded(status));
        }
        if columns.name(1, JobStatus::from_name)? == JobStatus::Processing {
            return Ok(CancelOutcome::Running);
        }
        self.end(transaction, &columns.text(2)?).await?;
        Ok(CancelOutcome::Cancelled)
    }
}

impl RequestCancel {
    async fn end(&self, transaction: &mut Transaction<'_>, job_id: &str) -> Result<(), StoreError> {
        const EXECUTION: &str = "UPDATE executions SET status = 'cancelled', ended_at = $2 WHERE id = $1";
        const JOB: &str = "UPDATE jobs SET status = 'cancelled', ended_at = $2, updated_at = $2 WHERE id = $1";
        const NODES: &str = "UPDATE node_results SET status = 'cancelled', end_time = $2, suspension = NULL \
             WHERE execution_id = $1 AND status IN ('pending', 'running', 'retrying', 'waiting')";
        let id = self.execution_id.as_str();
        let connection = &mut transaction.connection;
        connection.execute(EXECUTION, [id.into(), self.now.into()]).await?;
        connection.execute(JOB, [job_id.into(), self.now.into()]).await?;
        connection.execute(NODES, [id.into(), self.now.into()]).await?;
        let row = connection.fetch_first(super::reads::LAST_SEQ, [id.into()]).await?;
        let last = match &row {
            Some(row) => Columns::new(row, "events", &id).number(0)?,
            None => 0u64,
        };
        let entries = (last + 1..).zip(self.entries.iter().cloned()).map(|(seq, mut entry)| {
            entry.seq = seq;
            (self.execution_id.clone(), entry)
        });
        transaction.append(entries.collect()).await
    }
}
