//! The table of contents.

use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post, put};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::trace::TraceLayer;

use super::problem::{ApiError, ApiResult};
use super::{ApiState, audit, blocks, executions, guard, health, respond, secrets, workflows};

/// Longest time for requests that neither wait nor stream.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The whole API.
pub fn router(state: ApiState) -> Router {
    Router::new()
        .nest("/workflows", workflows_routes())
        .nest("/executions", executions_routes())
        .nest("/blocks", blocks_routes())
        .nest("/secrets", secrets_routes())
        .route("/audit", get(audit::list::handle))
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
        // The paths that the first version had.
        .nest("/api/workflows", workflows_routes())
        .nest("/api/workflows/executions", executions_routes())
        .nest("/api/workflows/blocks", blocks_routes())
        .fallback(respond::no_such_route)
        .method_not_allowed_fallback(respond::wrong_method)
        .layer(DefaultBodyLimit::max(state.config.body_bytes))
        .layer(CompressionLayer::new())
        .layer(from_fn_with_state(state.clone(), guard::check))
        .layer(CatchPanicLayer::custom(respond::panicked))
        .layer(TraceLayer::new_for_http().make_span_with(respond::span).on_failure(()))
        .layer(from_fn_with_state(state.clone(), respond::identify))
        .with_state(state)
}

fn workflows_routes() -> Router<ApiState> {
    Router::new()
        .route("/", get(workflows::list::handle).post(workflows::create::handle))
        .route("/validate", post(workflows::validate::handle))
        .route("/{id}", get(workflows::read::latest).put(workflows::save::handle).delete(workflows::delete::handle))
        .route("/{id}/versions", get(workflows::versions::handle))
        .route("/{id}/versions/{version}", get(workflows::read::version))
        .route("/{id}/executions", get(executions::list::of_workflow))
        .layer(from_fn(in_time))
        .route("/execute", post(workflows::execute::inline))
        .route("/{id}/execute", post(workflows::execute::saved))
        .route("/{id}/cancel", post(workflows::cancel::handle))
}

fn executions_routes() -> Router<ApiState> {
    Router::new()
        .route("/", get(executions::list::all))
        .route("/{id}", get(executions::read::handle))
        .layer(from_fn(in_time))
        .route("/{id}/cancel", post(executions::cancel::handle))
        .route("/{id}/events", get(executions::events::handle))
}

fn blocks_routes() -> Router<ApiState> {
    Router::new()
        .route("/", get(blocks::list::handle))
        .route("/{type}", get(blocks::read::handle))
        .layer(from_fn(in_time))
        .route("/{type}/test", post(blocks::test::handle))
}

fn secrets_routes() -> Router<ApiState> {
    Router::new()
        .route("/", get(secrets::list::handle))
        .route("/{name}", put(secrets::put::handle).delete(secrets::delete::handle))
        .layer(from_fn(in_time))
}

async fn in_time(request: Request, next: Next) -> ApiResult<Response> {
    let late = |_| ApiError::new(StatusCode::GATEWAY_TIMEOUT, "request-timeout", "the server took too long to answer");
    tokio::time::timeout(TIMEOUT, next.run(request)).await.map_err(late)
}
