//! `GET /workflows/{id}/versions`

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::super::ApiState;
use super::super::extract::{InPath, InQuery, NoQuery, Page};
use super::super::problem::{ApiError, ApiResult};
use super::super::time::rfc3339;
use crate::domain::UserId;
use crate::store::VersionRow;

/// A version in the list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct Item {
    version: u32,
    name: String,
    created_at: String,
    user_id: UserId,
    /// Equal digests mean equal documents.
    digest: String,
}

impl From<VersionRow> for Item {
    fn from(row: VersionRow) -> Self {
        Self {
            version: row.version,
            name: row.name,
            created_at: rfc3339(row.created_at),
            user_id: row.user_id,
            digest: row.digest,
        }
    }
}

/// The versions of a workflow on one page, the latest first.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InPath(id): InPath<String>,
    InQuery(NoQuery {}): InQuery<NoQuery>,
) -> ApiResult<Json<Page<Item>>> {
    let rows = state.store.workflow_versions(&id).await?;
    if rows.is_empty() {
        return Err(ApiError::unknown_workflow(&id, None));
    }
    Ok(Json(Page { items: rows.into_iter().map(Item::from).collect(), next_cursor: None }))
}
