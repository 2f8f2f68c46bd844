//! Errors as RFC 9457 problem details.

use std::borrow::Cow;
use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::domain::{Json, Problem, Report};
use crate::jobs::{PlanError, SubmitError};
use crate::store::StoreError;

/// The media type of a problem.
pub(super) const PROBLEM_JSON: &str = "application/problem+json";

/// Why a request is not answered as asked.
///
/// As a response it is only a status until [`super::respond`] writes the body, which has to name the request.
#[derive(Clone, Debug)]
pub(super) struct ApiError {
    pub(super) status: StatusCode,
    /// Stable and machine-readable.
    pub(super) code: Cow<'static, str>,
    /// One sentence for a person.
    pub(super) detail: String,
    /// All findings, if there can be several.
    pub(super) errors: Vec<Problem>,
    /// The same as they were stored, in place of `errors`.
    stored_errors: Option<Box<Json>>,
    /// Seconds after which trying again makes sense.
    retry_after: Option<u32>,
    /// What the log is told and the caller is not.
    pub(super) cause: Option<String>,
}

pub(super) type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    pub(super) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let code = code.into();
        Self { status, code, detail, errors: Vec::new(), stored_errors: None, retry_after: None, cause: None }
    }

    pub(super) fn bad_request(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    pub(super) fn not_found(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, detail)
    }

    pub(super) fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    pub(super) fn unavailable(code: &'static str, detail: impl Into<String>) -> Self {
        Self { retry_after: Some(1), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail) }
    }

    /// A failure of the server. The caller learns nothing but the request's id, under which the log has `cause`.
    pub(super) fn internal(cause: impl ToString) -> Self {
        let detail = "something went wrong in the server; its log has more under this request id";
        let error = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal-error", detail);
        Self { cause: Some(cause.to_string()), ..error }
    }

    /// The same with these findings.
    pub(super) fn with_errors(self, errors: Vec<Problem>) -> Self {
        Self { errors, ..self }
    }

    /// What was found and stored earlier.
    pub(super) fn stored(status: StatusCode, code: String, detail: String, errors: Option<Json>) -> Self {
        Self { code: code.into(), stored_errors: errors.map(Box::new), ..Self::new(status, "", detail) }
    }

    /// A document that cannot be run. Pointers get `prefix`, the document's own place in the request.
    pub(super) fn invalid_workflow(report: Report, prefix: &str) -> Self {
        let mut errors = report.errors;
        for error in &mut errors {
            error.pointer.insert_str(0, prefix);
        }
        let detail = match errors.as_slice() {
            [] => "the workflow is not valid".to_owned(),
            [only] => format!("the workflow is not valid: {}", only.message),
            [first, rest @ ..] => format!("the workflow is not valid: {}, and {} more", first.message, rest.len()),
        };
        Self { errors, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-workflow", detail) }
    }

    /// A job that cannot be handed in as it is.
    pub(super) fn invalid_job(errors: Vec<Problem>) -> Self {
        let detail = match errors.as_slice() {
            [] => "the job is not valid".to_owned(),
            [only] => format!("the job is not valid: {}", only.message),
            [first, rest @ ..] => format!("the job is not valid: {}, and {} more", first.message, rest.len()),
        };
        Self { errors, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-job", detail) }
    }

    pub(super) fn unknown_workflow(id: &str, version: Option<u32>) -> Self {
        match version {
            None => Self::not_found("unknown-workflow", format!("there is no workflow `{id}`")),
            Some(version) => {
                Self::not_found("unknown-workflow", format!("there is no version {version} of a workflow `{id}`"))
            }
        }
    }

    pub(super) fn unknown_execution(id: &str) -> Self {
        Self::not_found("unknown-execution", format!("there is no execution `{id}`"))
    }

    /// The body of the response.
    pub(super) fn body(&self, instance: &str, request_id: &str) -> Vec<u8> {
        let body = Body {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            instance,
            code: &self.code,
            errors: match &self.stored_errors {
                Some(stored) => Some(Errors::Stored(stored)),
                None => Some(Errors::Found(&self.errors)).filter(|_| !self.errors.is_empty()),
            },
            request_id,
        };
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    r#type: &'a str,
    title: &'a str,
    status: u16,
    detail: &'a str,
    /// The request's path.
    instance: &'a str,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<Errors<'a>>,
    request_id: &'a str,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Errors<'a> {
    Found(&'a [Problem]),
    Stored(&'a Json),
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Conflict { what } => Self::conflict("conflict", what),
            StoreError::UnknownBlock { node, .. } => {
                let problem = Problem::new(format!("/nodes/{node}/type"), "unknown-block", error.to_string());
                Self::invalid_workflow(Report::new(vec![problem], Vec::new()), "")
            }
            StoreError::Closed => Self::from(SubmitError::ShuttingDown),
            StoreError::Database(_) => {
                let answer = Self::unavailable("database-unavailable", "the database did not do what it was asked");
                Self { cause: Some(error.to_string()), ..answer }
            }
            _ => Self::internal(error),
        }
    }
}

impl From<SubmitError> for ApiError {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::ShuttingDown => Self::unavailable("shutting-down", error.to_string()),
            SubmitError::UnknownQueue(_) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "unknown-queue", error.to_string())
            }
            SubmitError::Store(error) => error.into(),
        }
    }
}

impl From<PlanError> for ApiError {
    fn from(PlanError(report): PlanError) -> Self {
        Self::invalid_workflow(report, "")
    }
}
