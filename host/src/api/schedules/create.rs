//! `POST /schedules`

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::super::ApiState;
use super::super::extract::{InQuery, NoQuery};
use super::super::idempotency::{Keyed, earlier, replayed, reused};
use super::super::problem::ApiResult;
use super::request::ScheduleRequest;
use super::{ScheduleView, details, entry, load};
use crate::domain::audit::SCHEDULE_CREATED;
use crate::store::Once;

/// What is made with an idempotency key here.
const KIND: &str = "schedule";

/// Make a schedule.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InQuery(NoQuery {}): InQuery<NoQuery>,
    Keyed { body, asked }: Keyed<ScheduleRequest>,
) -> ApiResult<Response> {
    let key = asked.key(&state, KIND);
    if let Some(id) = earlier(&state, key.as_ref()).await? {
        return created(&state, &id).await.map(replayed);
    }
    let schedule = body.schedule(&state, None).await?;
    let entry = entry(&state, SCHEDULE_CREATED, &schedule.id, details(&schedule));
    let id = schedule.id.clone();
    match state.store.create_schedule(schedule, entry, key).await? {
        Once::Done(()) => created(&state, &id).await,
        Once::Known(id) => created(&state, &id).await.map(replayed),
        Once::Reused => Err(reused()),
    }
}

async fn created(state: &ApiState, id: &str) -> ApiResult<Response> {
    let view = ScheduleView::from(load(state, id).await?);
    Ok((StatusCode::CREATED, [(header::LOCATION, format!("/schedules/{id}"))], Json(view)).into_response())
}
