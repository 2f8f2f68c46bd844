//! Topics and positions as clients give them.

use axum::http::StatusCode;

use super::super::ApiState;
use super::super::problem::{ApiError, ApiResult};
use crate::domain::Topic;
use crate::domain::event::stored_position;
use crate::events::Subject;

/// Most topics in one request, and on one WebSocket.
pub(in crate::api) const MAX_TOPICS: usize = 256;

/// Read a list of topics.
pub(in crate::api) fn parse<'t>(texts: impl Iterator<Item = &'t str>) -> Result<Vec<Subject>, String> {
    let mut subjects = Vec::new();
    for text in texts {
        let subject: Subject = text.parse()?;
        if !subjects.contains(&subject) {
            subjects.push(subject);
        }
        if subjects.len() > MAX_TOPICS {
            return Err(format!("at most {MAX_TOPICS} topics can be followed at once"));
        }
    }
    Ok(subjects)
}

/// Whether the last event of a topic has been. A thing that does not exist, or that has no events, is an error.
pub(in crate::api) async fn has_ended(state: &ApiState, topic: &Topic) -> ApiResult<bool> {
    match topic {
        Topic::Execution(id) => {
            let row = state.store.execution(id).await?.ok_or_else(|| ApiError::unknown_execution(id.as_str()))?;
            Ok(row.execution.status.is_terminal())
        }
        Topic::Job(id) => {
            let unknown = || ApiError::not_found("unknown-job", format!("there is no job `{id}`"));
            let job = state.store.job(id).await?.ok_or_else(unknown)?.summary;
            if job.execution_id.is_none() {
                let detail = format!("job `{id}` runs no execution, so that it has no events");
                return Err(ApiError::not_found("no-events", detail));
            }
            Ok(job.status.is_terminal())
        }
        Topic::Flow(id) => {
            let unknown = || ApiError::not_found("unknown-flow", format!("there is no flow `{id}`"));
            Ok(state.store.flow(id).await?.ok_or_else(unknown)?.ended_at.is_some())
        }
    }
}

/// The same for whatever is a topic among `subjects`.
pub(in crate::api) async fn exist(state: &ApiState, subjects: &[Subject]) -> ApiResult<()> {
    for subject in subjects {
        if let Subject::Topic(topic) = subject {
            has_ended(state, topic).await?;
        }
    }
    Ok(())
}

/// Check a position to go on after, where all events are followed (`whole`) or those of one thing, which are kept or go
/// together. One that was never given out is a mistake: it may come from another database.
pub(in crate::api) async fn check_position(state: &ApiState, after: i64, whole: bool) -> ApiResult<()> {
    let positions = state.store.event_positions().await?;
    if after < 0 || stored_position(after) > positions.newest {
        let detail = format!("no event has had the position {after} so far; the newest has {}", positions.newest);
        return Err(ApiError::bad_request("unknown-position", detail));
    }
    if whole && stored_position(after) < positions.floor {
        let detail = format!("events after {after} have been removed since; those after {} are there", positions.floor);
        return Err(ApiError::new(StatusCode::GONE, "position-gone", detail));
    }
    Ok(())
}
