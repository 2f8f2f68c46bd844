//! `GET /audit`

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::super::ApiState;
use super::super::extract::{InQuery, Page, PageRequest};
use super::super::problem::ApiResult;
use super::super::time::rfc3339;
use crate::domain::{AuditEntry, Json as Document, UserId};
use crate::store::Cursor;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Options {
    limit: Option<u32>,
    cursor: Option<String>,
}

/// Who did what, and when.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct Item {
    id: String,
    at: String,
    user_id: UserId,
    action: String,
    subject: String,
    details: Document,
}

impl From<AuditEntry> for Item {
    fn from(entry: AuditEntry) -> Self {
        Self {
            id: entry.id,
            at: rfc3339(entry.at),
            user_id: entry.user_id,
            action: entry.action,
            subject: entry.subject,
            details: entry.details,
        }
    }
}

fn cursor(entry: &AuditEntry) -> Cursor {
    Cursor { at: entry.at, id: entry.id.clone() }
}

/// The audit log, the newest entry first.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InQuery(options): InQuery<Options>,
) -> ApiResult<Json<Page<Item>>> {
    let page = PageRequest::new(options.limit, options.cursor.as_deref())?;
    let rows = state.store.audit_entries(page.after.as_ref(), page.rows()).await?;
    Ok(Json(page.page(rows, cursor, Item::from)))
}
