//! `POST /jobs/{id}/cancel`

use axum::Json;
use axum::extract::State;

use super::super::ApiState;
use super::super::extract::{InPath, InQuery, NoQuery};
use super::super::problem::{ApiError, ApiResult};
use super::{load, unknown};
use crate::domain::{Job, JobId, JobStatus};
use crate::jobs::Cancelled;

/// Stop a job and its execution, and answer with it when it has stopped. What was recorded stays.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InPath(id): InPath<String>,
    InQuery(NoQuery {}): InQuery<NoQuery>,
) -> ApiResult<Json<Job>> {
    let id = JobId::from(id);
    match state.queue.cancel_job(&id).await? {
        Cancelled::NotFound => Err(unknown(id.as_str())),
        Cancelled::AlreadyEnded(status) => Err(already_ended(&id, status)),
        Cancelled::Accepted => {
            let job = load(&state, &id).await?;
            match job.status {
                // Its own end was quicker.
                JobStatus::Completed | JobStatus::Failed | JobStatus::Dead => Err(already_ended(&id, job.status)),
                _ => Ok(Json(job)),
            }
        }
    }
}

fn already_ended(id: &JobId, status: JobStatus) -> ApiError {
    ApiError::conflict("already-ended", format!("job `{id}` has ended before: it is {}", status.as_str()))
}
