//! `POST /workflows`

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;

use super::super::ApiState;
use super::super::extract::{InQuery, NoQuery};
use super::super::idempotency::{Keyed, earlier, kind, replayed, reused};
use super::super::problem::{ApiError, ApiResult};
use super::{load, location, new_version, read_document};
use crate::store::{Once, Saved, StoreError};

/// Save a new workflow. Without an id it gets one.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InQuery(NoQuery {}): InQuery<NoQuery>,
    Keyed { body: document, asked }: Keyed<Value>,
) -> ApiResult<Response> {
    let key = asked.key(&state, kind::WORKFLOW);
    if let Some(resource) = earlier(&state, key.as_ref()).await? {
        return again(&state, &resource).await;
    }
    let mut workflow = read_document(&document)?;
    if workflow.id.is_empty() {
        workflow.id = state.sources.id();
    }
    let version = new_version(&state, workflow).await?;
    let id = version.workflow_id.clone();
    let created = match key {
        None => state.store.create_workflow(version).await.map(Once::Done),
        Some(key) => state.store.create_workflow_once(version, key).await,
    };
    let created = created.map_err(|error| match error {
        StoreError::Conflict { what } => ApiError::conflict("workflow-exists", what),
        other => other.into(),
    })?;
    match created {
        Once::Done(saved) => answer(&state, &id, saved).await,
        Once::Known(resource) => again(&state, &resource).await,
        Once::Reused => Err(reused()),
    }
}

/// The answer to an earlier request, which made this.
async fn again(state: &ApiState, resource: &str) -> ApiResult<Response> {
    let odd = || ApiError::internal(format!("an idempotency key is kept with `{resource}`"));
    let (saved, id) = Saved::of_resource(resource).ok_or_else(odd)?;
    answer(state, id, saved).await.map(replayed)
}

async fn answer(state: &ApiState, id: &str, saved: Saved) -> ApiResult<Response> {
    let shown = load(state, id, Some(saved.version)).await?;
    Ok((StatusCode::CREATED, [(header::LOCATION, location(id))], Json(shown)).into_response())
}
