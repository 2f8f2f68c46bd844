//! Putting a job off that cannot go on now.

use crate::domain::{ExecutionId, JobId, TimelineEntry, Topic};

use super::super::Store;
use super::super::batch::Transaction;
use super::super::command::Command;
use super::super::error::StoreError;
use super::super::notice::Notice;

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

impl Store {
    /// Let go of a job until its time; `false` if its worker did not hold it any more.
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
             WHERE id = $1 AND lease_owner = $2 AND status = 'processing'";
        let args = [
            self.job_id.as_str().into(),
            self.owner.as_str().into(),
            self.now.into(),
            self.run_at.into(),
            i64::from(self.free).into(),
        ];
        if transaction.connection.execute(POSTPONE, args).await? == 0 {
            return Ok(false);
        }
        if let Some(mut entry) = self.entry.clone() {
            let id = ExecutionId::from(&self.job_id);
            entry.seq = transaction.last_seq(&id).await? + 1;
            transaction.append([(Topic::Execution(id), entry)]);
        }
        transaction.tell(Notice::Jobs);
        Ok(true)
    }
}
