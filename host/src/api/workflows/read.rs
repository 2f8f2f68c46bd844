//! `GET /workflows/{id}`, `GET /workflows/{id}/versions/{version}`

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::Value;

use super::super::ApiState;
use super::super::extract::{InPath, InQuery, NoQuery};
use super::super::problem::ApiResult;
use super::load;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Options {
    version: Option<u32>,
}

/// The document of the latest version, or of the one that is asked for.
pub(in crate::api) async fn latest(
    State(state): State<ApiState>,
    InPath(id): InPath<String>,
    InQuery(options): InQuery<Options>,
) -> ApiResult<Json<Value>> {
    load(&state, &id, options.version).await.map(Json)
}

/// The document of one version.
pub(in crate::api) async fn version(
    State(state): State<ApiState>,
    InPath((id, version)): InPath<(String, u32)>,
    InQuery(NoQuery {}): InQuery<NoQuery>,
) -> ApiResult<Json<Value>> {
    load(&state, &id, Some(version)).await.map(Json)
}
