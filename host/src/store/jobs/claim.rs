//! Claiming: each job goes to one worker.

use sqlx::AssertSqlSafe;

use crate::domain::{ExecutionId, FlowId, JobId, JobType, UserId};

use super::super::Store;
use super::super::batch::Transaction;
use super::super::columns::Columns;
use super::super::command::Command;
use super::super::dialect::{Arg, Row, chunks};
use super::super::error::StoreError;
use super::list;

/// Who wants how many jobs.
#[derive(Clone, Debug)]
pub struct ClaimRequest {
    /// The worker.
    pub owner: String,
    /// Unix milliseconds.
    pub now: i64,
    /// How long it will hold them if it does not renew, in Unix milliseconds.
    pub lease_until: i64,
    /// At most so many in all.
    pub limit: u32,
    /// From these queues, those that come first first.
    pub queues: Vec<QueueLimit>,
    /// Jobs of one user that may be at work at once, in all processes.
    pub per_user: Option<u32>,
}

/// A queue to claim from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueLimit {
    /// Its name.
    pub name: String,
    /// Jobs of it that may be at work at once, in all processes.
    pub at_most: Option<u32>,
}

/// What was claimed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claimed {
    /// The jobs, queue by queue, the best first.
    pub jobs: Vec<ClaimedJob>,
    /// When the next delayed job is due, in Unix milliseconds.
    pub next_due: Option<i64>,
    /// Whether jobs had to stay for a limit's sake: they can be claimed once others have ended.
    pub held_back: bool,
}

/// A job that the claimer now holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedJob {
    /// The job.
    pub job_id: JobId,
    /// What it does.
    pub job_type: JobType,
    /// What it runs.
    pub execution_id: Option<ExecutionId>,
    /// Its flow.
    pub flow_id: Option<FlowId>,
    /// Who made it.
    pub user_id: UserId,
    /// Which attempt this is, from 1.
    pub attempts: u32,
    /// How many there may be.
    pub max_attempts: u32,
    /// How often in a row the job was taken from a worker that died, without a node having ended in between.
    pub takeovers: u32,
    /// Somebody wants it to be cancelled.
    pub cancel: bool,
}

impl Store {
    /// Take up to `limit` jobs that are pending, or delayed and due: of each queue the highest priority first, then the
    /// oldest. They become `processing`, their executions `running`. Paused queues are passed over.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn claim_jobs(&self, request: ClaimRequest) -> Result<Claimed, StoreError> {
        self.ask(request).await
    }
}

/// The best jobs of a queue, of the types that this version knows: another process may be of a later one.
pub(crate) const TO_CLAIM: &str = "SELECT id, type, execution_id, flow_id, user_id, attempts, max_attempts, \
     takeovers, cancel_at FROM jobs WHERE status = 'pending' AND queue = $1 \
     AND type IN ('WORKFLOW', 'SEARCH', 'UPLOAD_TO_META', 'BLOCK', 'WEBHOOK') ORDER BY priority DESC, created_at, id LIMIT $2";

/// The same without those of users who have enough at work.
const TO_CLAIM_BY_USER: &str = "SELECT id, type, execution_id, flow_id, user_id, attempts, max_attempts, \
     takeovers, cancel_at FROM jobs WHERE status = 'pending' AND queue = $1 \
     AND type IN ('WORKFLOW', 'SEARCH', 'UPLOAD_TO_META', 'BLOCK', 'WEBHOOK') AND user_id NOT IN \
     (SELECT user_id FROM jobs WHERE status = 'processing' GROUP BY user_id HAVING COUNT(*) >= $3) \
     ORDER BY priority DESC, created_at, id LIMIT $2";

impl Command for ClaimRequest {
    type Output = Claimed;

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<Claimed, StoreError> {
        let next_due = self.promote(transaction).await?;
        let paused = paused(transaction).await?;
        let mut claimed = Claimed { next_due, ..Claimed::default() };
        if self.per_user.is_some() {
            lock(transaction, USERS).await?;
        }
        for queue in self.queues.iter().filter(|queue| !paused.contains(&queue.name)) {
            let left = (self.limit as usize).saturating_sub(claimed.jobs.len());
            if left == 0 {
                break;
            }
            let room = match queue.at_most {
                Some(at_most) => self.room(transaction, &queue.name, at_most).await?,
                None => left,
            };
            self.take_from(transaction, &queue.name, left.min(room), &mut claimed).await?;
            claimed.held_back |= room < left && waits(transaction, &queue.name).await?;
        }
        Ok(claimed)
    }
}

/// The row of `queues` that stands for the limit of users: no queue can have this name.
const USERS: &str = "*users*";

impl ClaimRequest {
    /// Make delayed jobs pending that are due; when the next one will be.
    async fn promote(&self, transaction: &mut Transaction<'_>) -> Result<Option<i64>, StoreError> {
        const NEXT: &str = "SELECT run_at FROM jobs WHERE status = 'delayed' ORDER BY run_at LIMIT 1";
        const PROMOTE: &str = "UPDATE jobs SET status = 'pending', updated_at = $1 \
             WHERE status = 'delayed' AND run_at <= $1";
        let connection = &mut transaction.connection;
        for promoted in [false, true] {
            let row = connection.fetch_first(NEXT, []).await?;
            let next = row.and_then(|row| row.opt_int(0).ok().flatten());
            match next {
                Some(next) if next <= self.now && !promoted => connection.execute(PROMOTE, [self.now.into()]).await?,
                next => return Ok(next),
            };
        }
        Ok(None)
    }

    /// How many more jobs of a queue may be at work. Other processes that ask wait for this transaction's end.
    async fn room(&self, transaction: &mut Transaction<'_>, queue: &str, at_most: u32) -> Result<usize, StoreError> {
        const BUSY: &str = "SELECT COUNT(*) FROM jobs WHERE status = 'processing' AND queue = $1";
        lock(transaction, queue).await?;
        let row = transaction.connection.fetch_first(BUSY, [queue.into()]).await?;
        let busy: u32 = match &row {
            Some(row) => Columns::new(row, "jobs", &queue).number(0)?,
            None => 0,
        };
        Ok(at_most.saturating_sub(busy) as usize)
    }

    async fn take_from(
        &self,
        transaction: &mut Transaction<'_>,
        queue: &str,
        limit: usize,
        claimed: &mut Claimed,
    ) -> Result<(), StoreError> {
        let mut left = limit;
        while left > 0 {
            let found = self.find(transaction, queue, left).await?;
            let all = found.len() < left;
            let taken = self.within_limit(transaction, found, claimed).await?;
            let progress = !taken.is_empty();
            left -= taken.len();
            let mut rest = taken.as_slice();
            for size in chunks(taken.len()) {
                let (chunk, after) = rest.split_at(size);
                rest = after;
                self.take(transaction, chunk).await?;
            }
            claimed.jobs.extend(taken);
            // Without a limit of users one look finds everything.
            if all || !progress || self.per_user.is_none() {
                break;
            }
        }
        Ok(())
    }

    async fn find(
        &self,
        transaction: &mut Transaction<'_>,
        queue: &str,
        limit: usize,
    ) -> Result<Vec<ClaimedJob>, StoreError> {
        let connection = &mut transaction.connection;
        let lock = connection.skip_locked();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = match self.per_user {
            None => {
                let sql = AssertSqlSafe(format!("{TO_CLAIM}{lock}"));
                connection.fetch(sql, [queue.into(), limit.into()]).await?
            }
            Some(at_most) => {
                let sql = AssertSqlSafe(format!("{TO_CLAIM_BY_USER}{lock}"));
                connection.fetch(sql, [queue.into(), limit.into(), at_most.into()]).await?
            }
        };
        // One that cannot be read stays, and keeps nobody from the others.
        let unreadable = |error: &StoreError| tracing::error!(%error, queue, "a job cannot be claimed");
        Ok(rows.iter().filter_map(|row| claimed_job(row).inspect_err(unreadable).ok()).collect())
    }

    /// Of the jobs found, those that keep every user within the limit.
    async fn within_limit(
        &self,
        transaction: &mut Transaction<'_>,
        found: Vec<ClaimedJob>,
        claimed: &mut Claimed,
    ) -> Result<Vec<ClaimedJob>, StoreError> {
        const BUSY: &str = "SELECT user_id, COUNT(*) FROM jobs WHERE status = 'processing' GROUP BY user_id";
        let Some(at_most) = self.per_user else { return Ok(found) };
        let mut busy = std::collections::HashMap::<String, u32>::new();
        for row in &transaction.connection.fetch(BUSY, []).await? {
            let columns = Columns::new(row, "jobs", &"processing");
            busy.insert(columns.text(0)?, columns.number(1)?);
        }
        let mut taken = Vec::with_capacity(found.len());
        for job in found {
            let count = busy.entry(job.user_id.as_str().to_owned()).or_default();
            if *count < at_most {
                *count += 1;
                taken.push(job);
            } else {
                claimed.held_back = true;
            }
        }
        claimed.held_back |= busy.values().any(|count| *count >= at_most);
        Ok(taken)
    }

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
        let ids = chunk.iter().map(|job| Arg::from(job.job_id.as_str()));
        connection.execute(AssertSqlSafe(executions), std::iter::once(self.now.into()).chain(ids)).await?;
        Ok(())
    }
}

fn claimed_job(row: &Row) -> Result<ClaimedJob, StoreError> {
    let key = row.opt_text(0).ok().flatten().unwrap_or_default();
    let columns = Columns::new(row, "jobs", &key);
    Ok(ClaimedJob {
        job_id: columns.id(0)?,
        job_type: columns.name(1, JobType::from_name)?,
        execution_id: columns.opt_text(2)?.map(Into::into),
        flow_id: columns.opt_text(3)?.map(Into::into),
        user_id: columns.id(4)?,
        attempts: columns.number::<u32>(5)?.saturating_add(1),
        max_attempts: columns.number(6)?,
        takeovers: columns.number(7)?,
        cancel: columns.opt_int(8)?.is_some(),
    })
}

async fn paused(transaction: &mut Transaction<'_>) -> Result<Vec<String>, StoreError> {
    const PAUSED: &str = "SELECT name FROM queues WHERE paused_at IS NOT NULL";
    let rows = transaction.connection.fetch(PAUSED, []).await?;
    rows.iter().map(|row| Columns::new(row, "queues", &"paused").text(0)).collect()
}

/// Whether a queue has jobs left.
async fn waits(transaction: &mut Transaction<'_>, queue: &str) -> Result<bool, StoreError> {
    const ANY: &str = "SELECT id FROM jobs WHERE status = 'pending' AND queue = $1 LIMIT 1";
    Ok(transaction.connection.fetch_first(ANY, [queue.into()]).await?.is_some())
}

/// Let no other process count the jobs of a queue until this transaction ends.
async fn lock(transaction: &mut Transaction<'_>, queue: &str) -> Result<(), StoreError> {
    const MAKE: &str = "INSERT INTO queues (name, paused_at) VALUES ($1, NULL) ON CONFLICT (name) DO NOTHING";
    let connection = &mut transaction.connection;
    let lock = connection.for_update();
    if lock.is_empty() {
        // One process, one writer.
        return Ok(());
    }
    connection.execute(MAKE, [queue.into()]).await?;
    let sql = AssertSqlSafe(format!("SELECT name FROM queues WHERE name = $1{lock}"));
    connection.fetch(sql, [queue.into()]).await.map(drop)
}
