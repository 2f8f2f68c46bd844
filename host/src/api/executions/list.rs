//! `GET /executions`, `GET /workflows/{id}/executions`

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::super::ApiState;
use super::super::extract::{InPath, InQuery, Page, PageRequest};
use super::super::problem::{ApiError, ApiResult};
use crate::domain::{ExecutionError, ExecutionId, ExecutionStatus, JobId, Mode, UserId};
use crate::store::{ExecutionFilter, ExecutionSummary};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::api) struct Options {
    workflow_id: Option<String>,
    status: Option<ExecutionStatus>,
    limit: Option<u32>,
    cursor: Option<String>,
}

/// An execution in the list: without input, output, nodes and timeline.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct Item {
    execution_id: ExecutionId,
    job_id: JobId,
    workflow_id: String,
    workflow_version: Option<u32>,
    status: ExecutionStatus,
    mode: Mode,
    progress: f64,
    error: Option<ExecutionError>,
    created_at: i64,
    started_at: Option<i64>,
    ended_at: Option<i64>,
    execution_time: Option<i64>,
    user_id: UserId,
}

impl From<ExecutionSummary> for Item {
    fn from(row: ExecutionSummary) -> Self {
        Self {
            execution_id: row.execution_id,
            job_id: row.job_id,
            workflow_id: row.workflow_id,
            workflow_version: row.workflow_version,
            status: row.status,
            mode: row.mode,
            progress: row.progress,
            error: row.error,
            created_at: row.created_at,
            started_at: row.started_at,
            ended_at: row.ended_at,
            execution_time: row.started_at.zip(row.ended_at).map(|(start, end)| end.saturating_sub(start)),
            user_id: row.user_id,
        }
    }
}

/// Executions, the newest first.
pub(in crate::api) async fn all(
    State(state): State<ApiState>,
    InQuery(options): InQuery<Options>,
) -> ApiResult<Json<Page<Item>>> {
    list(&state, options).await
}

/// Executions of one workflow, the newest first. They outlive it.
pub(in crate::api) async fn of_workflow(
    State(state): State<ApiState>,
    InPath(id): InPath<String>,
    InQuery(options): InQuery<Options>,
) -> ApiResult<Json<Page<Item>>> {
    if options.workflow_id.is_some() {
        return Err(ApiError::bad_request("invalid-query", "the path names the workflow already"));
    }
    let page = list(&state, Options { workflow_id: Some(id.clone()), ..options }).await?;
    if page.items.is_empty() && state.store.workflow(&id, None).await?.is_none() {
        return Err(ApiError::unknown_workflow(&id, None));
    }
    Ok(page)
}

async fn list(state: &ApiState, options: Options) -> ApiResult<Json<Page<Item>>> {
    let page = PageRequest::new(options.limit, options.cursor.as_deref())?;
    let filter = ExecutionFilter {
        workflow_id: options.workflow_id,
        status: options.status,
        user_id: None,
        limit: page.rows(),
        after: page.after.clone(),
    };
    let rows = state.store.executions(&filter).await?;
    Ok(Json(page.page(rows, ExecutionSummary::cursor, Item::from)))
}
