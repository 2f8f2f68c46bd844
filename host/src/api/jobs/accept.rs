//! Handing a job in, waiting for its end if that is asked for, and saying that it was accepted.

use std::sync::Arc;
use std::time::Duration;

use axum::Json as JsonBody;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

use super::super::ApiState;
use super::super::idempotency;
use super::super::problem::{ApiError, ApiResult};
use crate::domain::{Execution, ExecutionId, JobId, JobStatus, Problem};
use crate::jobs::{Submit, Submitted, Ticket};
use crate::store::IdempotencyKey;

/// A job that was handed in, now or by an earlier request with the same key.
#[derive(Debug)]
pub(in crate::api) struct HandedIn {
    ticket: Ticket,
    replayed: bool,
    /// Its execution, if the caller waits and it has ended in that time.
    pub(in crate::api) ended: Option<Arc<Execution>>,
}

/// What was started.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Accepted {
    job_id: JobId,
    execution_id: ExecutionId,
    /// Of the job.
    status: JobStatus,
    /// The job that it does again.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_of: Option<JobId>,
    /// What deliveries to its webhook are signed with, if it was made here. It is shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook_secret: Option<String>,
}

/// Hand in what `prepared` comes to, unless an earlier request with the same key did, and wait for the end for as long as
/// `wait` says.
pub(in crate::api) async fn hand_in(
    state: &ApiState,
    key: Option<IdempotencyKey>,
    wait: Option<Duration>,
    prepared: impl Future<Output = ApiResult<Submit>> + Send,
) -> ApiResult<HandedIn> {
    let (ticket, replayed) = match idempotency::earlier(state, key.as_ref()).await? {
        Some(id) => (state.queue.earlier(id.into()).await?, true),
        None => submitted(state, prepared.await?, key, wait.is_some()).await?,
    };
    let mut handed_in = HandedIn { ticket, replayed, ended: None };
    if let Some(wait) = wait {
        handed_in.ended = end_of(state, &mut handed_in.ticket, wait).await;
    }
    Ok(handed_in)
}

/// The job, and whether it was handed in before.
async fn submitted(
    state: &ApiState,
    mut submit: Submit,
    key: Option<IdempotencyKey>,
    waits: bool,
) -> ApiResult<(Ticket, bool)> {
    submit.waits = waits;
    if submit.waits && submit.job.webhook.as_ref().is_some_and(|webhook| webhook.made.is_some()) {
        let message = "with `?wait` it must be given: the answer has no place for one that is made";
        return Err(ApiError::invalid_job(vec![Problem::new("/webhook/secret", "missing-secret", message)]));
    }
    let Some(key) = key else { return Ok((state.queue.submit(submit)?, false)) };
    match state.queue.submit_once(submit, key).await? {
        Submitted::New(ticket) => Ok((ticket, false)),
        Submitted::Known(ticket) => Ok((ticket, true)),
        Submitted::Reused => Err(idempotency::reused()),
    }
}

impl HandedIn {
    /// The job.
    pub(in crate::api) fn job_id(&self) -> &JobId {
        &self.ticket.job_id
    }

    /// Answer that it was accepted, which is so only once it is on the disk.
    pub(in crate::api) async fn accepted(self, folder: &str, retry_of: Option<JobId>) -> ApiResult<Response> {
        self.ticket.accepted().await?;
        let Ticket { job_id, execution_id, status, .. } = &self.ticket;
        let location = format!("/{folder}/{job_id}");
        let (job_id, execution_id, status) = (job_id.clone(), execution_id.clone(), *status);
        let webhook_secret = self.ticket.webhook_secret.as_ref().map(|secret| secret.expose().to_owned());
        let body = Accepted { job_id, execution_id, status, retry_of, webhook_secret };
        let answer = (StatusCode::ACCEPTED, [(header::LOCATION, location)], JsonBody(body)).into_response();
        Ok(self.marked(answer))
    }

    /// `answer`, marked as that of an earlier request if it is.
    pub(in crate::api) fn marked(&self, answer: Response) -> Response {
        if self.replayed { idempotency::replayed(answer) } else { answer }
    }
}

/// How long to wait, from the query's `wait` in seconds.
pub(in crate::api) fn patience(state: &ApiState, seconds: Option<f64>) -> ApiResult<Option<Duration>> {
    let most = state.config.max_wait;
    match seconds {
        None => Ok(None),
        Some(seconds) if seconds >= 0.0 => Ok(Some(Duration::try_from_secs_f64(seconds).unwrap_or(most).min(most))),
        // NaN is no number of seconds either.
        Some(_) => Err(ApiError::bad_request("invalid-query", "`wait` must be a number of seconds from 0 up")),
    }
}

/// The ended execution; `None` if it takes longer, or longer than this process has left.
async fn end_of(state: &ApiState, ticket: &mut Ticket, wait: Duration) -> Option<Arc<Execution>> {
    tokio::select! {
        biased;
        ended = ticket.ended() => ended,
        () = tokio::time::sleep(wait) => None,
        () = state.closing().cancelled() => None,
    }
}
