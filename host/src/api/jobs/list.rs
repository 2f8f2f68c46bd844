//! `GET /jobs`

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::super::ApiState;
use super::super::extract::{InQuery, Page, PageRequest};
use super::super::problem::ApiResult;
use crate::domain::{ExecutionId, FlowId, JobId, JobStatus, JobType, Json as Document, UserId};
use crate::store::{Cursor, JobFilter, JobSummary};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::api) struct Options {
    #[serde(rename = "type")]
    job_type: Option<JobType>,
    status: Option<JobStatus>,
    queue: Option<String>,
    flow_id: Option<String>,
    limit: Option<u32>,
    cursor: Option<String>,
}

/// A job in the list: without payload, result and timeline.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct Item {
    id: JobId,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    user_id: UserId,
    #[serde(rename = "type")]
    job_type: JobType,
    queue: String,
    status: JobStatus,
    priority: i64,
    progress: f64,
    error: Option<Document>,
    attempts: u32,
    max_attempts: u32,
    run_at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    execution_id: Option<ExecutionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flow_id: Option<FlowId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_id: Option<JobId>,
    created_at: i64,
    updated_at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<i64>,
}

impl From<JobSummary> for Item {
    fn from(row: JobSummary) -> Self {
        Self {
            progress: row.progress(),
            id: row.id,
            name: row.name,
            user_id: row.user_id,
            job_type: row.job_type,
            queue: row.queue,
            status: row.status,
            priority: row.priority,
            error: row.error,
            attempts: row.attempts,
            max_attempts: row.max_attempts,
            run_at: row.run_at,
            execution_id: row.execution_id,
            flow_id: row.flow_id,
            parent_id: row.parent_id,
            created_at: row.created_at,
            updated_at: row.updated_at,
            started_at: row.started_at,
            ended_at: row.ended_at,
        }
    }
}

/// Ids are in the order of creation, so the time is only for show.
fn cursor(row: &JobSummary) -> Cursor {
    Cursor { at: row.created_at, id: row.id.to_string() }
}

/// Jobs, the newest first.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InQuery(options): InQuery<Options>,
) -> ApiResult<Json<Page<Item>>> {
    let page = PageRequest::new(options.limit, options.cursor.as_deref())?;
    let filter = JobFilter {
        job_type: options.job_type,
        status: options.status,
        queue: options.queue,
        user_id: None,
        flow_id: options.flow_id.map(Into::into),
        limit: page.rows(),
        before: page.after.as_ref().map(|after| after.id.as_str().into()),
    };
    let rows = state.store.jobs(&filter).await?;
    Ok(Json(page.page(rows, cursor, Item::from)))
}
