//! `GET /triggers`

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::super::ApiState;
use super::super::extract::{InPath, InQuery, NoQuery, Page, PageRequest};
use super::super::problem::ApiResult;
use super::{TriggerView, unknown};
use crate::store::{Trigger, TriggerFilter};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::api) struct Options {
    workflow_id: Option<String>,
    limit: Option<u32>,
    cursor: Option<String>,
}

/// Triggers, the newest first.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InQuery(options): InQuery<Options>,
) -> ApiResult<Json<Page<TriggerView>>> {
    let page = PageRequest::new(options.limit, options.cursor.as_deref())?;
    let filter = TriggerFilter {
        user_id: None,
        workflow_id: options.workflow_id,
        limit: page.rows(),
        after: page.after.clone(),
    };
    let rows = state.store.triggers(&filter).await?;
    Ok(Json(page.page(rows, Trigger::cursor, TriggerView::from)))
}

/// One trigger: `GET /triggers/{id}`.
pub(in crate::api) async fn one(
    State(state): State<ApiState>,
    InPath(id): InPath<String>,
    InQuery(NoQuery {}): InQuery<NoQuery>,
) -> ApiResult<Json<TriggerView>> {
    let trigger = state.store.trigger(&id).await?.ok_or_else(|| unknown(&id))?;
    Ok(Json(trigger.into()))
}
