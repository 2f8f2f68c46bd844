//! Flows as they are shown.

use super::super::Queue;
use super::super::handlers::result;
use crate::domain::flow::{Flow, FlowJob, RESULT_BYTES, error_object, progress, result_object};
use crate::domain::{FlowId, JobStatus};
use crate::store::{FlowJobRow, Output, StoreError};

impl Queue {
    /// A flow with its jobs.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn flow(&self, id: &FlowId) -> Result<Option<Flow>, StoreError> {
        let Some(row) = self.shared.store.flow(id).await? else { return Ok(None) };
        let jobs = self.shared.store.flow_jobs(id).await?;
        Ok(Some(Flow {
            id: row.id,
            name: row.name,
            status: row.status,
            progress: progress(row.completed.saturating_add(row.failed), row.total),
            total: row.total,
            completed: row.completed,
            failed: row.failed,
            jobs: jobs.into_iter().map(shown).collect(),
            created_at: row.created_at,
            updated_at: row.updated_at,
            ended_at: row.ended_at,
        }))
    }
}

fn shown(FlowJobRow { summary, output }: FlowJobRow) -> FlowJob {
    let status = summary.status;
    let result = match output {
        Some(Output::Json(output)) => Some(result_object(&result(summary.job_type, &output))),
        Some(Output::TooLong) | None => None,
    };
    let result = result.filter(|result| result.len() <= RESULT_BYTES);
    FlowJob {
        progress: summary.progress(),
        id: summary.id,
        name: summary.name,
        job_type: summary.job_type,
        queue: summary.queue,
        status,
        parent_id: summary.parent_id,
        result_omitted: status == JobStatus::Completed && result.is_none(),
        result,
        error: (status.is_terminal() && status != JobStatus::Completed)
            .then(|| error_object(summary.error.as_ref(), status)),
    }
}
