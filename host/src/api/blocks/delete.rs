//! `DELETE /blocks/{type}`

use axum::extract::State;
use axum::http::StatusCode;

use super::super::ApiState;
use super::super::extract::{InPath, InQuery, NoQuery};
use super::super::problem::{ApiError, ApiResult};
use super::unknown;
use super::version::versions;
use crate::domain::UserId;
use crate::store::DeletedBlock;

/// Delete an uploaded block with its versions and its grant.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InPath(block_type): InPath<String>,
    InQuery(NoQuery {}): InQuery<NoQuery>,
) -> ApiResult<StatusCode> {
    let (block_type, versions) = versions(&state, &block_type).await?;
    if versions.owner.is_none() {
        let detail = format!("block `{block_type}` comes with the server and cannot be deleted");
        return Err(ApiError::conflict("not-uploaded", detail));
    }
    let in_use = |what: &str, ids: &[String]| {
        ApiError::conflict("block-in-use", format!("block `{block_type}` is in use by {what} {}", ids.join(", ")))
    };
    match state.uploads.delete(&UserId::local(), &block_type).await? {
        DeletedBlock::Deleted => Ok(StatusCode::NO_CONTENT),
        DeletedBlock::NotFound => Err(unknown(block_type.as_str())),
        DeletedBlock::UsedByWorkflows(ids) => Err(in_use("the saved workflows", &ids)),
        DeletedBlock::UsedByExecutions(ids) => Err(in_use("executions that have not ended:", &ids)),
    }
}
