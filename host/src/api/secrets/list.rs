//! `GET /secrets`

use axum::Json;
use axum::extract::State;

use super::super::ApiState;
use super::super::extract::{InQuery, NoQuery, Page};
use super::super::problem::ApiResult;
use super::SecretView;
use crate::domain::UserId;

/// The user's own secrets, the shared ones and those of the environment, by name. They are few, so there is one page.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InQuery(NoQuery {}): InQuery<NoQuery>,
) -> ApiResult<Json<Page<SecretView>>> {
    let secrets = state.vault.list(&UserId::local()).await?;
    Ok(Json(Page { items: secrets.into_iter().map(SecretView::from).collect(), next_cursor: None }))
}
