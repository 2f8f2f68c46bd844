//! Jobs, one or a list.

use sqlx::AssertSqlSafe;

use crate::domain::{ExecutionId, FlowId, JobId, JobStatus, JobType, Json, UserId};

use super::super::columns::Columns;
use super::super::dialect::Arg;
use super::super::error::StoreError;
use super::super::reads::Conditions;
use super::super::{Store, reads};

/// A job with what it was asked and what came of it, as far as its execution does not tell.
#[derive(Clone, Debug)]
pub struct JobRow {
    /// All but the documents.
    pub summary: JobSummary,
    /// What it was asked.
    pub payload: Option<Json>,
    /// What came of it.
    pub result: Option<Json>,
}

/// A job in a list: without the documents.
#[derive(Clone, Debug, PartialEq)]
pub struct JobSummary {
    /// Its id.
    pub id: JobId,
    /// For people.
    pub name: Option<String>,
    /// Who made it.
    pub user_id: UserId,
    /// What it does.
    pub job_type: JobType,
    /// Where it waits.
    pub queue: String,
    /// Where it stands.
    pub status: JobStatus,
    /// Higher goes first.
    pub priority: i64,
    /// How far its execution is, 0 to 100.
    pub workflow_progress: f64,
    /// Why it failed: a JSON object.
    pub error: Option<Json>,
    /// How often it was begun.
    pub attempts: u32,
    /// How often it may be begun.
    pub max_attempts: u32,
    /// How often it was taken from a worker that died.
    pub takeovers: u32,
    /// When it may begin, in Unix milliseconds.
    pub run_at: i64,
    /// What runs it.
    pub execution_id: Option<ExecutionId>,
    /// The flow that it is part of.
    pub flow_id: Option<FlowId>,
    /// The job that waits for it.
    pub parent_id: Option<JobId>,
    /// Unix milliseconds.
    pub created_at: i64,
    /// Unix milliseconds.
    pub updated_at: i64,
    /// When it was first begun, in Unix milliseconds.
    pub started_at: Option<i64>,
    /// Unix milliseconds.
    pub ended_at: Option<i64>,
}

impl JobSummary {
    /// 0 to 100, 100 only when it completed.
    pub fn progress(&self) -> f64 {
        match self.status {
            JobStatus::Completed => 100.0,
            _ if self.started_at.is_none() => 0.0,
            _ => crate::domain::job::progress_while(self.workflow_progress),
        }
    }
}

/// Which jobs to list.
#[derive(Clone, Debug, Default)]
pub struct JobFilter {
    /// Only of this type.
    pub job_type: Option<JobType>,
    /// Only in this state.
    pub status: Option<JobStatus>,
    /// Only in this queue.
    pub queue: Option<String>,
    /// Only of this user.
    pub user_id: Option<UserId>,
    /// Only of this flow.
    pub flow_id: Option<FlowId>,
    /// At most so many.
    pub limit: u32,
    /// Only those made before this one.
    pub before: Option<JobId>,
}

macro_rules! columns {
    () => {
        "SELECT j.id, j.name, j.user_id, j.type, j.queue, j.status, j.priority, \
         (SELECT progress FROM events WHERE subject = j.id ORDER BY position DESC LIMIT 1), j.error, j.attempts, \
         j.max_attempts, j.takeovers, j.run_at, j.execution_id, j.flow_id, j.parent_id, j.created_at, j.updated_at, \
         j.started_at, j.ended_at"
    };
}

pub(crate) const JOB: &str = concat!(columns!(), ", j.payload, j.result FROM jobs j WHERE j.id = $1");

impl Store {
    /// A job.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn job(&self, id: &JobId) -> Result<Option<JobRow>, StoreError> {
        let Some(row) = self.first(JOB, [id.as_str().into()]).await? else { return Ok(None) };
        let columns = Columns::new(&row, "jobs", id);
        let (payload, result) = (columns.opt_json(20)?, columns.opt_json(21)?);
        Ok(Some(JobRow { summary: summary(&columns)?, payload, result }))
    }

    /// Jobs, the newest first.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn jobs(&self, filter: &JobFilter) -> Result<Vec<JobSummary>, StoreError> {
        let (sql, args) = jobs_sql(filter);
        let rows = self.rows(AssertSqlSafe(sql), args).await?;
        rows.iter().map(|row| summary(&Columns::new(row, "jobs", &reads::key(row)))).collect()
    }
}

/// Ids are in the order of creation.
pub(crate) fn jobs_sql(filter: &JobFilter) -> (String, Vec<Arg>) {
    let mut conditions = Conditions::default();
    if let Some(job_type) = filter.job_type {
        conditions.add("j.type = {}", [job_type.as_str().into()]);
    }
    if let Some(status) = filter.status {
        conditions.add("j.status = {}", [status.as_str().into()]);
    }
    if let Some(queue) = &filter.queue {
        conditions.add("j.queue = {}", [queue.as_str().into()]);
    }
    if let Some(user_id) = &filter.user_id {
        conditions.add("j.user_id = {}", [user_id.as_str().into()]);
    }
    if let Some(flow_id) = &filter.flow_id {
        conditions.add("j.flow_id = {}", [flow_id.as_str().into()]);
    }
    if let Some(before) = &filter.before {
        conditions.add("j.id < {}", [before.as_str().into()]);
    }
    let limit = conditions.limit(filter.limit);
    let select = columns!();
    (format!("{select} FROM jobs j{} ORDER BY j.id DESC {limit}", conditions.sql), conditions.args)
}

fn summary(columns: &Columns<'_>) -> Result<JobSummary, StoreError> {
    Ok(JobSummary {
        id: columns.id(0)?,
        name: columns.opt_text(1)?,
        user_id: columns.id(2)?,
        job_type: columns.name(3, JobType::from_name)?,
        queue: columns.text(4)?,
        status: columns.name(5, JobStatus::from_name)?,
        priority: columns.int(6)?,
        workflow_progress: columns.progress(7)?,
        error: columns.opt_json(8)?,
        attempts: columns.number(9)?,
        max_attempts: columns.number(10)?,
        takeovers: columns.number(11)?,
        run_at: columns.int(12)?,
        execution_id: columns.opt_text(13)?.map(Into::into),
        flow_id: columns.opt_text(14)?.map(Into::into),
        parent_id: columns.opt_text(15)?.map(Into::into),
        created_at: columns.int(16)?,
        updated_at: columns.int(17)?,
        started_at: columns.opt_int(18)?,
        ended_at: columns.opt_int(19)?,
    })
}
