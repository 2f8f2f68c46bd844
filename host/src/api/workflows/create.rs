//! `POST /workflows`

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use serde_json::Value;

use super::super::ApiState;
use super::super::body::Body;
use super::super::extract::{InQuery, NoQuery};
use super::super::problem::{ApiError, ApiResult};
use super::{load, location, new_version, read_document};
use crate::store::StoreError;

type Created = (StatusCode, [(HeaderName, String); 1], Json<Value>);

/// Save a new workflow. Without an id it gets one.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InQuery(NoQuery {}): InQuery<NoQuery>,
    Body(document): Body<Value>,
) -> ApiResult<Created> {
    let mut workflow = read_document(&document)?;
    if workflow.id.is_empty() {
        workflow.id = state.sources.id();
    }
    let version = new_version(&state, workflow).await?;
    let id = version.workflow_id.clone();
    let saved = state.store.create_workflow(version).await.map_err(|error| match error {
        StoreError::Conflict { what } => ApiError::conflict("workflow-exists", what),
        other => other.into(),
    })?;
    let shown = load(&state, &id, Some(saved.version)).await?;
    Ok((StatusCode::CREATED, [(header::LOCATION, location(&id))], Json(shown)))
}
