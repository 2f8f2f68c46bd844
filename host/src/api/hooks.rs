//! `POST /hooks/{token}`: others start a workflow, with whatever they send.

use std::borrow::Cow;
use std::collections::BTreeMap;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::Response;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::ApiState;
use super::body::collect;
use super::extract::InPath;
use super::problem::{ApiError, ApiResult};
use super::schedules::request::refused;
use super::workflows::execute::{Options, start};
use crate::domain::Json;
use crate::runtime::digest;
use crate::store::IdempotencyKey;

/// What comes before the token in the path.
const PREFIX: &str = "/hooks/";
/// Headers that say who asks, which is nothing for a workflow to keep.
const WITHHELD: [HeaderName; 3] = [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION];
/// Headers by which a sender names a delivery, the first that is there.
const NAMING: [&str; 2] = ["idempotency-key", "webhook-id"];
/// Longest such name, in characters.
const MAX_NAME: usize = 255;
/// What is made with such a name.
const KIND: &str = "hook";
/// The parameter that is for the server.
const WAIT: &str = "wait";

/// Whether `path` is that of a trigger.
pub(super) fn is_hook(path: &str) -> bool {
    path.starts_with(PREFIX)
}

/// `path` as it may be logged and repeated.
///
/// A token is hidden wherever it stands: clients misspell what comes before it too.
pub(super) fn without_token(path: &str) -> Cow<'_, str> {
    match path.split_once(PREFIX) {
        Some((before, _)) => format!("{before}{PREFIX}…").into(),
        None => path.into(),
    }
}

/// Start the workflow of a trigger with `{body, headers, query}`.
pub(super) async fn handle(
    State(state): State<ApiState>,
    InPath(token): InPath<String>,
    request: Request,
) -> ApiResult<Response> {
    let (headers, query) = (headers(request.headers()), request.uri().query().unwrap_or_default().to_owned());
    let (query, wait) = parameters(&query)?;
    let (is_json, once) = (is_json(request.headers()), once(request.headers())?);
    let bytes = collect(request, state.config.body_bytes).await?;
    let body = document(&bytes, is_json)?;
    let unknown = || ApiError::not_found("unknown-hook", "there is nothing at this path");
    let trigger = state.queue.trigger(&token).await?.ok_or_else(unknown)?;
    tracing::debug!(trigger_id = trigger.id, "triggered");
    let key = once.map(|once| IdempotencyKey {
        user_id: trigger.user_id.clone(),
        kind: KIND,
        // What one sender chose is nothing to another.
        key: format!("{}:{once}", trigger.id),
        fingerprint: fingerprint(&query, is_json, &bytes),
        at: state.sources.now_ms(),
    });
    let prepared = async {
        let input = Json::object([("body", &body), ("headers", &headers.into()), ("query", &query.into())]);
        state.queue.triggered(&trigger, &input).await.map_err(refused)
    };
    start(&state, key, &Options { wait, ..Options::default() }, prepared).await
}

/// Equal for equal deliveries: how long to wait does not count, and neither does the order of differing parameters.
fn fingerprint(query: &Value, is_json: bool, body: &[u8]) -> String {
    digest(format!("{query}\n{is_json}\n{}", digest(body)).as_bytes())
}

/// What the sender calls this delivery, so that one that is sent again starts nothing new.
fn once(headers: &HeaderMap) -> ApiResult<Option<String>> {
    let Some(value) = NAMING.iter().find_map(|name| headers.get(*name)) else { return Ok(None) };
    let text = value.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic()));
    match text {
        Some(text) if (1..=MAX_NAME).contains(&text.len()) => Ok(Some(text.to_owned())),
        _ => {
            let detail = format!("`Idempotency-Key` and `webhook-id` are 1 to {MAX_NAME} visible ASCII characters");
            Err(ApiError::bad_request("invalid-idempotency-key", detail))
        }
    }
}

/// By name, in lower case. What is no UTF-8 is replaced.
fn headers(given: &HeaderMap) -> Value {
    let mut members = Map::new();
    for name in given.keys().filter(|name| !WITHHELD.contains(name)) {
        let values: Vec<_> =
            given.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        members.insert(name.as_str().to_owned(), values.join(", ").into());
    }
    Value::Object(members)
}

/// The parameters, those that are repeated as lists, and how long to wait.
fn parameters(query: &str) -> ApiResult<(Value, Option<f64>)> {
    let mut found = BTreeMap::<_, Vec<Value>>::new();
    let mut wait = None;
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        if key == WAIT {
            let number = value.parse().ok().filter(|_| wait.is_none());
            let odd = || ApiError::bad_request("invalid-query", "`wait` must be one number of seconds");
            wait = Some(number.ok_or_else(odd)?);
        } else {
            found.entry(key.into_owned()).or_default().push(value.into_owned().into());
        }
    }
    let members = found.into_iter().map(|(key, mut values)| match values.len() {
        1 => (key, values.remove(0)),
        _ => (key, Value::Array(values)),
    });
    Ok((members.collect::<Map<_, _>>().into(), wait))
}

/// Whether the body says that it is JSON: `application/json`, or a type that is written in it.
fn is_json(headers: &HeaderMap) -> bool {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.contains('/') && essence.ends_with("+json"))
}

/// The body as a document: JSON as it is, other text as text, all else in base64, and nothing as `null`.
fn document(bytes: &[u8], is_json: bool) -> ApiResult<Json> {
    if bytes.is_empty() {
        return Ok(Json::null());
    }
    let invalid = |error: &dyn std::fmt::Display| {
        ApiError::bad_request("invalid-json", format!("the body is not valid JSON: {error}"))
    };
    match std::str::from_utf8(bytes) {
        Ok(text) if is_json => Json::parse(text.trim().to_owned()).map_err(|error| invalid(&error)),
        Ok(text) => Ok(Value::from(text).into()),
        Err(error) if is_json => Err(invalid(&error)),
        Err(_) => Ok(json!({"base64": BASE64_STANDARD.encode(bytes)}).into()),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn headers_are_text_and_credentials_stay_out() {
        let mut given = HeaderMap::new();
        for (name, value) in [
            ("x-one", "1"),
            ("X-Many", "a"),
            ("x-many", "b"),
            ("authorization", "Bearer s"),
            ("Cookie", "s"),
            ("proxy-authorization", "s"),
        ] {
            given.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_static(value));
        }
        given.append("x-odd", HeaderValue::from_bytes(b"caf\xe9").unwrap());
        assert_eq!(headers(&given), json!({"x-one": "1", "x-many": "a, b", "x-odd": "caf\u{fffd}"}));
    }

    #[test]
    fn parameters_are_text_or_lists_of_it() {
        let (query, wait) = parameters("a=1&b=x%20y&a=2&c&=e&wait=2.5&%F0%9F=z").unwrap();
        assert_eq!(query, json!({"": "e", "a": ["1", "2"], "b": "x y", "c": "", "\u{fffd}": "z"}));
        assert_eq!(wait, Some(2.5));
        assert_eq!(parameters("").unwrap(), (json!({}), None));
        for odd in ["wait=x", "wait=", "wait=1&wait=2"] {
            assert!(parameters(odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn bodies_are_json_text_or_base64() {
        let of = |bytes: &[u8], is_json| document(bytes, is_json).map(|json| json.as_str().to_owned()).ok();
        assert_eq!(of(b" [1.0, 12345678901234567890123]\n", true).as_deref(), Some("[1.0, 12345678901234567890123]"));
        assert_eq!(of(b"[1]", false).as_deref(), Some("\"[1]\""));
        assert_eq!(of("é\u{0}".as_bytes(), false).as_deref(), Some("\"é\\u0000\""));
        assert_eq!(of(b"\xff\x00", false).as_deref(), Some(r#"{"base64":"/wA="}"#));
        assert_eq!((of(b"", true).as_deref(), of(b"", false).as_deref()), (Some("null"), Some("null")));
        for odd in [&b"{"[..], b"\xff", b" ", b"{} {}", "[".repeat(200).as_bytes(), "[".repeat(1_000_000).as_bytes()] {
            assert_eq!(of(odd, true), None);
        }
        let kind = |value: &'static str| {
            is_json(&HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(value))]))
        };
        assert!(kind("application/JSON; charset=utf-8") && kind("application/cloudevents+json"));
        assert!(!kind("text/json-ish") && !kind("+json") && !kind("application/x-www-form-urlencoded"));
    }

    #[test]
    fn tokens_are_not_repeated() {
        assert_eq!(without_token("/hooks/abc"), "/hooks/…");
        assert_eq!(without_token("/hooks"), "/hooks");
        assert_eq!(without_token("//hooks/abc"), "//hooks/…");
        assert_eq!(without_token("/api/hooks/abc/hooks/def"), "/api/hooks/…");
        assert_eq!(without_token("/webhooks/abc"), "/webhooks/abc");
        assert!(is_hook("/hooks/abc") && !is_hook("//hooks/abc") && !is_hook("/api/hooks/abc"));
    }
}
