//! An answer.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::retry_after;
use crate::{Failure, codes};

/// How much of an unreadable body goes into an error.
const EXCERPT_CHARS: usize = 200;

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Response {
    /// Made by hand, for tests.
    pub fn new(status: u16, headers: Vec<(String, String)>, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers, body: body.into() }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Whether the status is one of 200 to 299. Some vendors answer 202 or 222 without a result.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// All headers.
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body as text; what is no UTF-8 is replaced.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// [`codes::UNEXPECTED_RESPONSE`], with the beginning of the body in the details.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        let mut deserializer = serde_json::Deserializer::from_slice(&self.body);
        let read = serde_path_to_error::deserialize(&mut deserializer);
        read.map_err(|error| {
            let path = error.path().to_string();
            let place = if path == "." { String::new() } else { format!(" at `{path}`") };
            self.unexpected(&format!("the answer cannot be read{place}: {}", error.inner()))
        })
    }

    /// The body as JSON of any shape, `None` if it is none.
    pub fn json_value(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// How long the server asks to wait, in milliseconds: the header `retry-after-ms`, else `Retry-After` in seconds
    /// or as a date (RFC 9110, section 10.2.3).
    pub fn retry_after_ms(&self) -> Option<u64> {
        let exact = self.header("retry-after-ms").and_then(|value| retry_after::number(value, 1.0));
        exact.or_else(|| self.header("retry-after").and_then(retry_after::milliseconds))
    }

    /// The answer itself if the status is one of 200 to 299.
    ///
    /// # Errors
    /// Otherwise [`failure`](Self::failure) with the beginning of the body.
    pub fn ok(self) -> Result<Self, Failure> {
        if self.is_success() { Ok(self) } else { Err(self.failure(&self.excerpt())) }
    }

    /// What an error status usually means, with the server's own words as `message`, the status in the details, and a
    /// retry hint where another attempt may help.
    ///
    /// | status | code | retry |
    /// | --- | --- | --- |
    /// | 401 | `unauthorized` | |
    /// | 402 | `quota-exceeded` | |
    /// | 403 | `forbidden` | |
    /// | 404, 410 | `not-found` | |
    /// | 408, 504, 524 | `upstream-timeout` | yes |
    /// | 409 | `conflict` | |
    /// | 413 | `too-large` | |
    /// | 429 | `rate-limited` | yes, after `Retry-After` |
    /// | other 4xx | `invalid-request` | |
    /// | 5xx | `upstream` | yes, after `Retry-After` |
    /// | anything else | `unexpected-response` | |
    pub fn failure(&self, message: &str) -> Failure {
        let (code, retry) = match self.status {
            401 => (codes::UNAUTHORIZED, false),
            402 => (codes::QUOTA_EXCEEDED, false),
            403 => (codes::FORBIDDEN, false),
            404 | 410 => (codes::NOT_FOUND, false),
            408 | 504 | 524 => (codes::UPSTREAM_TIMEOUT, true),
            409 => (codes::CONFLICT, false),
            413 => (codes::TOO_LARGE, false),
            429 => (codes::RATE_LIMITED, true),
            400..=499 => (codes::INVALID_REQUEST, false),
            500..=599 => (codes::UPSTREAM, true),
            _ => (codes::UNEXPECTED_RESPONSE, false),
        };
        let message = if message.is_empty() { format!("HTTP status {}", self.status) } else { message.to_owned() };
        let failure = Failure::new(code, message).detail("status", self.status);
        match (retry, self.retry_after_ms()) {
            (true, Some(after_ms)) => failure.retry_after_ms(after_ms),
            (true, None) => failure.retry(),
            (false, _) => failure,
        }
    }

    /// [`codes::UNEXPECTED_RESPONSE`]: the answer is not what the vendor documents.
    pub fn unexpected(&self, message: &str) -> Failure {
        Failure::new(codes::UNEXPECTED_RESPONSE, message).detail("status", self.status).detail("body", self.excerpt())
    }

    /// The beginning of the body, as text on one line.
    pub fn excerpt(&self) -> String {
        let text = self.text();
        let mut line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if let Some((end, _)) = line.char_indices().nth(EXCERPT_CHARS) {
            line.truncate(end);
            line.push('…');
        }
        line
    }
}

#[cfg(target_arch = "wasm32")]
impl From<crate::bindings::blockyard::block::http::Response> for Response {
    fn from(response: crate::bindings::blockyard::block::http::Response) -> Self {
        let headers = response.headers.into_iter().map(|header| (header.name, header.value));
        Self { status: response.status, headers: headers.collect(), body: response.body }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Response::new(status, headers, body)
    }

    #[test]
    fn statuses_become_codes_with_retry_hints() {
        let failure = response(429, &[("Retry-After", "7")], "").failure("slow down");
        assert_eq!((failure.code(), failure.retry_hint().unwrap().after_ms), ("rate-limited", Some(7000)));
        let failure = response(503, &[], "").ok().unwrap_err();
        assert_eq!((failure.code(), failure.message()), ("upstream", "HTTP status 503"));
        assert_eq!(failure.retry_hint().unwrap().after_ms, None);
        let failure = response(401, &[("Retry-After", "7")], "no\n key").ok().unwrap_err();
        assert_eq!((failure.code(), failure.message(), failure.is_retryable()), ("unauthorized", "no key", false));
        assert_eq!(response(302, &[], "").ok().unwrap_err().code(), "unexpected-response");
        assert!(response(222, &[], "").ok().is_ok());
    }

    #[test]
    fn milliseconds_go_before_seconds() {
        let answer = response(429, &[("retry-after", "7"), ("Retry-After-Ms", "250")], "");
        assert_eq!(answer.retry_after_ms(), Some(250));
        assert_eq!(response(429, &[("retry-after", "soon")], "").retry_after_ms(), None);
    }

    #[test]
    fn an_unreadable_body_says_where_and_what() {
        let failure = response(200, &[], r#"{"a": ["x"]}"#).json::<std::collections::HashMap<String, Vec<u8>>>();
        let failure = failure.unwrap_err();
        assert_eq!(failure.code(), "unexpected-response");
        assert!(failure.message().contains("`a[0]`"), "{}", failure.message());
        assert_eq!(failure.details().unwrap()["body"], r#"{"a": ["x"]}"#);
        let long = "é".repeat(1000);
        assert_eq!(response(200, &[], &long).excerpt().chars().count(), 201);
    }
}
