//! `GET /events`

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::super::ApiState;
use super::super::extract::InQuery;
use super::super::problem::{ApiError, ApiResult};
use super::sse::{follower, place, position, response};
use super::topic;
use crate::domain::{Event, TimelineEntry};
use crate::events::Subject;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Options {
    /// What to tell of, separated by commas: `execution:ID`, `job:ID`, `flow:ID`, or the kinds `execution`, `node`,
    /// `job`, `flow`. Everything if absent.
    topics: Option<String>,
    /// Only events after this position; from now on if absent. `Last-Event-ID` goes before it.
    after: Option<i64>,
}

/// A timeline entry that says whose it is.
#[derive(Debug, Serialize)]
struct Told<'e> {
    position: i64,
    topic: String,
    #[serde(flatten)]
    entry: &'e TimelineEntry,
}

/// Events of everything, or of what is asked for, live. The stream does not end.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InQuery(options): InQuery<Options>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let invalid = |message| ApiError::bad_request("invalid-query", format!("`topics`: {message}"));
    let subjects = match &options.topics {
        Some(topics) => topic::parse(topics.split(',')).map_err(invalid)?,
        None => vec![Subject::Everything],
    };
    let after = position(&headers, options.after)?;
    let place = place(&state)?;
    topic::exist(&state, &subjects).await?;
    if let Some(after) = after {
        topic::check_position(&state, after, true).await?;
    }
    let mut follower = follower(&state);
    follower.subscribe(subjects, after).await?;
    Ok(response(&state, place, follower, |event, sent| sent.json_data(told(event))))
}

fn told(event: &Event) -> Told<'_> {
    Told { position: event.position, topic: event.topic.to_string(), entry: &event.entry }
}
