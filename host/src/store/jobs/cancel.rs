//! Cancelling.

use crate::domain::{EventKind, ExecutionId, ExecutionStatus, FlowId, JobId, JobStatus, TimelineEntry, Topic};

use super::super::Store;
use super::super::batch::Transaction;
use super::super::columns::Columns;
use super::super::command::Command;
use super::super::error::StoreError;
use super::super::notice::Notice;

/// What a request to cancel came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CancelOutcome {
    /// There is no such job.
    NotFound,
    /// It had ended.
    AlreadyEnded(JobStatus),
    /// Nobody was at work on it: it is cancelled now, and so is its execution.
    Cancelled {
        /// Its flow, which has to be told.
        flow_id: Option<FlowId>,
    },
    /// A worker holds it. It is marked, and the worker is told.
    Running,
}

impl Store {
    /// Cancel a job with its execution. If nobody works on it, it ends now, and nodes that were under way become
    /// `cancelled`.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn request_cancel(&self, job_id: &JobId, now: i64) -> Result<CancelOutcome, StoreError> {
        self.ask(RequestCancel { job_id: job_id.clone(), now }).await
    }
}

#[derive(Debug)]
struct RequestCancel {
    job_id: JobId,
    now: i64,
}

impl Command for RequestCancel {
    type Output = CancelOutcome;

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<CancelOutcome, StoreError> {
        const STATE: &str = "SELECT status, execution_id, flow_id FROM jobs WHERE id = $1";
        const MARK: &str = "UPDATE jobs SET cancel_at = COALESCE(cancel_at, $2) WHERE id = $1";
        let id = self.job_id.as_str();
        let sql = sqlx::AssertSqlSafe(format!("{STATE}{}", transaction.connection.for_update()));
        let Some(row) = transaction.connection.fetch_first(sql, [id.into()]).await? else {
            return Ok(CancelOutcome::NotFound);
        };
        let columns = Columns::new(&row, "jobs", &id);
        let execution_id: Option<ExecutionId> = columns.opt_text(1)?.map(Into::into);
        match columns.name(0, JobStatus::from_name)? {
            JobStatus::Processing => {
                transaction.connection.execute(MARK, [id.into(), self.now.into()]).await?;
                transaction.tell(Notice::Cancel(id.into()));
                Ok(CancelOutcome::Running)
            }
            status if status.is_terminal() => Ok(CancelOutcome::AlreadyEnded(status)),
            _ => {
                let entry = cancelled(self.now);
                end_job(transaction, &self.job_id, execution_id.as_ref(), self.now, entry).await?;
                Ok(CancelOutcome::Cancelled { flow_id: columns.opt_text(2)?.map(Into::into) })
            }
        }
    }
}

/// End a job that nobody works on, with its execution if it has one.
pub(crate) async fn end_job(
    transaction: &mut Transaction<'_>,
    job_id: &JobId,
    execution_id: Option<&ExecutionId>,
    now: i64,
    entry: TimelineEntry,
) -> Result<(), StoreError> {
    const JOB: &str = "UPDATE jobs SET status = 'cancelled', ended_at = $2, updated_at = $2 WHERE id = $1";
    transaction.connection.execute(JOB, [job_id.as_str().into(), now.into()]).await?;
    match execution_id {
        Some(id) => end_execution(transaction, id, ExecutionStatus::Cancelled, None, now, entry).await,
        None => Ok(()),
    }
}

/// The last entry of an execution that is cancelled while nobody works on it.
pub(crate) fn cancelled(now: i64) -> TimelineEntry {
    TimelineEntry {
        seq: 0,
        timestamp: now,
        event: EventKind::ExecutionCancelled,
        node_id: None,
        message: "execution cancelled while nobody worked on it".to_owned(),
        progress: 0.0,
        data: None,
    }
}

/// End an execution that nobody works on: `entry` is its last, numbered on.
pub(crate) async fn end_execution(
    transaction: &mut Transaction<'_>,
    id: &ExecutionId,
    status: ExecutionStatus,
    error: Option<&crate::domain::ExecutionError>,
    now: i64,
    entry: TimelineEntry,
) -> Result<(), StoreError> {
    const EXECUTION: &str = "UPDATE executions SET status = $3, error = $4, ended_at = $2 WHERE id = $1";
    const NODES: &str = "UPDATE node_results SET status = 'cancelled', end_time = $2, suspension = NULL \
         WHERE execution_id = $1 AND status IN ('pending', 'running', 'retrying', 'waiting')";
    let error = error.map_or(super::super::dialect::Arg::NULL, super::super::tables::encoded);
    let connection = &mut transaction.connection;
    connection.execute(EXECUTION, [id.as_str().into(), now.into(), status.as_str().into(), error]).await?;
    connection.execute(NODES, [id.as_str().into(), now.into()]).await?;
    let entry = transaction.next_entry(id, entry).await?;
    transaction.append([(Topic::Execution(id.clone()), entry)]);
    Ok(())
}
