//! `GET /workflows`

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::super::ApiState;
use super::super::extract::{InQuery, Page, PageRequest};
use super::super::problem::ApiResult;
use super::super::time::rfc3339;
use crate::domain::UserId;
use crate::store::{WorkflowFilter, WorkflowSummary};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Options {
    limit: Option<u32>,
    cursor: Option<String>,
}

/// A workflow in the list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct Item {
    workflow_id: String,
    name: String,
    /// The latest.
    version: u32,
    created_at: String,
    updated_at: String,
    user_id: UserId,
}

impl From<WorkflowSummary> for Item {
    fn from(summary: WorkflowSummary) -> Self {
        Self {
            workflow_id: summary.workflow_id,
            name: summary.name,
            version: summary.latest_version,
            created_at: rfc3339(summary.created_at),
            updated_at: rfc3339(summary.updated_at),
            user_id: summary.user_id,
        }
    }
}

/// The workflows, the last saved first.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InQuery(options): InQuery<Options>,
) -> ApiResult<Json<Page<Item>>> {
    let page = PageRequest::new(options.limit, options.cursor.as_deref())?;
    let filter = WorkflowFilter { user_id: None, limit: page.rows(), after: page.after.clone() };
    let rows = state.store.workflows(&filter).await?;
    Ok(Json(page.page(rows, WorkflowSummary::cursor, Item::from)))
}
