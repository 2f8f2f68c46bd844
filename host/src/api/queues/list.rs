//! `GET /queues`

use axum::Json;
use axum::extract::State;

use super::super::ApiState;
use super::super::extract::{InQuery, NoQuery, Page};
use super::super::problem::ApiResult;
use super::Queue;

/// The queues on one page, in the order of the configuration.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InQuery(NoQuery {}): InQuery<NoQuery>,
) -> ApiResult<Json<Page<Queue>>> {
    let queues = state.queue.queues().await?;
    Ok(Json(Page { items: queues.into_iter().map(Queue::from).collect(), next_cursor: None }))
}
