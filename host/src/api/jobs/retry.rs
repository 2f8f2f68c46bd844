//! `POST /jobs/{id}/retry`

use axum::Json as JsonBody;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};

use super::super::ApiState;
use super::super::extract::{InPath, InQuery};
use super::super::idempotency::{Asked, kind};
use super::super::problem::{ApiError, ApiResult};
use super::accept::{hand_in, patience};
use super::create::Options;
use super::{load, unknown};
use crate::domain::{JobId, UserId};
use crate::jobs::{Again, LoadPlanError, Submit};

/// Do an ended job again: a new one with the same type, payload and queue, outside of any flow.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InPath(id): InPath<String>,
    InQuery(options): InQuery<Options>,
    asked: Asked,
) -> ApiResult<Response> {
    let wait = patience(&state, options.wait)?;
    let id = JobId::from(id);
    let handed_in = hand_in(&state, asked.key(&state, kind::JOB), wait, again(&state, &id)).await?;
    if handed_in.ended.is_some() {
        let job = load(&state, handed_in.job_id()).await?;
        return Ok(handed_in.marked(JsonBody(job).into_response()));
    }
    handed_in.accepted("jobs", Some(id)).await
}

async fn again(state: &ApiState, id: &JobId) -> ApiResult<Submit> {
    match state.queue.again(id, &UserId::local()).await {
        Ok(Again::Submit(submit)) => Ok(*submit),
        Ok(Again::NotFound) => Err(unknown(id.as_str())),
        Ok(Again::NotEnded(status)) => {
            let detail = format!("job `{id}` has not ended: it is {}", status.as_str());
            Err(ApiError::conflict("not-ended", detail))
        }
        Ok(Again::NeverRan) => {
            let detail = format!("job `{id}` never ran: it waited for its children; start the flow again");
            Err(ApiError::conflict("never-ran", detail))
        }
        Ok(Again::NotForClients) => {
            let detail = "a delivery is sent again at `/webhooks/{id}/deliveries`, not as a job";
            Err(ApiError::conflict("not-for-clients", detail))
        }
        Err(LoadPlanError::Plan(error)) => Err(error.into()),
        Err(LoadPlanError::Store(error)) => Err(error.into()),
    }
}
