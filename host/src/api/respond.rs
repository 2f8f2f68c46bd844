//! What goes around every request: its id, its span, and errors that name it.

use std::any::Any;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Span;

use super::problem::{ApiError, PROBLEM_JSON};
use super::{ApiState, hooks};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest request id taken over from the caller.
const MAX_REQUEST_ID: usize = 128;

/// The id of a request, the caller's own if it gave a reasonable one.
#[derive(Clone, Debug)]
struct RequestId(HeaderValue);

impl RequestId {
    fn of(request: &Request, state: &ApiState) -> Self {
        let given = request.headers().get(REQUEST_ID).filter(|given| {
            let bytes = given.as_bytes();
            (1..=MAX_REQUEST_ID).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
        });
        let made = || HeaderValue::try_from(state.sources.id()).unwrap_or_else(|_| HeaderValue::from_static("-"));
        Self(given.cloned().unwrap_or_else(made))
    }

    fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or("-")
    }
}

/// Give the request an id, hand it on, and write the body of an error.
pub(super) async fn identify(State(state): State<ApiState>, mut request: Request, next: Next) -> Response {
    let id = RequestId::of(&request, &state);
    let path = hooks::without_token(request.uri().path()).into_owned();
    request.extensions_mut().insert(id.clone());
    let mut response = next.run(request).await;
    if response.status().is_client_error() || response.status().is_server_error() {
        response = explain(response, &path, &id);
    }
    response.headers_mut().insert(REQUEST_ID, id.0);
    response
}

/// The span of a request.
pub(super) fn span(request: &Request) -> Span {
    let id = request.extensions().get::<RequestId>().map_or("-", RequestId::as_str);
    let path = hooks::without_token(request.uri().path());
    tracing::info_span!("request", id, method = %request.method(), path = path.as_ref())
}

/// What a panicking handler answers.
pub(super) fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    ApiError::internal(format!("a handler panicked: {}", text.as_deref().unwrap_or("no message"))).into_response()
}

/// Give an error response its body, whoever made it.
fn explain(response: Response, path: &str, id: &RequestId) -> Response {
    let (mut parts, body) = response.into_parts();
    let error = match parts.extensions.remove::<Arc<ApiError>>() {
        Some(error) => error,
        None if parts.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == PROBLEM_JSON) => {
            return Response::from_parts(parts, body);
        }
        None => Arc::new(foreign(parts.status)),
    };
    if let Some(cause) = &error.cause {
        tracing::error!(request_id = id.as_str(), path, code = %error.code, cause, "a request failed");
    }
    let body = error.body(path, id.as_str());
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(body))
}

/// An error that a library answered with.
fn foreign(status: StatusCode) -> ApiError {
    let reason = status.canonical_reason().unwrap_or("the request failed");
    ApiError::new(status, "request-failed", reason)
}

/// No route has this path.
pub(super) async fn no_such_route() -> ApiError {
    ApiError::not_found("unknown-route", "there is nothing at this path")
}

/// The route has no such method.
pub(super) async fn wrong_method(method: Method) -> ApiError {
    let detail = format!("this path does not take {method}; the `Allow` header says what it takes");
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail)
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use tower_http::catch_panic::CatchPanicLayer;

    use super::super::testing::Server;
    use super::*;

    async fn boom() -> StatusCode {
        panic!("secret things")
    }

    #[tokio::test]
    async fn panics_and_foreign_errors_become_problems_that_tell_nothing() {
        let state = Server::start().await.state;
        let router = Router::new()
            .route("/boom", get(boom))
            .route("/teapot", get(async || (StatusCode::IM_A_TEAPOT, "bare text")))
            .layer(CatchPanicLayer::custom(panicked))
            .layer(from_fn_with_state(state.clone(), identify))
            .with_state(state.clone());
        let server = Server::of(state, router);
        let answer = server.get("/boom").await;
        assert_eq!(answer.problem(), (500, "internal-error".to_owned()));
        assert!(!answer.text().contains("secret"));
        assert_eq!(server.get("/teapot").await.problem(), (418, "request-failed".to_owned()));
    }
}
