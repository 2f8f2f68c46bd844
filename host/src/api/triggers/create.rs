//! `POST /triggers`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::ApiState;
use super::super::extract::{InQuery, NoQuery};
use super::super::idempotency::{Keyed, earlier, replayed, reused};
use super::super::problem::{ApiError, ApiResult};
use super::super::schedules::request::{invalid, runnable};
use super::{TriggerView, entry, unknown};
use crate::domain::audit::TRIGGER_CREATED;
use crate::domain::{Mode, UserId};
use crate::jobs::TriggerToken;
use crate::store::{Once, Trigger};

/// What is made with an idempotency key here.
const KIND: &str = "trigger";

/// What is to be started.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::api) struct Request {
    workflow_id: String,
    /// The latest at the time of each request if absent.
    version: Option<u32>,
    #[serde(default)]
    mode: Mode,
}

/// No `Debug`: it holds the token.
#[derive(Serialize)]
struct Created<'a> {
    #[serde(flatten)]
    trigger: TriggerView,
    /// Told this once, and never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
    /// Where to post to.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
}

/// Make a trigger. A request that is sent again with its idempotency key is answered without the token, which is kept
/// nowhere.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InQuery(NoQuery {}): InQuery<NoQuery>,
    Keyed { body: request, asked }: Keyed<Request>,
) -> ApiResult<Response> {
    let key = asked.key(&state, KIND);
    if let Some(id) = earlier(&state, key.as_ref()).await? {
        return again(&state, &id).await;
    }
    if let Some(problem) = runnable(&state, &request.workflow_id, request.version).await? {
        return Err(invalid("trigger", "invalid-trigger", vec![problem]));
    }
    let token = TriggerToken::random().map_err(ApiError::internal)?;
    let now = state.sources.now_ms();
    let trigger = Trigger {
        id: state.sources.id(),
        user_id: UserId::local(),
        workflow_id: request.workflow_id,
        version: request.version,
        mode: request.mode,
        active: true,
        created_at: now,
        updated_at: now,
    };
    let details = json!({"workflowId": trigger.workflow_id, "version": trigger.version});
    let entry = entry(&state, TRIGGER_CREATED, &trigger.id, details.into());
    match state.store.create_trigger(trigger.clone(), token.hash(), entry, key).await? {
        Once::Done(()) => {
            let path = Some(format!("/hooks/{}", token.reveal()));
            let created = Created { trigger: trigger.into(), token: Some(token.reveal()), path };
            Ok((StatusCode::CREATED, Json(created)).into_response())
        }
        Once::Known(id) => again(&state, &id).await,
        Once::Reused => Err(reused()),
    }
}

/// The answer to an earlier request, which made this.
async fn again(state: &ApiState, id: &str) -> ApiResult<Response> {
    let known = state.store.trigger(id).await?.ok_or_else(|| unknown(id))?;
    let created = Created { trigger: known.into(), token: None, path: None };
    Ok(replayed((StatusCode::CREATED, Json(created)).into_response()))
}
