//! `GET /flows/{id}/events`

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::super::ApiState;
use super::super::extract::{InPath, InQuery};
use super::super::problem::ApiResult;
use super::single;
use super::sse::Options;
use crate::domain::Topic;

/// What happens to a flow as server-sent events: what there is, then live, until the last one.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InPath(id): InPath<String>,
    InQuery(options): InQuery<Options>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    single(&state, Topic::Flow(id.into()), &options, &headers).await
}
