//! `PUT /workflows/{id}`

use axum::Json;
use axum::extract::State;
use serde_json::Value;

use super::super::ApiState;
use super::super::body::Body;
use super::super::extract::{InPath, InQuery, NoQuery};
use super::super::problem::{ApiError, ApiResult};
use super::{invalid_id, load, new_version, read_document};

/// Save the next version of a workflow.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InPath(id): InPath<String>,
    InQuery(NoQuery {}): InQuery<NoQuery>,
    Body(document): Body<Value>,
) -> ApiResult<Json<Value>> {
    let mut workflow = read_document(&document)?;
    if workflow.id.is_empty() {
        workflow.id.clone_from(&id);
    } else if workflow.id != id {
        let message = format!("the document is of workflow `{}`, the path names `{id}`", workflow.id);
        return Err(invalid_id("id-mismatch", message));
    }
    let version = new_version(&state, workflow).await?;
    let saved = state.store.save_workflow(version, None).await?;
    let saved = saved.ok_or_else(|| ApiError::unknown_workflow(&id, None))?;
    load(&state, &id, Some(saved.version)).await.map(Json)
}
