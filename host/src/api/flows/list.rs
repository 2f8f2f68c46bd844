//! `GET /flows`

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::super::ApiState;
use super::super::extract::{InQuery, Page, PageRequest};
use super::super::problem::ApiResult;
use crate::domain::{FlowId, FlowStatus, JobId, flow};
use crate::store::{FlowFilter, FlowRow};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::api) struct Options {
    status: Option<FlowStatus>,
    limit: Option<u32>,
    cursor: Option<String>,
}

/// A flow in the list: without its jobs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct Item {
    id: FlowId,
    name: String,
    /// The root.
    job_id: JobId,
    status: FlowStatus,
    progress: f64,
    total: u32,
    completed: u32,
    failed: u32,
    created_at: i64,
    updated_at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<i64>,
}

impl From<FlowRow> for Item {
    fn from(row: FlowRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            job_id: row.root_id,
            status: row.status,
            progress: flow::progress(row.completed.saturating_add(row.failed), row.total),
            total: row.total,
            completed: row.completed,
            failed: row.failed,
            created_at: row.created_at,
            updated_at: row.updated_at,
            ended_at: row.ended_at,
        }
    }
}

/// Flows, the newest first.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InQuery(options): InQuery<Options>,
) -> ApiResult<Json<Page<Item>>> {
    let page = PageRequest::new(options.limit, options.cursor.as_deref())?;
    let filter = FlowFilter { status: options.status, user_id: None, limit: page.rows(), after: page.after.clone() };
    let rows = state.store.flows(&filter).await?;
    Ok(Json(page.page(rows, FlowRow::cursor, Item::from)))
}
