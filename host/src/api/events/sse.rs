//! Streams of server-sent events. `id:` is an event's position, `event:` its name, `data:` its timeline entry as JSON.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures::stream::unfold;
use futures::{Stream, StreamExt as _};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;

use super::super::ApiState;
use super::super::problem::{ApiError, ApiResult};
use super::topic::{check_position, has_ended};
use crate::domain::{Event, Topic};
use crate::events::{FollowError, Follower};

/// What a client that lost the connection sends along.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Tells proxies to pass events on as they come.
const NO_BUFFERING: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));

type Told = Result<SseEvent, axum::Error>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Options {
    /// Only events after this position. `Last-Event-ID` goes before it.
    after: Option<i64>,
}

/// The stream of one execution, job or flow: what there is after the given position, then live, until its last event.
pub(in crate::api) async fn single(
    state: &ApiState,
    topic: Topic,
    options: &Options,
    headers: &HeaderMap,
) -> ApiResult<Response> {
    let after = position(headers, options.after)?.unwrap_or(0);
    let place = place(state)?;
    let ended = has_ended(state, &topic).await?;
    if after > 0 {
        check_position(state, after, false).await?;
    }
    let follower = follower(state).to_the_end(topic, after, ended);
    Ok(response(state, place, follower, |event, sent| sent.json_data(&event.entry)))
}

/// A follower with the configured patience.
pub(in crate::api) fn follower(state: &ApiState) -> Follower {
    state.hub.follower(state.store.clone(), Some(state.config.stream_patience))
}

/// A place among the open streams.
pub(in crate::api) fn place(state: &ApiState) -> ApiResult<OwnedSemaphorePermit> {
    let place = Arc::clone(state.streams()).try_acquire_owned();
    place.map_err(|_| ApiError::unavailable("too-many-streams", "too many event streams are open"))
}

/// The position that the client goes on after, if it gives one.
pub(super) fn position(headers: &HeaderMap, after: Option<i64>) -> ApiResult<Option<i64>> {
    if let Some(given) = headers.get(LAST_EVENT_ID).filter(|given| !given.is_empty()) {
        let position = given.to_str().ok().and_then(|text| text.parse().ok()).filter(|position| *position >= 0);
        let invalid = || ApiError::bad_request("invalid-last-event-id", "`Last-Event-ID` must be the id of an event");
        return position.map(Some).ok_or_else(invalid);
    }
    match after {
        Some(..0) => Err(ApiError::bad_request("invalid-query", "`after` must be the position of an event")),
        after => Ok(after),
    }
}

/// What `follower` tells, with `data` as `form` adds it to an event that has all else.
pub(super) fn response(
    state: &ApiState,
    place: OwnedSemaphorePermit,
    follower: Follower,
    form: fn(&Event, SseEvent) -> Told,
) -> Response {
    let events = told(follower, form).take_until(state.closing().clone().cancelled_owned());
    let events = events.map(move |event| {
        // It goes with the stream.
        let _held = &place;
        event
    });
    let keep_alive = KeepAlive::new().interval(state.config.heartbeat);
    ([NO_BUFFERING], Sse::new(events).keep_alive(keep_alive)).into_response()
}

fn told(follower: Follower, form: fn(&Event, SseEvent) -> Told) -> impl Stream<Item = Told> + Send + 'static {
    unfold(follower, move |mut follower| async move {
        let told = match follower.next().await? {
            Ok(event) => {
                let sent = SseEvent::default().id(event.position.to_string()).event(event.entry.event.as_str());
                form(&event, sent)
            }
            Err(FollowError::Slow { after }) => failure(&json!({"code": "slow-reader", "after": after})),
            Err(FollowError::Gone) => failure(&json!({"code": "position-gone"})),
            Err(FollowError::Store(error)) => {
                // The client comes back for the rest.
                tracing::error!(%error, "events cannot be read");
                return None;
            }
        };
        Some((told, follower))
    })
}

fn failure(data: &serde_json::Value) -> Told {
    SseEvent::default().event("error").json_data(data)
}
