//! `GET /healthz`, `GET /readyz`

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::ApiState;
use super::problem::ApiResult;

#[derive(Debug, Serialize)]
pub(super) struct Health {
    status: &'static str,
}

/// The process is there.
pub(super) async fn live() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// It can do its work: the database answers.
pub(super) async fn ready(State(state): State<ApiState>) -> ApiResult<Json<Health>> {
    state.store.ping().await?;
    Ok(Json(Health { status: "ok" }))
}
