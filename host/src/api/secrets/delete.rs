//! `DELETE /secrets/{name}`

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;

use super::super::ApiState;
use super::super::extract::{InPath, InQuery};
use super::super::problem::{ApiError, ApiResult};
use super::{owner, secret_name};
use crate::domain::UserId;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Options {
    owner: Option<String>,
}

/// Delete a stored secret: the user's own, or with `?owner=shared` the shared one.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InPath(name): InPath<String>,
    InQuery(options): InQuery<Options>,
) -> ApiResult<StatusCode> {
    let (name, user) = (secret_name(&name)?, UserId::local());
    let unknown = || ApiError::not_found("unknown-secret", format!("no such secret `{name}` is stored"));
    let owner = owner(&user, options.owner.as_deref()).ok_or_else(unknown)?;
    if state.vault.delete(&user, &owner, &name).await? { Ok(StatusCode::NO_CONTENT) } else { Err(unknown()) }
}
