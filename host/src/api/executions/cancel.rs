//! `POST /executions/{id}/cancel`

use axum::Json;
use axum::extract::State;

use super::super::ApiState;
use super::super::extract::{InPath, InQuery, NoQuery};
use super::super::problem::{ApiError, ApiResult};
use super::read::load;
use crate::domain::{Execution, ExecutionId, ExecutionStatus};
use crate::jobs::Cancelled;

/// Stop an execution, and answer with it when it has stopped. What was recorded stays.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InPath(id): InPath<String>,
    InQuery(NoQuery {}): InQuery<NoQuery>,
) -> ApiResult<Json<Execution>> {
    match state.queue.cancel(&ExecutionId::from(id.as_str())).await? {
        Cancelled::NotFound => Err(ApiError::unknown_execution(&id)),
        Cancelled::AlreadyEnded(status) => Err(already_ended(&id, status.as_str())),
        Cancelled::Accepted => {
            let execution = load(&state, &id).await?.execution;
            match execution.status {
                // Its own end was quicker.
                status @ (ExecutionStatus::Completed | ExecutionStatus::Failed) => {
                    Err(already_ended(&id, status.as_str()))
                }
                _ => Ok(Json(execution)),
            }
        }
    }
}

fn already_ended(id: &str, status: &str) -> ApiError {
    ApiError::conflict("already-ended", format!("execution `{id}` has ended before: it is {status}"))
}
