//! Workflows that start at their times.

pub(super) mod change;
pub(super) mod create;
pub(super) mod delete;
pub(super) mod list;
pub(super) mod read;
pub(super) mod request;
pub(super) mod run;

use serde::Serialize;
use serde_json::{Map, Value};

use super::ApiState;
use super::problem::{ApiError, ApiResult};
use crate::domain::{AuditEntry, CatchUp, JobId, Json, Mode, Overlap, Schedule, ScheduleError, Timing, UserId};

/// A schedule as it is shown. All times are Unix milliseconds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ScheduleView {
    id: String,
    workflow_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cron: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<i64>,
    timezone: String,
    input: Json,
    mode: Mode,
    #[serde(skip_serializing_if = "Map::is_empty")]
    variables: Map<String, Value>,
    catch_up: CatchUp,
    overlap: Overlap,
    active: bool,
    /// `null` if it is not due any more, or not active.
    next_at: Option<i64>,
    /// Due times that wait for the last job to end.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    waiting: Vec<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_job_id: Option<JobId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<ScheduleError>,
    created_at: i64,
    updated_at: i64,
    user_id: UserId,
}

impl From<Schedule> for ScheduleView {
    fn from(schedule: Schedule) -> Self {
        let (cron, at) = match schedule.timing {
            Timing::Cron { expression, .. } => (Some(expression), None),
            Timing::At(at) => (None, Some(at)),
        };
        Self {
            id: schedule.id,
            workflow_id: schedule.workflow_id,
            version: schedule.version,
            cron,
            at,
            timezone: schedule.timezone,
            input: schedule.input,
            mode: schedule.mode,
            variables: schedule.variables,
            catch_up: schedule.catch_up,
            overlap: schedule.overlap,
            active: schedule.active,
            next_at: schedule.next_at,
            waiting: schedule.waiting,
            last_at: schedule.last_at,
            last_job_id: schedule.last_job_id,
            last_error: schedule.last_error,
            created_at: schedule.created_at,
            updated_at: schedule.updated_at,
            user_id: schedule.user_id,
        }
    }
}

async fn load(state: &ApiState, id: &str) -> ApiResult<Schedule> {
    state.store.schedule(id).await?.ok_or_else(|| unknown(id))
}

fn unknown(id: &str) -> ApiError {
    ApiError::not_found("unknown-schedule", format!("there is no schedule `{id}`"))
}

fn entry(state: &ApiState, action: &str, id: &str, details: Json) -> AuditEntry {
    AuditEntry {
        id: state.sources.id(),
        at: state.sources.now_ms(),
        user_id: UserId::local(),
        action: action.to_owned(),
        subject: format!("schedule/{id}"),
        details,
    }
}

/// What the audit log keeps of a schedule: what it starts and when, not on what.
fn details(schedule: &Schedule) -> Json {
    let when = match &schedule.timing {
        Timing::Cron { expression, .. } => serde_json::json!({"cron": expression, "timezone": schedule.timezone}),
        Timing::At(at) => serde_json::json!({"at": at}),
    };
    serde_json::json!({"workflowId": schedule.workflow_id, "active": schedule.active, "when": when}).into()
}
