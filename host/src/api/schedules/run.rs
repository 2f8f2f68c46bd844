//! `POST /schedules/{id}/run`

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use super::super::ApiState;
use super::super::extract::{InPath, InQuery, NoQuery};
use super::super::problem::{ApiError, ApiResult};
use super::request::refused;
use super::unknown;
use crate::jobs::RunScheduleError;

/// Make a job of a schedule now, active or not, whatever its overlap policy says. Its due times stay as they are.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InPath(id): InPath<String>,
    InQuery(NoQuery {}): InQuery<NoQuery>,
) -> ApiResult<Response> {
    let job = state.queue.run_schedule(&id).await.map_err(|error| match error {
        RunScheduleError::Unknown => unknown(&id),
        RunScheduleError::Contended => ApiError::conflict("conflict", error.to_string()),
        RunScheduleError::Prepare(error) => refused(error),
        RunScheduleError::Submit(error) => error.into(),
    })?;
    let location = format!("/executions/{}", job.execution_id);
    let body = json!({"jobId": job.job_id, "executionId": job.execution_id, "status": job.status});
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(body)).into_response())
}
