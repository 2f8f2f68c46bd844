//! `GET PUT /blocks/{type}/grants`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;

use super::super::ApiState;
use super::super::body::Body;
use super::super::extract::{InPath, InQuery, NoQuery};
use super::super::problem::{ApiError, ApiResult};
use super::unknown;
use super::version::{VersionView, versions, view};
use crate::domain::{BlockType, Grant, Problem, UserId};

/// What a type may do, and what that means for its versions.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct GrantView {
    r#type: String,
    grant: std::sync::Arc<Grant>,
    /// The newest first.
    versions: Vec<VersionView>,
}

/// What a type may do.
pub(in crate::api) async fn read(
    State(state): State<ApiState>,
    InPath(block_type): InPath<String>,
    InQuery(NoQuery {}): InQuery<NoQuery>,
) -> ApiResult<Json<GrantView>> {
    let (block_type, _) = versions(&state, &block_type).await?;
    granted(&state, &block_type).await.map(Json)
}

/// Set what a type may do, from its next call on: this and nothing else.
pub(in crate::api) async fn put(
    State(state): State<ApiState>,
    InPath(block_type): InPath<String>,
    InQuery(NoQuery {}): InQuery<NoQuery>,
    Body(grant): Body<Grant>,
) -> ApiResult<Json<GrantView>> {
    let (block_type, _) = versions(&state, &block_type).await?;
    let problem = |(pointer, message)| Problem::new(pointer, "invalid-grant", message);
    let errors: Vec<Problem> = grant.problems().into_iter().map(problem).collect();
    if let Some(first) = errors.first() {
        let detail = format!("the grant is not valid at `{}`: {}", first.pointer, first.message);
        return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-grant", detail).with_errors(errors));
    }
    if !state.uploads.grant(&UserId::local(), &block_type, grant).await? {
        return Err(unknown(block_type.as_str()));
    }
    granted(&state, &block_type).await.map(Json)
}

async fn granted(state: &ApiState, block_type: &BlockType) -> ApiResult<GrantView> {
    let (_, versions) = versions(state, block_type.as_str()).await?;
    Ok(GrantView {
        r#type: block_type.to_string(),
        grant: state.catalogue.grant(block_type),
        versions: versions.all.values().rev().map(|block| view(&state.catalogue, &versions, block)).collect(),
    })
}
