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
use super::{
    ApiState, audit, blocks, events, executions, flows, guard, health, hooks, jobs, queues, respond, schedules,
    secrets, triggers, webhooks, workflows, ws,
};

/// Longest time for requests that neither wait nor stream.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The whole API.
pub fn router(state: ApiState) -> Router {
    Router::new()
        .nest("/workflows", workflows_routes())
        .nest("/executions", executions_routes())
        .nest("/blocks", blocks_routes(&state))
        .nest("/flows", flows_routes())
        .nest("/schedules", schedules_routes())
        .nest("/triggers", triggers_routes())
        .route("/hooks/{token}", post(hooks::handle))
        .nest("/jobs", jobs_routes())
        .nest("/queues", queues_routes())
        .nest("/webhooks", webhooks_routes())
        .nest("/secrets", secrets_routes())
        .route("/audit", get(audit::list::handle))
        .route("/events", get(events::all::handle))
        .route("/jobs/{id}/events", get(events::job::handle))
        .route("/flows/{id}/events", get(events::flow::handle))
        .route("/ws", get(ws::handle))
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
        // The paths that the first version had.
        .nest("/api/workflows", workflows_routes())
        .nest("/api/workflows/executions", executions_routes())
        .nest("/api/workflows/blocks", blocks_routes(&state))
        .nest("/api/jobs", jobs_routes())
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

fn blocks_routes(state: &ApiState) -> Router<ApiState> {
    let largest = DefaultBodyLimit::max(state.uploads.config().bytes);
    Router::new()
        .route("/", get(blocks::list::handle))
        .route("/{type}", get(blocks::read::handle).delete(blocks::delete::handle))
        .route("/{type}/versions", get(blocks::version::list))
        .route("/{type}/versions/{version}/activate", post(blocks::version::activate))
        .route("/{type}/grants", get(blocks::grants::read).put(blocks::grants::put))
        .route("/uploads/{id}", get(blocks::upload::status))
        .layer(from_fn(in_time))
        .route("/", post(blocks::upload::handle).layer(largest))
        .route("/{type}/test", post(blocks::test::handle))
}

fn flows_routes() -> Router<ApiState> {
    Router::new()
        .route("/", get(flows::list::handle).post(flows::create::handle))
        .route("/{id}", get(flows::read::handle))
        .layer(from_fn(in_time))
        .route("/{id}/cancel", post(flows::cancel::handle))
}

fn schedules_routes() -> Router<ApiState> {
    let one = get(schedules::read::handle)
        .put(schedules::change::put)
        .patch(schedules::change::patch)
        .delete(schedules::delete::handle);
    Router::new()
        .route("/", get(schedules::list::handle).post(schedules::create::handle))
        .route("/{id}", one)
        .route("/{id}/run", post(schedules::run::handle))
        .layer(from_fn(in_time))
}

fn triggers_routes() -> Router<ApiState> {
    let one = get(triggers::list::one).patch(triggers::change::handle).delete(triggers::delete::handle);
    Router::new()
        .route("/", get(triggers::list::handle).post(triggers::create::handle))
        .route("/{id}", one)
        .layer(from_fn(in_time))
}

fn jobs_routes() -> Router<ApiState> {
    Router::new()
        .route("/stats", get(jobs::stats::handle))
        .route("/{id}", get(jobs::read::handle))
        .route("/{id}/progress", get(jobs::progress::handle))
        .route("/{id}/webhook", get(webhooks::of_job::handle))
        .route("/", get(jobs::list::handle))
        .layer(from_fn(in_time))
        .route("/", post(jobs::create::handle))
        .route("/{id}/cancel", post(jobs::cancel::handle))
        .route("/{id}/retry", post(jobs::retry::handle))
}

fn queues_routes() -> Router<ApiState> {
    Router::new()
        .route("/", get(queues::list::handle))
        .route("/{name}/pause", post(queues::pause::pause))
        .route("/{name}/resume", post(queues::pause::resume))
        .layer(from_fn(in_time))
}

fn webhooks_routes() -> Router<ApiState> {
    let one = get(webhooks::read::handle).patch(webhooks::change::handle).delete(webhooks::delete::handle);
    Router::new()
        .route("/", get(webhooks::list::handle).post(webhooks::create::handle))
        .route("/{id}", one)
        .route("/{id}/rotate-secret", post(webhooks::rotate::handle))
        .route("/{id}/test", post(webhooks::test::handle))
        .route("/{id}/deliveries", get(webhooks::deliveries::list))
        .route("/{id}/deliveries/{delivery}", get(webhooks::deliveries::one))
        .route("/{id}/deliveries/{delivery}/resend", post(webhooks::resend::handle))
        .layer(from_fn(in_time))
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
