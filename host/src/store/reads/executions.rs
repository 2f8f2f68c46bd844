//! Executions, one or a list.

use sqlx::AssertSqlSafe;

use crate::domain::{Execution, ExecutionError, ExecutionId, ExecutionStatus, JobId, Json, Mode, RunOptions, UserId};

use super::super::payloads::Stored;
use super::nodes::resolve;
use super::{Columns, Conditions, Cursor, Store, StoreError};

/// An execution with what it was fixed to when it started.
#[derive(Clone, Debug)]
pub struct ExecutionRow {
    /// The execution.
    pub execution: Execution,
    /// Names its document.
    pub document_digest: String,
    /// `{type: digest}` of its blocks.
    pub blocks: Json,
    /// The variables given with the request: a JSON object or `null`.
    pub variables: Json,
    /// What else was asked of it.
    pub options: RunOptions,
}

/// An execution in a list: without input and output.
#[derive(Clone, Debug)]
pub struct ExecutionSummary {
    /// Its id.
    pub execution_id: ExecutionId,
    /// Its job.
    pub job_id: JobId,
    /// The workflow's id.
    pub workflow_id: String,
    /// The saved version; `None` for inline runs.
    pub workflow_version: Option<u32>,
    /// Where it stands.
    pub status: ExecutionStatus,
    /// Whether blocks may talk to the network.
    pub mode: Mode,
    /// 0 to 100.
    pub progress: f64,
    /// Why it failed.
    pub error: Option<ExecutionError>,
    /// When it was accepted, in Unix milliseconds.
    pub created_at: i64,
    /// Unix milliseconds.
    pub started_at: Option<i64>,
    /// Unix milliseconds.
    pub ended_at: Option<i64>,
    /// Who started it.
    pub user_id: UserId,
}

impl ExecutionSummary {
    /// Where a list goes on after this one.
    pub fn cursor(&self) -> Cursor {
        Cursor { at: self.created_at, id: self.execution_id.to_string() }
    }
}

/// Which executions to list.
#[derive(Clone, Debug, Default)]
pub struct ExecutionFilter {
    /// Only of this workflow.
    pub workflow_id: Option<String>,
    /// Only in this state.
    pub status: Option<ExecutionStatus>,
    /// Only of this user.
    pub user_id: Option<UserId>,
    /// At most so many.
    pub limit: u32,
    /// Only those after this place in the list.
    pub after: Option<Cursor>,
}

macro_rules! summary_columns {
    () => {
        "SELECT e.id, e.job_id, e.workflow_id, e.workflow_version, e.status, e.mode, \
         (SELECT progress FROM events WHERE subject = e.id ORDER BY position DESC LIMIT 1), \
         e.error, e.created_at, e.started_at, e.ended_at, e.user_id"
    };
}

pub(crate) const EXECUTION: &str = concat!(
    summary_columns!(),
    ", e.document_digest, e.blocks, e.variables, e.metadata, e.output, p.body, e.options FROM executions e \
     LEFT JOIN payloads p ON p.execution_id = e.id AND p.number = 0 WHERE e.id = $1"
);

impl Store {
    /// An execution with input and output, its progress that of its newest event.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn execution(&self, execution_id: &ExecutionId) -> Result<Option<ExecutionRow>, StoreError> {
        let Some(row) = self.first(EXECUTION, [execution_id.as_str().into()]).await? else { return Ok(None) };
        let columns = Columns::new(&row, "executions", execution_id);
        let output = match columns.decoded::<Stored>(16)? {
            None => Json::null(),
            Some(Stored::Json(json)) => json,
            Some(stored) => {
                let output = [(String::new(), stored.clone())];
                resolve(execution_id, stored, &self.payloads(execution_id, &output).await?)?
            }
        };
        let summary = summary(&columns)?;
        let execution_time = summary.started_at.zip(summary.ended_at).map(|(start, end)| end.saturating_sub(start));
        let execution = Execution {
            execution_id: summary.execution_id,
            job_id: summary.job_id,
            workflow_id: summary.workflow_id,
            workflow_version: summary.workflow_version,
            status: summary.status,
            mode: summary.mode,
            progress: summary.progress,
            input: columns.json(17)?,
            output,
            error: summary.error,
            metadata: columns.json(15)?,
            started_at: summary.started_at,
            ended_at: summary.ended_at,
            execution_time,
            created_at: summary.created_at,
            user_id: summary.user_id,
        };
        let (document_digest, blocks) = (columns.text(12)?, columns.json(13)?);
        let options = columns.decoded(18)?.unwrap_or_default();
        Ok(Some(ExecutionRow { execution, document_digest, blocks, variables: columns.json(14)?, options }))
    }

    /// Executions, the newest first.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn executions(&self, filter: &ExecutionFilter) -> Result<Vec<ExecutionSummary>, StoreError> {
        let (sql, conditions) = executions_sql(filter);
        let rows = self.rows(AssertSqlSafe(sql), conditions).await?;
        let summaries = rows.iter().map(|row| summary(&Columns::new(row, "executions", &super::key(row))));
        summaries.collect()
    }
}

pub(crate) fn executions_sql(filter: &ExecutionFilter) -> (String, Vec<super::Arg>) {
    let mut conditions = Conditions::default();
    if let Some(workflow_id) = &filter.workflow_id {
        conditions.add("e.workflow_id = {}", [workflow_id.as_str().into()]);
    }
    if let Some(status) = filter.status {
        conditions.add("e.status = {}", [status.as_str().into()]);
    }
    if let Some(user_id) = &filter.user_id {
        conditions.add("e.user_id = {}", [user_id.as_str().into()]);
    }
    if let Some(after) = &filter.after {
        conditions.add("(e.created_at, e.id) < ({}, {})", [after.at.into(), after.id.as_str().into()]);
    }
    let limit = conditions.limit(filter.limit);
    let select = summary_columns!();
    let sql = format!("{select} FROM executions e{} ORDER BY e.created_at DESC, e.id DESC {limit}", conditions.sql);
    (sql, conditions.args)
}

fn summary(columns: &Columns<'_>) -> Result<ExecutionSummary, StoreError> {
    Ok(ExecutionSummary {
        execution_id: columns.id(0)?,
        job_id: columns.id(1)?,
        workflow_id: columns.text(2)?,
        workflow_version: columns.opt_number(3)?,
        status: columns.name(4, ExecutionStatus::from_name)?,
        mode: columns.name(5, Mode::from_name)?,
        progress: columns.progress(6)?,
        error: columns.decoded(7)?,
        created_at: columns.int(8)?,
        started_at: columns.opt_int(9)?,
        ended_at: columns.opt_int(10)?,
        user_id: columns.id(11)?,
    })
}
