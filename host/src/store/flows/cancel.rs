//! Stopping all jobs of a flow.

use sqlx::AssertSqlSafe;

use crate::domain::{ExecutionId, FlowId, JobId, JobStatus};

use super::super::Store;
use super::super::batch::Transaction;
use super::super::columns::Columns;
use super::super::command::Command;
use super::super::error::StoreError;
use super::super::jobs::{cancelled, end_job};
use super::super::notice::Notice;
use super::super::reads::key;

/// What a request to cancel a flow came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlowCancel {
    /// Jobs that nobody was at work on: they are cancelled now, and so are their executions.
    pub cancelled: Vec<JobId>,
    /// Jobs that workers hold. They are marked, and the workers are told.
    pub running: Vec<JobId>,
}

impl Store {
    /// Cancel all jobs of a flow that have not ended, at once, so that none that waits for another is let go on or fails
    /// with it. Those that nobody works on end now, as with `Store::request_cancel`. `None` if there is no such flow. The flow
    /// has to be advanced afterwards.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn cancel_flow(&self, id: &FlowId, now: i64) -> Result<Option<FlowCancel>, StoreError> {
        self.ask(CancelFlow { id: id.clone(), now }).await
    }
}

#[derive(Debug)]
struct CancelFlow {
    id: FlowId,
    now: i64,
}

impl Command for CancelFlow {
    type Output = Option<FlowCancel>;

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<Option<FlowCancel>, StoreError> {
        const FLOW: &str = "SELECT id FROM flows WHERE id = $1";
        const OPEN: &str = "SELECT id, status FROM jobs WHERE flow_id = $1 AND ended_at IS NULL ORDER BY id";
        const MARK: &str = "UPDATE jobs SET cancel_at = COALESCE(cancel_at, $2) WHERE id = $1";
        let connection = &mut transaction.connection;
        let lock = connection.for_update();
        let id = || [self.id.as_str().into()];
        if connection.fetch_first(AssertSqlSafe(format!("{FLOW}{lock}")), id()).await?.is_none() {
            return Ok(None);
        }
        let rows = connection.fetch(AssertSqlSafe(format!("{OPEN}{lock}")), id()).await?;
        let mut found = FlowCancel::default();
        for row in &rows {
            let key = key(row);
            let columns = Columns::new(row, "jobs", &key);
            let (job_id, status): (JobId, _) = (columns.id(0)?, columns.name(1, JobStatus::from_name)?);
            let execution_id = ExecutionId::from(&job_id);
            if status == JobStatus::Processing {
                transaction.connection.execute(MARK, [job_id.as_str().into(), self.now.into()]).await?;
                transaction.tell(Notice::Cancel(execution_id));
                found.running.push(job_id);
                continue;
            }
            end_job(transaction, &job_id, Some(&execution_id), self.now, cancelled(self.now)).await?;
            found.cancelled.push(job_id);
        }
        Ok(Some(found))
    }
}
