//! `PUT /schedules/{id}`, `PATCH /schedules/{id}`

use std::collections::BTreeMap;
use std::fmt;

use axum::Json;
use axum::extract::State;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::super::ApiState;
use super::super::body::Body;
use super::super::extract::{InPath, InQuery, NoQuery};
use super::super::problem::{ApiError, ApiResult};
use super::request::ScheduleRequest;
use super::{ScheduleView, details, entry, load};
use crate::domain::audit::SCHEDULE_UPDATED;
use crate::domain::{Json as Document, Schedule, Timing};

/// How often a change is tried when the schedule fires or is changed at the same moment.
const TRIES: usize = 10;

type Members = BTreeMap<String, Document>;

/// The members that a request names, each once, and their new values; `null` takes the default.
#[derive(Debug)]
pub(in crate::api) struct Patch(Members);

impl<'de> Deserialize<'de> for Patch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Patch;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Patch, A::Error> {
                let mut members = Members::new();
                while let Some(name) = map.next_key::<String>()? {
                    if members.contains_key(&name) {
                        return Err(A::Error::custom(format!("duplicate field `{name}`")));
                    }
                    members.insert(name, map.next_value()?);
                }
                Ok(Patch(members))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// Put a schedule in place of what it was.
pub(in crate::api) async fn put(
    State(state): State<ApiState>,
    InPath(id): InPath<String>,
    InQuery(NoQuery {}): InQuery<NoQuery>,
    Body(request): Body<ScheduleRequest>,
) -> ApiResult<Json<ScheduleView>> {
    change(&state, &id, |_| Ok(request.clone())).await
}

/// Change some members of a schedule; a new `cron` takes the place of an `at`, and the other way round.
pub(in crate::api) async fn patch(
    State(state): State<ApiState>,
    InPath(id): InPath<String>,
    InQuery(NoQuery {}): InQuery<NoQuery>,
    Body(patch): Body<Patch>,
) -> ApiResult<Json<ScheduleView>> {
    change(&state, &id, |schedule| patched(schedule, &patch)).await
}

async fn change(
    state: &ApiState,
    id: &str,
    request: impl Fn(&Schedule) -> ApiResult<ScheduleRequest>,
) -> ApiResult<Json<ScheduleView>> {
    for _ in 0..TRIES {
        let before = load(state, id).await?;
        let schedule = request(&before)?.schedule(state, Some(&before)).await?;
        let entry = entry(state, SCHEDULE_UPDATED, id, details(&schedule));
        if state.store.replace_schedule(schedule, entry).await? {
            return Ok(Json(load(state, id).await?.into()));
        }
    }
    Err(ApiError::conflict("conflict", "the schedule is being changed by others; try again"))
}

fn patched(schedule: &Schedule, Patch(patch): &Patch) -> ApiResult<ScheduleRequest> {
    let mut members = members(schedule);
    for (name, other) in [("cron", "at"), ("at", "cron")] {
        if patch.get(name).is_some_and(|value| !value.is_null()) {
            members.remove(other);
        }
    }
    for (name, value) in patch {
        if value.is_null() && name != "input" {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    let text = Document::object(members.iter().map(|(name, value)| (name.as_str(), value)));
    let mut deserializer = serde_json::Deserializer::from_str(text.as_str());
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let text = error.inner().to_string();
        // The place is one in a text that the caller never saw.
        let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
        ApiError::bad_request("invalid-request", format!("`{}`: {text}", error.path()))
    })
}

/// A schedule as a request for it.
fn members(schedule: &Schedule) -> Members {
    let (when, moment) = match &schedule.timing {
        Timing::Cron { expression, .. } => ("cron", Document::encode(expression)),
        Timing::At(at) => ("at", Document::encode(at)),
    };
    let members = [
        ("workflowId", Document::encode(&schedule.workflow_id)),
        ("version", Document::encode(&schedule.version)),
        (when, moment),
        ("timezone", Document::encode(&schedule.timezone)),
        ("input", schedule.input.clone()),
        ("mode", Document::encode(&schedule.mode)),
        ("variables", Document::encode(&schedule.variables)),
        ("catchUp", Document::encode(&schedule.catch_up)),
        ("overlap", Document::encode(&schedule.overlap)),
        ("active", Document::encode(&schedule.active)),
    ];
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
