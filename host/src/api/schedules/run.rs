//! `POST /schedules/{id}/run`

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use super::super::ApiState;
use super::super::extract::{InPath, InQuery, NoQuery};
use super::super::idempotency::{Asked, earlier, kind, replayed, reused};
use super::super::problem::{ApiError, ApiResult};
use super::request::refused;
use super::unknown;
use crate::domain::{ExecutionId, JobId, JobStatus};
use crate::jobs::RunScheduleError;
use crate::store::Once;

/// Make a job of a schedule now, active or not, whatever its overlap policy says. Its due times stay as they are.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InPath(id): InPath<String>,
    InQuery(NoQuery {}): InQuery<NoQuery>,
    asked: Asked,
) -> ApiResult<Response> {
    let key = asked.key(&state, kind::JOB);
    if let Some(job_id) = earlier(&state, key.as_ref()).await? {
        return again(&state, job_id).await;
    }
    let made = state.queue.run_schedule(&id, key).await.map_err(|error| match error {
        RunScheduleError::Unknown => unknown(&id),
        RunScheduleError::Contended => ApiError::conflict("conflict", error.to_string()),
        RunScheduleError::Prepare(error) => refused(error),
        RunScheduleError::Submit(error) => error.into(),
    })?;
    match made {
        Once::Done(job) => Ok(answer(&job.job_id, &job.execution_id, job.status)),
        Once::Known(job_id) => again(&state, job_id).await,
        Once::Reused => Err(reused()),
    }
}

/// The answer to an earlier request, which made this job.
async fn again(state: &ApiState, job_id: String) -> ApiResult<Response> {
    let job = state.queue.earlier(job_id.into()).await?;
    Ok(replayed(answer(&job.job_id, &job.execution_id, job.status)))
}

fn answer(job_id: &JobId, execution_id: &ExecutionId, status: JobStatus) -> Response {
    let location = format!("/executions/{execution_id}");
    let body = json!({"jobId": job_id, "executionId": execution_id, "status": status});
    (StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(body)).into_response()
}
