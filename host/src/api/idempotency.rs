//! `Idempotency-Key`: a request that is sent again has no second effect.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::ApiState;
use super::body::{self, Format};
use super::problem::{ApiError, ApiResult};
use crate::domain::UserId;
use crate::runtime::digest;
use crate::store::{IdempotencyKey, Once};

/// What a client says to have something made once.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// What an answer says that belongs to an earlier request with the same key.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// The member of a body that means the same as the header, where the route takes it.
const MEMBER: &str = "idempotencyKey";
/// Most characters of a key.
const MAX_KEY: usize = 255;

/// What is made with a key: keys of different kinds have nothing to do with each other.
pub(super) mod kind {
    /// A job, whichever route makes it.
    pub(in crate::api) const JOB: &str = "job";
    /// A flow.
    pub(in crate::api) const FLOW: &str = "flow";
    /// A saved workflow.
    pub(in crate::api) const WORKFLOW: &str = "workflow";
}

/// A request that may have a key, but no body.
#[derive(Debug)]
pub(super) struct Asked {
    key: Option<String>,
    path: String,
}

/// A request with a body that may have a key.
#[derive(Debug)]
pub(super) struct Keyed<T> {
    pub(super) body: T,
    pub(super) asked: AskedWith,
}

/// What tells a request with a body from others.
#[derive(Debug)]
pub(super) struct AskedWith {
    asked: Asked,
    /// As JSON, whatever the client wrote.
    text: Bytes,
}

impl Asked {
    fn of(headers: &HeaderMap, path: &str) -> ApiResult<Self> {
        let mut given = headers.get_all(IDEMPOTENCY_KEY).iter();
        let key = given.next().map(|value| check(value.as_bytes())).transpose()?;
        if given.next().is_some() {
            return Err(invalid("there is more than one `Idempotency-Key`"));
        }
        Ok(Self { key, path: path.to_owned() })
    }

    /// The key for what is made, if there is one.
    pub(super) fn key(self, state: &ApiState, kind: &'static str) -> Option<IdempotencyKey> {
        let fingerprint = digest(self.path.as_bytes());
        self.key.map(|key| stored(state, kind, key, fingerprint))
    }
}

impl AskedWith {
    /// The key for what is made, if there is one.
    pub(super) fn key(self, state: &ApiState, kind: &'static str) -> Option<IdempotencyKey> {
        let fingerprint = self.asked.key.is_some().then(|| self.fingerprint());
        Some(stored(state, kind, self.asked.key?, fingerprint?))
    }

    /// The same where the body may hold the key, which then is `member`.
    ///
    /// # Errors
    /// If it is no key, or another than the header's.
    pub(super) fn key_or(
        mut self,
        state: &ApiState,
        kind: &'static str,
        member: Option<&str>,
    ) -> ApiResult<Option<IdempotencyKey>> {
        let member = member.map(|text| check(text.as_bytes())).transpose()?;
        if let (Some(header), Some(member)) = (&self.asked.key, &member)
            && header != member
        {
            return Err(invalid("the header `Idempotency-Key` and the member `idempotencyKey` differ"));
        }
        self.asked.key = self.asked.key.take().or(member);
        Ok(self.key(state, kind))
    }

    /// Equal for equal requests: spaces between and the order of the body's outermost members do not count, and neither
    /// does where the key stands.
    fn fingerprint(&self) -> String {
        let mut text = self.asked.path.clone().into_bytes();
        text.push(b'\n');
        match serde_json::from_slice::<BTreeMap<&str, &RawValue>>(&self.text) {
            Ok(members) => {
                for (name, value) in members.iter().filter(|(name, _)| **name != MEMBER) {
                    text.extend_from_slice(name.as_bytes());
                    text.push(b'\n');
                    text.extend_from_slice(value.get().as_bytes());
                    text.push(b'\n');
                }
            }
            // No object, or names with escapes: the text as it came.
            Err(_) => text.extend_from_slice(&self.text),
        }
        digest(&text)
    }
}

fn stored(state: &ApiState, kind: &'static str, key: String, fingerprint: String) -> IdempotencyKey {
    IdempotencyKey { user_id: UserId::local(), kind, key, fingerprint, at: state.sources.now_ms() }
}

fn check(key: &[u8]) -> ApiResult<String> {
    let text = std::str::from_utf8(key).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic()));
    match text {
        Some(text) if (1..=MAX_KEY).contains(&text.len()) => Ok(text.to_owned()),
        _ => Err(invalid(format!("an idempotency key is 1 to {MAX_KEY} visible ASCII characters"))),
    }
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::bad_request("invalid-idempotency-key", message)
}

/// What an earlier request with this key made. Asked before anything else of the request is looked at: it was in order
/// then, whatever has become of the world since.
///
/// # Errors
/// If the key was used for another request, or the store fails.
pub(super) async fn earlier(state: &ApiState, key: Option<&IdempotencyKey>) -> ApiResult<Option<String>> {
    let Some(key) = key else { return Ok(None) };
    match state.store.known_key(key).await? {
        None | Some(Once::Done(())) => Ok(None),
        Some(Once::Known(id)) => Ok(Some(id)),
        Some(Once::Reused) => Err(reused()),
    }
}

/// The key was used for another request.
pub(super) fn reused() -> ApiError {
    let detail = "this idempotency key was used for another request; take a new one for each";
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused", detail)
}

/// Say that the answer belongs to an earlier request.
pub(super) fn replayed(mut response: Response) -> Response {
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

impl FromRequestParts<ApiState> for Asked {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &ApiState) -> ApiResult<Self> {
        Self::of(&parts.headers, parts.uri.path())
    }
}

impl<T: DeserializeOwned> FromRequest<ApiState> for Keyed<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &ApiState) -> ApiResult<Self> {
        let asked = Asked::of(request.headers(), request.uri().path())?;
        let (text, format): (Bytes, Format) = body::json(request, state).await?;
        let body = body::read(&text, format)?;
        Ok(Self { body, asked: AskedWith { asked, text } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(path: &str, text: &'static str) -> String {
        let asked = Asked { key: None, path: path.to_owned() };
        AskedWith { asked, text: Bytes::from_static(text.as_bytes()) }.fingerprint()
    }

    #[test]
    fn equal_requests_have_equal_fingerprints() {
        let one = fingerprint("/", r#"{"a": 12345678901234567890, "b": [1]}"#);
        assert_eq!(one, fingerprint("/", r#"{"b":[1],"idempotencyKey":"k","a":12345678901234567890}"#));
        assert_ne!(one, fingerprint("/", r#"{"a": 12345678901234567891, "b": [1]}"#));
        assert_ne!(one, fingerprint("/x", r#"{"a": 12345678901234567890, "b": [1]}"#));
        assert_ne!(fingerprint("/", "[1]"), fingerprint("/", "[2]"));
    }

    #[test]
    fn keys_are_visible_ascii_of_bounded_length() {
        assert!(check(b"8e03978e-40d5-43dd-bc93-6894a57f9324").is_ok());
        assert!(check("k".repeat(255).as_bytes()).is_ok());
        for bad in ["", " ", "a b", "é", "a\n", &"k".repeat(256), &"k".repeat(1 << 20)] {
            assert!(check(bad.as_bytes()).is_err(), "{:?}", bad.chars().take(9).collect::<String>());
        }
    }
}
