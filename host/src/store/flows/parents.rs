//! Parents: they go on when their children have ended, or fail with one of them.

use crate::domain::flow::{error_object, result_object, with_children};
use crate::domain::{
    EventKind, ExecutionError, ExecutionId, ExecutionStatus, JobId, JobStatus, JobType, Json, TimelineEntry,
};

use super::super::batch::Transaction;
use super::super::columns::Columns;
use super::super::error::StoreError;
use super::super::jobs::end_execution;
use super::super::notice::Notice;
use super::super::payloads::INPUT;
use super::super::reads::key;
use super::super::tables::encoded;
use super::advance::AdvanceFlow;
use super::outputs::{Output, outputs};

/// What became of parents whose children have all ended.
#[derive(Default)]
pub(super) struct Released {
    /// There were some that can be claimed now, or when their time comes.
    pub(super) any: bool,
    /// There were some that had to fail.
    pub(super) failed: bool,
}

impl AdvanceFlow {
    /// Fail parents that have a child whose failure is theirs; whether there were any.
    pub(super) async fn fail_parents(&self, transaction: &mut Transaction<'_>) -> Result<bool, StoreError> {
        const FAILING: &str = "SELECT p.id, c.id, c.status, c.error FROM jobs p JOIN jobs c ON c.parent_id = p.id \
             WHERE p.flow_id = $1 AND p.status = 'waiting-children' AND c.fail_parent = 1 \
             AND c.status IN ('failed', 'dead', 'cancelled') ORDER BY p.id, c.ended_at, c.id";
        let rows = transaction.connection.fetch(FAILING, [self.id.as_str().into()]).await?;
        let mut last: Option<JobId> = None;
        for row in &rows {
            let key = key(row);
            let columns = Columns::new(row, "jobs", &key);
            let parent: JobId = columns.id(0)?;
            // The child that failed first is the one that counts.
            if last.as_ref() == Some(&parent) {
                continue;
            }
            let child: JobId = columns.id(1)?;
            let status = columns.name(2, JobStatus::from_name)?;
            let error = execution_error(&error_object(columns.opt_json(3)?.as_ref(), status));
            self.fail(transaction, &parent, error, Some(&child)).await?;
            last = Some(parent);
        }
        Ok(last.is_some())
    }

    /// Let parents go on whose children have all ended, with what came of them.
    pub(super) async fn release_parents(&self, transaction: &mut Transaction<'_>) -> Result<Released, StoreError> {
        const READY: &str = "SELECT p.id FROM jobs p WHERE p.flow_id = $1 AND p.status = 'waiting-children' \
             AND NOT EXISTS (SELECT 1 FROM jobs c WHERE c.parent_id = p.id \
             AND c.status IN ('delayed', 'waiting-children', 'pending', 'processing')) ORDER BY p.id";
        let rows = transaction.connection.fetch(READY, [self.id.as_str().into()]).await?;
        let mut released = Released::default();
        for row in &rows {
            let parent: JobId = Columns::new(row, "jobs", &self.id).id(0)?;
            let (values, failures) = self.children(transaction, &parent).await?;
            if self.release(transaction, &parent, &values, &failures).await? {
                released.any = true;
                continue;
            }
            let error = ExecutionError {
                code: "input-too-deep".to_owned(),
                message: "the results of the children, put into the input, are nested too deep".to_owned(),
                node_id: None,
                details: Json::null(),
            };
            self.fail(transaction, &parent, error, None).await?;
            released.failed = true;
        }
        if released.any {
            transaction.tell(Notice::Jobs);
        }
        Ok(released)
    }

    /// The results and the errors of a parent's children, by their ids.
    async fn children(&self, transaction: &mut Transaction<'_>, parent: &JobId) -> Result<(Json, Json), StoreError> {
        const CHILDREN: &str = "SELECT id, type, status, error FROM jobs WHERE parent_id = $1 ORDER BY id";
        let rows = transaction.connection.fetch(CHILDREN, [parent.as_str().into()]).await?;
        let (mut completed, mut failures) = (Vec::new(), Vec::new());
        for row in &rows {
            let key = key(row);
            let columns = Columns::new(row, "jobs", &key);
            let id: JobId = columns.id(0)?;
            match columns.name(2, JobStatus::from_name)? {
                JobStatus::Completed => completed.push((id, columns.name(1, JobType::from_name)?)),
                status => failures.push((id, error_object(columns.opt_json(3)?.as_ref(), status))),
            }
        }
        let ids: Vec<JobId> = completed.iter().map(|(id, _)| id.clone()).collect();
        let outputs = outputs(&mut transaction.connection, &ids, None).await?;
        let values: Vec<(JobId, Json)> = completed
            .into_iter()
            .map(|(id, job_type)| {
                let result = match outputs.get(&id) {
                    Some(Output::Json(output)) => (self.result_of)(job_type, output),
                    _ => Json::null(),
                };
                (id, result_object(&result))
            })
            .collect();
        let object = |members: &[(JobId, Json)]| Json::object(members.iter().map(|(id, json)| (id.as_str(), json)));
        Ok((object(&values), object(&failures)))
    }

    /// Give a parent its input and let it be claimed; `false` if its input would be nested too deep.
    async fn release(
        &self,
        transaction: &mut Transaction<'_>,
        parent: &JobId,
        values: &Json,
        failures: &Json,
    ) -> Result<bool, StoreError> {
        const GET: &str = "SELECT p.body, j.type FROM payloads p JOIN jobs j ON j.id = p.execution_id \
             WHERE p.execution_id = $1 AND p.number = $2";
        const SET: &str = "UPDATE payloads SET body = $3 WHERE execution_id = $1 AND number = $2";
        const RELEASE: &str = "UPDATE jobs SET status = CASE WHEN run_at > $2 THEN 'delayed' ELSE 'pending' END, \
             updated_at = $2 WHERE id = $1 AND status = 'waiting-children'";
        let connection = &mut transaction.connection;
        let which = || [parent.as_str().into(), INPUT.into()];
        let Some(row) = connection.fetch_first(GET, which()).await? else {
            return Err(StoreError::Corrupt { what: format!("payloads: no row {parent}/{INPUT}, an input") });
        };
        let columns = Columns::new(&row, "payloads", parent);
        let input = columns.json(0)?;
        let input = match columns.name(1, JobType::from_name)? {
            // Their input is what one vendor's block takes, which knows nothing of children.
            JobType::Search | JobType::UploadToMeta => input,
            _ => match with_children(&input, values, failures) {
                Some(input) => input,
                None => return Ok(false),
            },
        };
        if connection.execute(RELEASE, [parent.as_str().into(), self.now.into()]).await? > 0 {
            connection.execute(SET, which().into_iter().chain([(&input).into()])).await?;
        }
        Ok(true)
    }

    /// End a parent that waits, and its execution, which never began.
    async fn fail(
        &self,
        transaction: &mut Transaction<'_>,
        parent: &JobId,
        error: ExecutionError,
        child: Option<&JobId>,
    ) -> Result<(), StoreError> {
        const FAIL: &str = "UPDATE jobs SET status = 'failed', error = $2, ended_at = $3, updated_at = $3 \
             WHERE id = $1 AND status = 'waiting-children'";
        let args = [parent.as_str().into(), encoded(&error), self.now.into()];
        if transaction.connection.execute(FAIL, args).await? == 0 {
            return Ok(());
        }
        let entry = TimelineEntry {
            seq: 0,
            timestamp: self.now,
            event: EventKind::ExecutionFailed,
            node_id: None,
            message: match child {
                Some(child) => format!("execution failed with child {child}: {}", error.message),
                None => format!("execution failed: {}", error.message),
            },
            progress: 0.0,
            data: Some(serde_json::json!({"error": error}).into()),
        };
        let id = ExecutionId::from(parent);
        end_execution(transaction, &id, ExecutionStatus::Failed, Some(&error), self.now, entry).await
    }
}

/// A child's error as that of an execution.
fn execution_error(error: &Json) -> ExecutionError {
    error.decode().unwrap_or_else(|_| ExecutionError {
        code: "child-failed".to_owned(),
        message: "a child failed".to_owned(),
        node_id: None,
        details: error.clone(),
    })
}
