//! `GET /schedules`

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::super::ApiState;
use super::super::extract::{InQuery, Page, PageRequest};
use super::super::problem::ApiResult;
use super::ScheduleView;
use crate::store::ScheduleFilter;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::api) struct Options {
    workflow_id: Option<String>,
    active: Option<bool>,
    limit: Option<u32>,
    cursor: Option<String>,
}

/// Schedules, the newest first.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InQuery(options): InQuery<Options>,
) -> ApiResult<Json<Page<ScheduleView>>> {
    let page = PageRequest::new(options.limit, options.cursor.as_deref())?;
    let filter = ScheduleFilter {
        user_id: None,
        workflow_id: options.workflow_id,
        active: options.active,
        limit: page.rows(),
        after: page.after.clone(),
    };
    let rows = state.store.schedules(&filter).await?;
    Ok(Json(page.page(rows, ScheduleFilter::cursor, ScheduleView::from)))
}
