//! Request bodies: JSON, or YAML read as JSON.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;

use super::ApiState;
use super::document::{self, DocumentError};
use super::problem::{ApiError, ApiResult};
use crate::domain::object::Object;

/// Longest time for a body to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// What a body is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Yaml,
}

impl Format {
    /// By `Content-Type`. None of the accepted types can be sent by a web page to another site without asking first.
    pub(super) fn of(headers: &HeaderMap) -> ApiResult<Self> {
        let given = headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or("?"));
        let essence = given.map(|given| given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
        match essence.as_deref() {
            Some("application/json") => Ok(Self::Json),
            Some("application/yaml" | "application/x-yaml" | "text/yaml") => Ok(Self::Yaml),
            _ => {
                let found = given.map_or_else(|| "none".to_owned(), |given| format!("`{given}`"));
                let detail = format!(
                    "the body needs a `Content-Type` of `application/json` or `application/yaml`, it has {found}"
                );
                Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail))
            }
        }
    }
}

/// A request body read as `T`. Fields of type `domain::Json` keep the text they came in.
#[derive(Debug)]
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<ApiState> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &ApiState) -> ApiResult<Self> {
        let (text, format) = json(request, state).await?;
        read(&text, format).map(Self)
    }
}

/// The whole body as JSON text, and what it was written in.
pub(super) async fn json(request: Request, state: &ApiState) -> ApiResult<(Bytes, Format)> {
    let headers = request.headers().clone();
    let limit = state.config.body_bytes;
    let bytes = collect(request, state, limit).await?;
    if bytes.trim_ascii().is_empty() {
        return Err(ApiError::bad_request("empty-body", "the body is empty; a JSON document is expected"));
    }
    let format = Format::of(&headers)?;
    if format == Format::Json {
        return Ok((bytes, format));
    }
    let text = std::str::from_utf8(&bytes)
        .map_err(|error| ApiError::bad_request("invalid-yaml", format!("the body is no UTF-8: {error}")))?;
    let json = document::yaml(text).map_err(unreadable)?.to_string();
    // Aliases are written out by now.
    if json.len() > limit {
        return Err(too_large(limit));
    }
    Ok((json.into(), format))
}

/// The whole body, which has its time and its limit.
pub(super) async fn collect(request: Request, state: &ApiState, limit: usize) -> ApiResult<Bytes> {
    let collected = tokio::time::timeout(BODY_TIMEOUT, Bytes::from_request(request, state)).await;
    let late = || ApiError::new(StatusCode::REQUEST_TIMEOUT, "body-timeout", "the body took too long to arrive");
    collected.map_err(|_| late())?.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(limit),
        _ => ApiError::bad_request("unreadable-body", "the body ended before its time"),
    })
}

fn too_large(limit: usize) -> ApiError {
    let detail = format!("the body is larger than {limit} bytes");
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", detail)
}

fn unreadable(error: DocumentError) -> ApiError {
    let code = if matches!(error, DocumentError::Yaml(_)) { "invalid-yaml" } else { "invalid-json" };
    ApiError::bad_request(code, error.to_string())
}

/// Read `bytes` as `T`; where they came from YAML, lines and columns mean nothing to the caller.
pub(super) fn read<T: DeserializeOwned>(bytes: &[u8], format: Format) -> ApiResult<T> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let found = serde_path_to_error::deserialize::<_, Object<T>>(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        let text = inner.to_string();
        if !inner.is_data() {
            return ApiError::bad_request("invalid-json", format!("the body is not valid JSON: {text}"));
        }
        let text = match (format, text.rsplit_once(" at line ")) {
            (Format::Yaml, Some((text, _))) => text.to_owned(),
            _ => text,
        };
        let place = if path == "." { String::new() } else { format!("`{path}`: ") };
        ApiError::bad_request("invalid-request", format!("{place}{text}"))
    })?;
    let rest = deserializer.end();
    rest.map_err(|error| ApiError::bad_request("invalid-json", format!("the body is not valid JSON: {error}")))?;
    Ok(found.0)
}
