//! What Meta's errors mean. The HTTP status says little, so `error.code` and `error.error_subcode` decide.

use std::borrow::Cow;
use std::collections::HashMap;

use blockyard_sdk::http::Response;
use blockyard_sdk::{Failure, codes};
use serde::Deserialize;
use serde_json::Value;

/// The upload session is over; what was sent after its 90 minutes is dropped.
pub(crate) const SESSION_EXPIRED: &str = "session-expired";
/// The upload session has had its last batch.
pub(crate) const SESSION_FINISHED: &str = "session-finished";
/// The upload session lacks a batch.
pub(crate) const SESSION_BROKEN: &str = "session-broken";
/// Meta flagged the audience and takes no uploads.
pub(crate) const AUDIENCE_FLAGGED: &str = "audience-flagged";
/// Meta could not change the audience.
pub(crate) const UPDATE_FAILED: &str = "update-failed";
/// Meta blocks the action for its policies, for a while.
pub(crate) const BLOCKED: &str = "blocked";

/// The failure behind an answer, `None` if it is none. An error inside of a 200 is one.
pub(crate) fn failure_of(response: &Response) -> Option<Failure> {
    let body = response.json_value();
    match body.as_ref().and_then(|body| body.get("error")).filter(|error| error.is_object()) {
        Some(error) => Some(known(response, error)),
        None if response.is_success() => None,
        None => Some(response.failure(&response.excerpt())),
    }
}

/// What an error that should not be repeated blindly says, without its retry hint.
pub(crate) fn for_good(failure: Failure) -> Failure {
    let plain = Failure::new(failure.code().to_owned(), failure.message());
    let details = failure.details().cloned().unwrap_or_default();
    details.into_iter().fold(plain, |failure, (key, value)| failure.detail(key, value))
}

fn known(response: &Response, error: &Value) -> Failure {
    let code = integer(error.get("code"));
    let subcode = integer(error.get("error_subcode"));
    let message = message(error).unwrap_or_else(|| response.excerpt());
    let failure = match meaning(code, subcode) {
        Some((name, retry)) => {
            let failure = Failure::new(name, message).detail("status", response.status());
            if retry { hinted(failure, response) } else { failure }
        }
        None if response.is_success() => Failure::new(codes::UPSTREAM, message).detail("status", response.status()),
        None => response.failure(&message),
    };
    let transient = error.get("is_transient").and_then(Value::as_bool) == Some(true);
    let failure = if transient && !failure.is_retryable() { hinted(failure, response) } else { failure };
    described(failure, error)
}

/// Code and whether another attempt helps; `None` leaves it to the status.
fn meaning(code: Option<i64>, subcode: Option<i64>) -> Option<(&'static str, bool)> {
    Some(match (code?, subcode) {
        (1, Some(99)) => (codes::TOO_LARGE, true),
        (1 | 2, _) => (codes::UPSTREAM, true),
        (4 | 17 | 32 | 613 | 80_003 | 80_004, _) => (codes::RATE_LIMITED, true),
        (10 | 200..=299, _) => (codes::FORBIDDEN, false),
        (100, Some(33)) => (codes::NOT_FOUND, false),
        (100, Some(1_713_230)) => (AUDIENCE_FLAGGED, false),
        (100, _) => (codes::INVALID_REQUEST, false),
        (102 | 190, _) => (codes::UNAUTHORIZED, false),
        (105, _) => (codes::TOO_LARGE, false),
        (368, _) => (BLOCKED, true),
        (2635, _) => (codes::INVALID_REQUEST, false),
        (2650, Some(1_870_144)) => (codes::TOO_LARGE, false),
        (2650, Some(1_870_145)) => (codes::CONFLICT, true),
        (2650, Some(1_870_147 | 1_870_148)) => (SESSION_BROKEN, false),
        (2650, Some(1_870_158)) => (SESSION_EXPIRED, false),
        (2650, Some(1_870_159)) => (SESSION_FINISHED, false),
        (2650, _) => (UPDATE_FAILED, false),
        _ => return None,
    })
}

fn hinted(failure: Failure, response: &Response) -> Failure {
    match regain_ms(response).or_else(|| response.retry_after_ms()) {
        Some(after_ms) => failure.retry_after_ms(after_ms),
        None => failure.retry(),
    }
}

/// `X-Business-Use-Case-Usage` is `{"<id>": [{"estimated_time_to_regain_access": <minutes>, ..}]}`; the longest wait
/// counts, and 0 says nothing.
fn regain_ms(response: &Response) -> Option<u64> {
    #[derive(Deserialize)]
    struct Usage {
        #[serde(default)]
        estimated_time_to_regain_access: Value,
    }
    let header = response.header("x-business-use-case-usage")?;
    let usages: HashMap<Cow<'_, str>, Vec<Usage>> = serde_json::from_str(header).ok()?;
    let minutes = usages.values().flatten().filter_map(|usage| usage.estimated_time_to_regain_access.as_f64());
    let longest = minutes.fold(0.0_f64, f64::max);
    // A float becomes the nearest integer in range.
    (longest > 0.0).then_some((longest * 60_000.0).ceil() as u64)
}

fn message(error: &Value) -> Option<String> {
    let text = |name: &str| error.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
    let said = match (text("error_user_title"), text("error_user_msg")) {
        (Some(title), Some(words)) => Some(format!("{title}: {words}")),
        (title, words) => title.or(words).map(str::to_owned),
    };
    match (text("message"), said) {
        (Some(message), Some(said)) => Some(format!("{message} ({said})")),
        (Some(message), None) => Some(message.to_owned()),
        (None, said) => said,
    }
}

/// Meta's own codes, for whoever asks Meta about it.
fn described(mut failure: Failure, error: &Value) -> Failure {
    let names = [
        ("code", "metaCode"),
        ("error_subcode", "metaSubcode"),
        ("type", "metaType"),
        ("is_transient", "isTransient"),
        ("fbtrace_id", "fbtraceId"),
    ];
    for (name, ours) in names {
        if let Some(value) = error.get(name).filter(|value| !value.is_object() && !value.is_array()) {
            failure = failure.detail(ours, value.clone());
        }
    }
    failure
}

fn integer(value: Option<&Value>) -> Option<i64> {
    match value? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}
