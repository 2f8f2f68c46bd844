//! `GET /executions/{id}`

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Deserializer, Serialize};

use super::super::ApiState;
use super::super::extract::{InPath, InQuery, NoQuery};
use super::super::problem::{ApiError, ApiResult};
use super::nodes::{self, Nodes};
use crate::domain::{Event, Execution, ExecutionId, TimelineEntry};
use crate::store::ExecutionRow;

/// Events read at once.
const ROWS: u32 = 1000;

/// What an answer has besides the execution itself: a list such as `nodes,timeline`.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::api) struct Include {
    nodes: bool,
    timeline: bool,
}

impl<'de> Deserialize<'de> for Include {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut include = Self::default();
        for name in String::deserialize(deserializer)?.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            match name {
                "nodes" => include.nodes = true,
                "timeline" => include.timeline = true,
                _ => return Err(serde::de::Error::unknown_variant(name, &["nodes", "timeline"])),
            }
        }
        Ok(include)
    }
}

/// An execution as it is shown.
#[derive(Serialize)]
struct View<'a> {
    #[serde(flatten)]
    execution: &'a Execution,
    #[serde(skip_serializing_if = "Option::is_none")]
    nodes: Option<Nodes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeline: Option<Vec<TimelineEntry>>,
}

/// An execution with all its nodes and its timeline.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InPath(id): InPath<String>,
    InQuery(NoQuery {}): InQuery<NoQuery>,
) -> ApiResult<Response> {
    let row = load(&state, &id).await?;
    view(&state, &row, Include { nodes: true, timeline: true }).await
}

pub(super) async fn load(state: &ApiState, id: &str) -> ApiResult<ExecutionRow> {
    let row = state.store.execution(&ExecutionId::from(id)).await?;
    row.ok_or_else(|| ApiError::unknown_execution(id))
}

/// Answer with an execution that is at hand.
pub(in crate::api) async fn respond(state: &ApiState, execution: &Execution, include: Include) -> ApiResult<Response> {
    if include.nodes || include.timeline {
        let row = load(state, execution.execution_id.as_str()).await?;
        return view(state, &row, include).await;
    }
    Ok(Json(execution).into_response())
}

async fn view(state: &ApiState, row: &ExecutionRow, include: Include) -> ApiResult<Response> {
    let execution = &row.execution;
    // Read before the nodes, so that what it says of them is older than what they say.
    let timeline = timeline(state, &execution.execution_id).await?;
    let nodes = if include.nodes { Some(nodes::of(state, row, &timeline).await?) } else { None };
    let timeline = include.timeline.then_some(timeline);
    Ok(Json(View { execution, nodes, timeline }).into_response())
}

async fn timeline(state: &ApiState, id: &ExecutionId) -> ApiResult<Vec<TimelineEntry>> {
    let (mut entries, mut position) = (Vec::new(), 0);
    loop {
        let events: Vec<Event> = state.store.events(id, position, ROWS).await?;
        let last = events.len() < ROWS as usize;
        position = events.last().map_or(position, |event| event.position);
        entries.extend(events.into_iter().map(|event| event.entry));
        if last {
            return Ok(entries);
        }
    }
}
