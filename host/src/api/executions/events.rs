//! `GET /executions/{id}/events`

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures::{Stream, StreamExt as _, future};
use serde::Deserialize;

use super::super::ApiState;
use super::super::extract::{InPath, InQuery};
use super::super::problem::{ApiError, ApiResult};
use crate::domain::{Event, ExecutionId};
use crate::store::StoreError;

/// Time between two comments that keep an idle connection open.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// What a client that lost the connection sends along.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Tells proxies to pass events on as they come.
const NO_BUFFERING: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Options {
    /// Only events after this position. `Last-Event-ID` goes before it.
    after: Option<i64>,
}

/// The timeline of an execution as server-sent events: what there is, then live, until the last one.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InPath(id): InPath<String>,
    InQuery(options): InQuery<Options>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let position = last_event_id(&headers)?.or(options.after).unwrap_or(0);
    if position < 0 {
        return Err(ApiError::bad_request("invalid-query", "`after` must be the position of an event"));
    }
    let permit = Arc::clone(state.streams()).try_acquire_owned();
    let too_many = |_| ApiError::unavailable("too-many-streams", "too many event streams are open");
    let permit = permit.map_err(too_many)?;
    let id = ExecutionId::from(id);
    let row = state.store.execution(&id).await?.ok_or_else(|| ApiError::unknown_execution(id.as_str()))?;
    let ended = row.execution.status.is_terminal();
    let events = state.hub.follow(state.store.clone(), id, position, ended);
    let events = told(events).take_until(state.closing().clone().cancelled_owned());
    let events = events.map(move |event| {
        // It goes with the stream.
        let _held = &permit;
        event
    });
    let keep_alive = KeepAlive::new().interval(HEARTBEAT);
    Ok(([NO_BUFFERING], Sse::new(events).keep_alive(keep_alive)).into_response())
}

fn last_event_id(headers: &HeaderMap) -> ApiResult<Option<i64>> {
    let Some(given) = headers.get(LAST_EVENT_ID).filter(|given| !given.is_empty()) else { return Ok(None) };
    let position = given.to_str().ok().and_then(|text| text.parse().ok());
    match position {
        Some(position) if position >= 0 => Ok(Some(position)),
        _ => Err(ApiError::bad_request("invalid-last-event-id", "`Last-Event-ID` must be the id of an event")),
    }
}

/// Events in the form they are sent in. A failure of the store ends the stream; the client comes back for the rest.
fn told(
    events: impl Stream<Item = Result<Event, StoreError>> + Send + 'static,
) -> impl Stream<Item = Result<SseEvent, axum::Error>> + Send + 'static {
    let sound = events.take_while(|event| {
        if let Err(error) = event {
            tracing::error!(%error, "events cannot be read");
        }
        future::ready(event.is_ok())
    });
    sound.filter_map(|event| future::ready(event.ok())).map(|event| {
        let sent = SseEvent::default().id(event.position.to_string()).event(event.entry.event.as_str());
        sent.json_data(&event.entry)
    })
}
