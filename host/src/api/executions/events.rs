//! `GET /executions/{id}/events`

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::super::ApiState;
use super::super::events::single;
use super::super::events::sse::Options;
use super::super::extract::{InPath, InQuery};
use super::super::problem::ApiResult;
use crate::domain::Topic;

/// The timeline of an execution as server-sent events: what there is, then live, until the last one.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InPath(id): InPath<String>,
    InQuery(options): InQuery<Options>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    single(&state, Topic::Execution(id.into()), &options, &headers).await
}
