//! Firing a schedule: its jobs, and when it is due next, in one transaction.

use sqlx::AssertSqlSafe;

use crate::domain::{JobId, JobStatus, ScheduleError};

use super::super::Store;
use super::super::batch::{Transaction, Write};
use super::super::columns::Columns;
use super::super::command::Command;
use super::super::dialect::Arg;
use super::super::error::StoreError;
use super::super::records::Record;
use super::super::tables::encoded;
use super::waiting;

/// What becomes of a schedule whose time has come.
#[derive(Clone, Debug)]
pub struct FireSchedule {
    /// The schedule.
    pub id: String,
    /// As it was read: if it was changed or fired since, nothing happens.
    pub revision: i64,
    /// The due time to come, in Unix milliseconds.
    pub next_at: Option<i64>,
    /// Why there is no job, if there should be one.
    pub error: Option<ScheduleError>,
    /// What happens if its last job has ended, or there was none.
    pub idle: Firing,
    /// What happens otherwise.
    pub busy: Firing,
}

/// The jobs that a schedule makes.
#[derive(Clone, Debug, Default)]
pub struct Firing {
    /// Jobs with their executions.
    pub records: Vec<Record>,
    /// The last of the jobs, and its due time in Unix milliseconds.
    pub last: Option<(JobId, i64)>,
    /// Due times that wait from then on, in Unix milliseconds.
    pub waiting: Vec<i64>,
}

/// What came of firing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fired {
    /// The last job had ended, or there was none.
    Idle,
    /// The last job had not ended.
    Busy,
    /// Somebody else was faster.
    Lost,
}

impl Store {
    /// Make the jobs of a schedule whose time has come, and note when it is due next, in one transaction.
    ///
    /// # Errors
    /// If the database fails. Then nothing has happened.
    pub async fn fire_schedule(&self, fire: FireSchedule) -> Result<Fired, StoreError> {
        self.ask(fire).await
    }
}

impl Command for FireSchedule {
    type Output = Fired;

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<Fired, StoreError> {
        const STATE: &str = "SELECT last_at, last_job_id FROM schedules WHERE id = $1 AND revision = $2";
        const FIRED: &str = "UPDATE schedules SET revision = revision + 1, next_at = $3, last_error = $4, \
             waiting = $5, last_at = $6, last_job_id = $7 WHERE id = $1 AND revision = $2";
        let which = || [self.id.as_str().into(), self.revision.into()];
        // Locked, so that of two that read the same revision the second finds another.
        let sql = AssertSqlSafe(format!("{STATE}{}", transaction.connection.for_update()));
        let Some(row) = transaction.connection.fetch_first(sql, which()).await? else { return Ok(Fired::Lost) };
        let columns = Columns::new(&row, "schedules", &self.id);
        let (last_at, last_job): (Option<i64>, Option<String>) = (columns.opt_int(0)?, columns.opt_text(1)?);
        let busy = match &last_job {
            Some(id) => is_at_work(transaction, id).await?,
            None => false,
        };
        let firing = if busy { &self.busy } else { &self.idle };
        transaction.apply(vec![&mut Write::new(firing.records.clone())]).await?;
        let (last_job, last_at) = match &firing.last {
            Some((job_id, at)) => (Some(job_id.as_str()), Some(*at)),
            None => (last_job.as_deref(), last_at),
        };
        let error = self.error.as_ref().map_or(Arg::NULL, encoded);
        let change = [self.next_at.into(), error, waiting(&firing.waiting), last_at.into(), last_job.into()];
        transaction.connection.execute(FIRED, which().into_iter().chain(change)).await?;
        Ok(if busy { Fired::Busy } else { Fired::Idle })
    }
}

/// Whether the job exists and has not ended.
async fn is_at_work(transaction: &mut Transaction<'_>, job_id: &str) -> Result<bool, StoreError> {
    const STATUS: &str = "SELECT status FROM jobs WHERE id = $1";
    let Some(row) = transaction.connection.fetch_first(STATUS, [job_id.into()]).await? else { return Ok(false) };
    let status = Columns::new(&row, "jobs", &job_id).name(0, JobStatus::from_name)?;
    Ok(!status.is_terminal())
}
