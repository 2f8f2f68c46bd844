//! `POST /workflows/{id}/cancel`

use axum::Json;
use axum::extract::State;
use futures::{StreamExt as _, stream};
use serde::Serialize;

use super::super::ApiState;
use super::super::extract::{InPath, InQuery, NoQuery};
use super::super::problem::{ApiError, ApiResult};
use crate::domain::{ExecutionId, ExecutionStatus};
use crate::jobs::Cancelled;
use crate::store::{ExecutionFilter, ExecutionSummary};

/// Executions cancelled side by side.
const CONCURRENCY: usize = 16;
/// Executions looked up at once.
const ROWS: u32 = 500;

/// What was cancelled.
#[derive(Debug, Serialize)]
pub(in crate::api) struct Answer {
    cancelled: Vec<ExecutionId>,
}

/// Cancel every execution of a workflow that has not ended.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InPath(id): InPath<String>,
    InQuery(NoQuery {}): InQuery<NoQuery>,
) -> ApiResult<Json<Answer>> {
    let mut cancelled = Vec::new();
    // Those that wait come first: they would take the places of those that run.
    for status in [ExecutionStatus::Pending, ExecutionStatus::Paused, ExecutionStatus::Running] {
        let open = open(&state, &id, status).await?;
        let mut answers = stream::iter(open)
            .map(|id| {
                let queue = state.queue.clone();
                async move { (queue.cancel(&id).await, id) }
            })
            .buffer_unordered(CONCURRENCY);
        while let Some((answer, id)) = answers.next().await {
            if matches!(answer?, Cancelled::Accepted) {
                cancelled.push(id);
            }
        }
    }
    // Executions outlive their workflow, so its absence is an error only if there was nothing to do.
    if cancelled.is_empty() && state.store.workflow(&id, None).await?.is_none() {
        return Err(ApiError::unknown_workflow(&id, None));
    }
    Ok(Json(Answer { cancelled }))
}

async fn open(state: &ApiState, id: &str, status: ExecutionStatus) -> ApiResult<Vec<ExecutionId>> {
    let mut filter = ExecutionFilter {
        workflow_id: Some(id.to_owned()),
        status: Some(status),
        limit: ROWS,
        ..ExecutionFilter::default()
    };
    let mut found = Vec::new();
    loop {
        let rows = state.store.executions(&filter).await?;
        filter.after = rows.last().map(ExecutionSummary::cursor);
        let last = rows.len() < ROWS as usize;
        found.extend(rows.into_iter().map(|row| row.execution_id));
        if last {
            return Ok(found);
        }
    }
}
