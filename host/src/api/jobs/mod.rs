//! Jobs over HTTP.

pub(super) mod accept;
pub(super) mod cancel;
pub(super) mod create;
pub(super) mod list;
pub(super) mod progress;
pub(super) mod read;
pub(super) mod retry;
pub(super) mod stats;
pub(super) mod treatment;

use super::ApiState;
use super::problem::{ApiError, ApiResult};
use crate::domain::{Job, JobId, Problem};
use crate::jobs::PrepareError;

fn unknown(id: &str) -> ApiError {
    ApiError::not_found("unknown-job", format!("there is no job `{id}`"))
}

async fn load(state: &ApiState, id: &JobId) -> ApiResult<Job> {
    state.queue.job(id).await?.ok_or_else(|| unknown(id.as_str()))
}

/// Why a payload that stands at `prefix` of the request cannot be carried out.
fn unprepared(error: PrepareError, prefix: &str) -> ApiError {
    let message = error.to_string();
    match error {
        PrepareError::Invalid(report) => {
            let mut errors = report.errors;
            for error in &mut errors {
                error.pointer.insert_str(0, prefix);
            }
            ApiError::invalid_job(errors)
        }
        PrepareError::UnknownWorkflow { workflow_id, version } => ApiError::unknown_workflow(&workflow_id, version),
        PrepareError::NotForClients(_) => {
            ApiError::invalid_job(vec![Problem::new("/type", "not-for-clients", message)])
        }
        PrepareError::Store(error) => error.into(),
    }
}
