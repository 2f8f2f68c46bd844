//! Request bodies that hold secrets: no answer and no log line repeats any part of them.

use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use serde::de::DeserializeOwned;
use zeroize::Zeroize as _;

use super::ApiState;
use super::body::{Format, collect};
use super::problem::{ApiError, ApiResult};

/// A body with these fields.
pub(super) trait Fields: DeserializeOwned {
    /// Their names. Whatever else is in a body, a name too, may be a secret in the wrong place.
    const NAMES: &'static [&'static str];
}

/// A JSON body read as `T`. Errors say which field and where, in words of their own: those of the parser quote what it
/// found.
pub(super) struct SealedBody<T>(pub(super) T);

impl<T: Fields> FromRequest<ApiState> for SealedBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &ApiState) -> ApiResult<Self> {
        let format = Format::of(request.headers());
        if !matches!(format, Ok(Format::Json)) {
            let detail = "the body needs a `Content-Type` of `application/json`";
            return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail));
        }
        let bytes = collect(request, state.config.body_bytes).await?;
        let found = read(&bytes);
        // What the connection still holds of it is out of reach.
        if let Ok(mut bytes) = bytes.try_into_mut() {
            bytes.as_mut().zeroize();
        }
        found.map(Self)
    }
}

fn read<T: Fields>(bytes: &[u8]) -> ApiResult<T> {
    if bytes.trim_ascii().is_empty() {
        return Err(ApiError::bad_request("empty-body", "the body is empty; a JSON document is expected"));
    }
    // Structures may be written as arrays too, in which no field has a name.
    if matches!(bytes.trim_ascii().first(), Some(b'[')) {
        return Err(ApiError::bad_request("invalid-request", "the body is an array; an object is expected"));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let found = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let field = error.path().iter().next().map(ToString::to_string);
        let field = field.and_then(|field| T::NAMES.iter().find(|name| **name == field));
        let inner = error.inner();
        let at = format!("at line {} column {}", inner.line(), inner.column());
        if !inner.is_data() {
            return ApiError::bad_request("invalid-json", format!("the body is not valid JSON {at}"));
        }
        let detail = match field {
            Some(field) => format!("`{field}`: not of the form that this field has, {at}"),
            None => format!("the body is an object with the fields {}, each at most once, {at}", T::NAMES.join(", ")),
        };
        ApiError::bad_request("invalid-request", detail)
    })?;
    let more = |_| ApiError::bad_request("invalid-json", "the body holds more than one JSON document");
    deserializer.end().map_err(more)?;
    Ok(found)
}
