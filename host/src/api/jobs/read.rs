//! `GET /jobs/{id}`

use axum::Json;
use axum::extract::State;

use super::super::ApiState;
use super::super::extract::{InPath, InQuery, NoQuery};
use super::super::problem::ApiResult;
use super::load;
use crate::domain::Job;

/// A job with its payload, its timeline and what came of it.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InPath(id): InPath<String>,
    InQuery(NoQuery {}): InQuery<NoQuery>,
) -> ApiResult<Json<Job>> {
    load(&state, &id.into()).await.map(Json)
}
