//! Paths at which others start workflows.

pub(super) mod change;
pub(super) mod create;
pub(super) mod delete;
pub(super) mod list;

use serde::Serialize;

use super::ApiState;
use super::problem::ApiError;
use crate::domain::{AuditEntry, Json, Mode, UserId};
use crate::store::Trigger;

/// A trigger as it is shown: never with its token. All times are Unix milliseconds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TriggerView {
    id: String,
    workflow_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    mode: Mode,
    active: bool,
    created_at: i64,
    updated_at: i64,
    user_id: UserId,
}

impl From<Trigger> for TriggerView {
    fn from(trigger: Trigger) -> Self {
        Self {
            id: trigger.id,
            workflow_id: trigger.workflow_id,
            version: trigger.version,
            mode: trigger.mode,
            active: trigger.active,
            created_at: trigger.created_at,
            updated_at: trigger.updated_at,
            user_id: trigger.user_id,
        }
    }
}

fn unknown(id: &str) -> ApiError {
    ApiError::not_found("unknown-trigger", format!("there is no trigger `{id}`"))
}

fn entry(state: &ApiState, action: &str, id: &str, details: Json) -> AuditEntry {
    AuditEntry {
        id: state.sources.id(),
        at: state.sources.now_ms(),
        user_id: UserId::local(),
        action: action.to_owned(),
        subject: format!("trigger/{id}"),
        details,
    }
}
