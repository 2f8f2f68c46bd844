//! `GET /jobs/{id}/progress`

use axum::Json;
use axum::extract::State;

use super::super::ApiState;
use super::super::extract::{InPath, InQuery, NoQuery};
use super::super::problem::ApiResult;
use super::unknown;
use crate::domain::JobId;
use crate::jobs::JobProgress;

/// How far a job is.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InPath(id): InPath<String>,
    InQuery(NoQuery {}): InQuery<NoQuery>,
) -> ApiResult<Json<JobProgress>> {
    let progress = state.queue.job_progress(&JobId::from(id.as_str())).await?;
    progress.map(Json).ok_or_else(|| unknown(&id))
}
