//! `GET /ws`: live events over a WebSocket.

mod message;
mod session;

use axum::Extension;
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::StatusCode;
use axum::response::Response;

use super::ApiState;
use super::connections::Place;
use super::events::sse::place;
use super::problem::{ApiError, ApiResult};

/// Longest message of a client in bytes.
const MESSAGE_BYTES: usize = 64 << 10;
/// Longest message that is read at all. Between the two the client is told in good order.
const READ_BYTES: usize = 4 * MESSAGE_BYTES;

/// Open a WebSocket, if there is a place among the open streams.
pub(super) async fn handle(
    State(state): State<ApiState>,
    connection: Option<Extension<Place>>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> ApiResult<Response> {
    let upgrade = upgrade.map_err(|rejection| {
        let detail = format!("this path is for WebSockets: {}", rejection.body_text());
        ApiError::new(StatusCode::UPGRADE_REQUIRED, "upgrade-required", detail)
    })?;
    let place = place(&state)?;
    let upgrade = upgrade.max_message_size(READ_BYTES).max_frame_size(READ_BYTES);
    Ok(upgrade.on_upgrade(async move |socket| {
        session::run(&state, socket).await;
        drop((place, connection));
    }))
}
