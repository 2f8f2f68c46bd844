//! Putting a job off that cannot go on now, and giving it up.

use crate::domain::{ExecutionError, ExecutionId, ExecutionStatus, JobId, TimelineEntry, Topic};

use super::super::Store;
use super::super::batch::Transaction;
use super::super::columns::Columns;
use super::super::command::Command;
use super::super::error::StoreError;
use super::super::notice::Notice;
use super::super::tables::encoded;
use super::cancel::{cancelled, end_execution, end_job};

/// A job that its worker lets go of until later.
#[derive(Clone, Debug)]
pub struct Postponed {
    /// The job.
    pub job_id: JobId,
    /// Who holds it.
    pub owner: String,
    /// Unix milliseconds.
    pub now: i64,
    /// When it is due again, in Unix milliseconds.
    pub run_at: i64,
    /// Whether this attempt does not count.
    pub free: bool,
    /// What its execution's timeline says of it, numbered on whatever `seq` it came with.
    pub entry: Option<TimelineEntry>,
}

/// A job that is given up.
#[derive(Clone, Debug)]
pub struct Parked {
    /// The job.
    pub job_id: JobId,
    /// Who holds it.
    pub owner: String,
    /// Unix milliseconds.
    pub now: i64,
    /// Why.
    pub error: ExecutionError,
    /// The last of its execution's timeline, numbered on whatever `seq` it came with.
    pub entry: TimelineEntry,
}

impl Store {
    /// Park a job as `dead` without looking at what it runs, whose execution fails; `false` if its worker did not hold it
    /// any more.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn park_job(&self, parked: Parked) -> Result<bool, StoreError> {
        self.ask(parked).await
    }

    /// Let go of a job until its time, or cancel it if somebody wants that; `false` if its worker did not hold it any more.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn postpone_job(&self, postponed: Postponed) -> Result<bool, StoreError> {
        self.ask(postponed).await
    }
}

impl Command for Postponed {
    type Output = bool;

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<bool, StoreError> {
        const POSTPONE: &str = "UPDATE jobs SET status = 'delayed', run_at = $4, attempts = attempts - $5, \
             lease_owner = NULL, lease_until = NULL, updated_at = $3 \
             WHERE id = $1 AND lease_owner = $2 AND status = 'processing' RETURNING cancel_at";
        let args = [
            self.job_id.as_str().into(),
            self.owner.as_str().into(),
            self.now.into(),
            self.run_at.into(),
            i64::from(self.free).into(),
        ];
        let Some(row) = transaction.connection.fetch_first(POSTPONE, args).await? else { return Ok(false) };
        let is_unwanted = Columns::new(&row, "jobs", &self.job_id).opt_int(0)?.is_some();
        let id = ExecutionId::from(&self.job_id);
        if is_unwanted {
            // Who asked for it was told that it will not go on.
            let (execution_id, entry) = (self.entry.is_some().then_some(&id), cancelled(self.now));
            end_job(transaction, &self.job_id, execution_id, self.now, entry).await?;
            return Ok(true);
        }
        if let Some(entry) = self.entry.clone() {
            let entry = transaction.next_entry(&id, entry).await?;
            transaction.append([(Topic::Execution(id), entry)]);
        }
        transaction.tell(Notice::Jobs);
        Ok(true)
    }
}

impl Command for Parked {
    type Output = bool;

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<bool, StoreError> {
        const PARK: &str = "UPDATE jobs SET status = 'dead', error = $3, lease_owner = NULL, lease_until = NULL, \
             updated_at = $4, ended_at = $4 WHERE id = $1 AND lease_owner = $2 AND status = 'processing'";
        let args = [self.job_id.as_str().into(), self.owner.as_str().into(), encoded(&self.error), self.now.into()];
        if transaction.connection.execute(PARK, args).await? == 0 {
            return Ok(false);
        }
        let (id, failed) = (ExecutionId::from(&self.job_id), ExecutionStatus::Failed);
        end_execution(transaction, &id, failed, Some(&self.error), self.now, self.entry.clone()).await?;
        Ok(true)
    }
}
