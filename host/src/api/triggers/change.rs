//! `PATCH /triggers/{id}`

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::json;

use super::super::ApiState;
use super::super::body::Body;
use super::super::extract::{InPath, InQuery, NoQuery};
use super::super::problem::ApiResult;
use super::{TriggerView, entry, unknown};
use crate::domain::audit::TRIGGER_UPDATED;

/// What is to change.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Patch {
    active: bool,
}

/// Switch a trigger on or off. Its token stays.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InPath(id): InPath<String>,
    InQuery(NoQuery {}): InQuery<NoQuery>,
    Body(Patch { active }): Body<Patch>,
) -> ApiResult<Json<TriggerView>> {
    let entry = entry(&state, TRIGGER_UPDATED, &id, json!({"active": active}).into());
    if !state.store.switch_trigger(&id, active, entry).await? {
        return Err(unknown(&id));
    }
    let trigger = state.store.trigger(&id).await?.ok_or_else(|| unknown(&id))?;
    Ok(Json(trigger.into()))
}
