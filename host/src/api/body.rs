//! Request bodies: JSON, or YAML read as JSON.

use std::time::Duration;

use axum::body::{Body as Incoming, Bytes, HttpBody as _};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use bytes::BytesMut;
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout_at};

use super::ApiState;
use super::document::{self, DocumentError};
use super::problem::{ApiError, ApiResult};
use crate::domain::object::Object;

/// How fast a body has to come.
const PACE: Pace = Pace { grace: Duration::from_secs(10), rate: 16 << 10, longest: Duration::from_secs(30) };
/// Room for a body that does not say how long it is.
const FIRST_ROOM: usize = 4 << 10;

/// How fast a body has to come: one that is slower holds up what waits for its place.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// How long it may take whatever its length.
    grace: Duration,
    /// Bytes that must have come after that for each second since it began.
    rate: u32,
    /// How long it may take at all.
    longest: Duration,
}

impl Pace {
    /// How long after the beginning more than `received` bytes must have come.
    fn until(self, received: usize) -> Duration {
        let seconds = received as f64 / f64::from(self.rate);
        Duration::from_secs_f64(seconds).clamp(self.grace, self.longest)
    }
}

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
    let bytes = collect(request, limit).await?;
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
pub(super) async fn collect(request: Request, limit: usize) -> ApiResult<Bytes> {
    announced(&request, limit)?;
    received(request.into_body(), limit, PACE).await
}

/// How long the body says that it is, if it does. One that is of no use is refused before anything of it is read, and so
/// before a client that asks first is told to send it.
pub(super) fn announced(request: &Request, limit: usize) -> ApiResult<Option<usize>> {
    for coding in request.headers().get_all(header::CONTENT_ENCODING) {
        if !coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity") {
            let coding = coding.to_str().unwrap_or("?");
            let detail = format!("bodies are taken as they are, not with a `Content-Encoding` of `{coding}`");
            return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-encoding", detail));
        }
    }
    let hint = request.body().size_hint();
    match usize::try_from(hint.lower()) {
        Ok(least) if least <= limit => Ok(hint.exact().map(|_| least)),
        _ => Err(too_large(limit)),
    }
}

async fn received(mut body: Incoming, limit: usize, pace: Pace) -> ApiResult<Bytes> {
    let began = Instant::now();
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(limit).min(limit);
    // All at once where that is known: what is copied elsewhere as it grows may be a secret.
    let mut received = BytesMut::with_capacity(if announced > 0 { announced } else { FIRST_ROOM.min(limit) });
    loop {
        let frame = timeout_at(began + pace.until(received.len()), body.frame()).await;
        let late = |_| ApiError::new(StatusCode::REQUEST_TIMEOUT, "body-timeout", "the body took too long to arrive");
        let Some(frame) = frame.map_err(late)? else { return Ok(received.freeze()) };
        let frame = frame.map_err(|_| ApiError::bad_request("unreadable-body", "the body ended before its time"))?;
        let Ok(data) = frame.into_data() else { continue };
        if data.len() > limit - received.len() {
            return Err(too_large(limit));
        }
        received.extend_from_slice(&data);
    }
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

#[cfg(test)]
mod tests {
    use futures::{StreamExt as _, stream};

    use super::*;

    const EAGER: Pace = Pace { grace: Duration::from_millis(20), rate: u32::MAX, longest: Duration::from_secs(3600) };

    /// What becomes of a body in these pieces, with or without an end.
    async fn code_of(pieces: &[&'static str], ends: bool, pace: Pace) -> Result<Bytes, String> {
        let pieces = stream::iter(pieces.to_vec()).map(Ok::<_, std::io::Error>);
        let body = match ends {
            true => Incoming::from_stream(pieces),
            false => Incoming::from_stream(pieces.chain(stream::pending())),
        };
        received(body, 8, pace).await.map_err(|error| error.code.into_owned())
    }

    #[tokio::test]
    async fn a_body_comes_whole_within_its_limit_or_not_at_all() {
        assert_eq!(code_of(&[], true, PACE).await.unwrap(), "");
        assert_eq!(code_of(&["1234", "5678"], true, PACE).await.unwrap(), "12345678");
        assert_eq!(code_of(&["1234", "56789"], true, PACE).await.unwrap_err(), "body-too-large");
        assert_eq!(code_of(&["1234", "56789"], false, PACE).await.unwrap_err(), "body-too-large");
    }

    #[tokio::test]
    async fn a_body_that_is_slow_is_given_up() {
        assert_eq!(code_of(&["1234"], false, EAGER).await.unwrap_err(), "body-timeout");
        assert_eq!(PACE.until(0), PACE.grace);
        assert_eq!(PACE.until(20 * (16 << 10)), Duration::from_secs(20));
        assert_eq!(PACE.until(usize::MAX), PACE.longest);
    }
}
