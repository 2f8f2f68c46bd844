//! `POST /jobs`

use axum::Json as JsonBody;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use super::super::ApiState;
use super::super::extract::InQuery;
use super::super::idempotency::{Keyed, kind};
use super::super::problem::ApiResult;
use super::accept::{hand_in, patience};
use super::treatment::{Treatment, Webhook, webhook};
use super::{load, unprepared};
use crate::domain::{JobType, Json, UserId};
use crate::jobs::Submit;

/// What to do, and how the job is to be treated.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::api) struct Request {
    #[serde(rename = "type")]
    job_type: JobType,
    payload: Json,
    /// For people.
    name: Option<String>,
    /// The type's own if absent.
    queue: Option<String>,
    priority: Option<i64>,
    /// Milliseconds from now.
    delay: Option<i64>,
    /// Unix milliseconds.
    run_at: Option<i64>,
    max_attempts: Option<i64>,
    #[serde(default, deserialize_with = "webhook")]
    webhook: Option<Webhook>,
    /// The same as the header `Idempotency-Key`.
    idempotency_key: Option<String>,
}

impl Request {
    async fn prepared(self, state: &ApiState) -> ApiResult<Submit> {
        let Self { job_type, payload, name, queue, priority, delay, run_at, max_attempts, webhook, .. } = self;
        let treatment = Treatment { name, queue, priority, delay, run_at, max_attempts, webhook };
        let prepared = state.queue.prepare(job_type, &payload, &UserId::local()).await;
        let mut submit = prepared.map_err(|error| unprepared(error, "/payload"))?;
        treatment.apply(state, &mut submit.job)?;
        Ok(submit)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Options {
    /// Seconds to wait for the end; fractions are fine.
    pub(super) wait: Option<f64>,
}

/// Hand a job in. With `?wait` the answer is the job if it ends in that time.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InQuery(options): InQuery<Options>,
    Keyed { body: request, asked }: Keyed<Request>,
) -> ApiResult<Response> {
    let wait = patience(&state, options.wait)?;
    let key = asked.key_or(&state, kind::JOB, request.idempotency_key.as_deref())?;
    let handed_in = hand_in(&state, key, wait, request.prepared(&state)).await?;
    if handed_in.ended.is_some() {
        let job = load(&state, handed_in.job_id()).await?;
        return Ok(handed_in.marked(JsonBody(job).into_response()));
    }
    handed_in.accepted("jobs", None).await
}
