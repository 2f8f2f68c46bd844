//! A schedule as a caller gives it.

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::ApiState;
use super::super::problem::{ApiError, ApiResult};
use crate::domain::schedule::{parse_at, parse_cron, parse_zone};
use crate::domain::{CatchUp, JobType, Json, Mode, Overlap, Problem, Schedule, Timing, UserId};
use crate::jobs::PrepareError;

/// What to start, and when. Either `cron` or `at` is given.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::api) struct ScheduleRequest {
    workflow_id: String,
    version: Option<u32>,
    /// Five fields, or six with seconds first. Where clocks change: if second, minute and hour are one number each, it
    /// is due once on that day, after the gap if its time is skipped, and the first time if it comes twice; otherwise it
    /// goes by the clock on the wall, skips what is skipped, and is due twice at what comes twice.
    cron: Option<String>,
    /// Unix milliseconds, or text as RFC 3339 has it.
    at: Option<Value>,
    /// The IANA name of the zone of the cron; `UTC` if absent.
    timezone: Option<String>,
    #[serde(default = "Json::null")]
    input: Json,
    #[serde(default)]
    mode: Mode,
    #[serde(default)]
    variables: Map<String, Value>,
    #[serde(default)]
    catch_up: CatchUp,
    #[serde(default)]
    overlap: Overlap,
    #[serde(default = "yes")]
    active: bool,
}

fn yes() -> bool {
    true
}

impl ScheduleRequest {
    /// The schedule that this asks for, in place of `before` if there is one. The first due time is the first after now;
    /// where only something else changes, what was due stays due.
    pub(super) async fn schedule(self, state: &ApiState, before: Option<&Schedule>) -> ApiResult<Schedule> {
        let mut problems = Vec::new();
        let timezone = self.timezone.clone().unwrap_or_else(|| "UTC".to_owned());
        let timing = self.timing(&timezone, &mut problems);
        problems.extend(runnable(state, &self.workflow_id, self.version).await?);
        let now = state.sources.now_ms();
        let kept = before.filter(|before| timing.as_ref().is_some_and(|timing| *timing == before.timing));
        // A clock that was set back makes nothing due twice.
        let after = kept.and_then(|kept| kept.last_at).unwrap_or(now).max(now);
        let next_at = timing.as_ref().and_then(|timing| timing.next_after(after));
        let switched_on = self.active && kept.is_none_or(|kept| !kept.active);
        if let Some(timing) = &timing
            && (kept.is_none() || switched_on)
            && next_at.is_none()
        {
            problems.push(match timing {
                Timing::At(_) => Problem::new("/at", "in-the-past", "`at` is in the past"),
                Timing::Cron { .. } => Problem::new("/cron", "never-due", "there is no time that the cron means"),
            });
        }
        let Some(timing) = timing.filter(|_| problems.is_empty()) else {
            return Err(invalid("schedule", "invalid-schedule", problems));
        };
        let going_on = kept.filter(|kept| kept.active && self.active);
        Ok(Schedule {
            id: before.map_or_else(|| state.sources.id(), |before| before.id.clone()),
            user_id: before.map_or_else(UserId::local, |before| before.user_id.clone()),
            workflow_id: self.workflow_id,
            version: self.version,
            timing,
            timezone,
            input: self.input,
            mode: self.mode,
            variables: self.variables,
            catch_up: self.catch_up,
            overlap: self.overlap,
            active: self.active,
            next_at: going_on.map_or(next_at.filter(|_| self.active), |kept| kept.next_at),
            waiting: going_on.map(|kept| kept.waiting.clone()).unwrap_or_default(),
            last_at: before.and_then(|before| before.last_at),
            last_job_id: before.and_then(|before| before.last_job_id.clone()),
            last_error: None,
            revision: before.map_or(1, |before| before.revision),
            created_at: before.map_or(now, |before| before.created_at),
            updated_at: now,
        })
    }

    fn timing(&self, timezone: &str, problems: &mut Vec<Problem>) -> Option<Timing> {
        let found = problems.len();
        if let Err(message) = parse_zone(timezone) {
            problems.push(Problem::new("/timezone", "unknown-timezone", message));
        }
        let timing = match (&self.cron, &self.at) {
            (Some(expression), None) => {
                let cron = parse_cron(expression).map_err(|message| Problem::new("/cron", "invalid-cron", message));
                cron.map(|_| Timing::of_cron(expression, timezone).ok())
            }
            (None, Some(at)) => {
                let at = parse_at(at).map_err(|message| Problem::new("/at", "invalid-time", message));
                at.map(|at| Some(Timing::At(at)))
            }
            (None, None) => Err(Problem::new("", "missing", "either `cron` or `at` has to be given")),
            (Some(_), Some(_)) => Err(Problem::new("/at", "ambiguous", "only one of `cron` and `at` can be given")),
        };
        match timing {
            Ok(timing) => timing.filter(|_| problems.len() == found),
            Err(problem) => {
                problems.push(problem);
                None
            }
        }
    }
}

/// What keeps a workflow from being run, by the member of the request that names it.
pub(in crate::api) async fn runnable(
    state: &ApiState,
    workflow_id: &str,
    version: Option<u32>,
) -> ApiResult<Option<Problem>> {
    let payload = Json::object([("workflowId", &Json::encode(workflow_id)), ("version", &Json::encode(&version))]);
    match state.queue.prepare(JobType::Workflow, &payload, &UserId::local()).await {
        Ok(_) => Ok(None),
        Err(PrepareError::Invalid(report)) => {
            let message = report.errors.first().map_or("", |first| first.message.as_str());
            let message = format!("the workflow is not valid: {message}");
            Ok(Some(Problem::new("/workflowId", "invalid-workflow", message)))
        }
        Err(error @ PrepareError::UnknownWorkflow { .. }) => {
            let pointer = if version.is_some() { "/version" } else { "/workflowId" };
            Ok(Some(Problem::new(pointer, "unknown-workflow", error.to_string())))
        }
        Err(error) => Err(refused(error)),
    }
}

/// What a request is told whose workflow cannot be run.
pub(in crate::api) fn refused(error: PrepareError) -> ApiError {
    match error {
        PrepareError::Invalid(report) => ApiError::invalid_workflow(report, ""),
        PrepareError::UnknownWorkflow { workflow_id, version } => ApiError::unknown_workflow(&workflow_id, version),
        PrepareError::Store(error) => error.into(),
        other => ApiError::internal(other),
    }
}

/// The answer to a request with these problems; `what` was asked for.
pub(in crate::api) fn invalid(what: &str, code: &'static str, errors: Vec<Problem>) -> ApiError {
    let first = errors.first().map(|first| format!(": {}", first.message));
    let more = if errors.len() > 1 { format!(", and {} more", errors.len() - 1) } else { String::new() };
    let detail = format!("the {what} is not valid{}{more}", first.unwrap_or_default());
    let mut error = ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail);
    error.errors = errors;
    error
}
