//! The vendor's errors: as the answer's status, or inside of a 200.
//!
//! `{"error": {code, message, metadata: {error_type, provider_code, ...}}}`, or the newer `{http_status, error_type,
//! availability: {code, retryable, retry_after, ...}}`. Whatever is missing or of another type is passed over.

use blockyard_sdk::Failure;
use blockyard_sdk::codes::{TOO_LARGE, UNEXPECTED_RESPONSE};
use blockyard_sdk::http::Response;
use serde_json::Value;

use crate::codes;

/// The longest message that is passed on.
const MESSAGE_CHARS: usize = 600;
/// What an error inside of a 200 counts as if it names no status: the provider failed.
const BAD_GATEWAY: u16 = 502;

/// What an error status means.
pub(crate) fn of_response(response: &Response) -> Failure {
    let body = response.json_value().unwrap_or_default();
    match body.get("error") {
        Some(error) if !error.is_null() => told(error, response.status(), response),
        _ => {
            let message = body.get("message").and_then(Value::as_str).map(short);
            response.failure(&message.unwrap_or_else(|| response.excerpt()))
        }
    }
}

/// What an error inside of a 200 means; null says only that there was one.
pub(crate) fn within(error: &Value, response: &Response) -> Failure {
    let number = |value: &Value| value.as_u64().or_else(|| value.as_str()?.parse().ok());
    let named = ["http_status", "code"].into_iter().filter_map(|name| number(error.get(name)?));
    let status = named.filter(|status| (400..600).contains(status)).find_map(|status| u16::try_from(status).ok());
    let status = status.or_else(|| status_of_type(error_type(error)?)).unwrap_or(BAD_GATEWAY);
    told(error, status, response)
}

fn told(error: &Value, status: u16, response: &Response) -> Failure {
    let message = error.as_str().or_else(|| error.get("message")?.as_str()).map(str::trim).unwrap_or_default();
    let message = match message {
        "" if response.is_success() => "the answer ended with an error".to_owned(),
        "" => format!("HTTP status {status}"),
        message => short(message),
    };
    let like = Response::new(status, response.headers().to_vec(), "");
    let usual = like.failure(&message);
    let availability = error.get("availability").unwrap_or(&Value::Null);
    let code = special_code(error, status).map_or_else(|| usual.code().to_owned(), str::to_owned);
    let retryable = match availability.get("retryable").and_then(Value::as_bool) {
        Some(retryable) => retryable,
        None => usual.is_retryable() && code == usual.code(),
    };
    let failure = with_details(Failure::new(code, message).detail("status", status), error);
    if !retryable {
        return failure;
    }
    match response.retry_after_ms().or_else(|| seconds(availability.get("retry_after")?)) {
        Some(after_ms) => failure.retry_after_ms(after_ms),
        None => failure.retry(),
    }
}

/// A code that tells more than the status.
fn special_code(error: &Value, status: u16) -> Option<&'static str> {
    match error_type(error) {
        Some("content_policy_violation") => return Some(codes::MODERATED),
        Some("refusal") => return Some(codes::REFUSED),
        Some("context_length_exceeded" | "max_tokens_exceeded" | "token_limit_exceeded" | "string_too_long") => {
            return Some(TOO_LARGE);
        }
        _ => {}
    }
    let blocked = ["reasons", "patterns"].iter().any(|name| metadata(error, name).is_some_and(Value::is_array));
    match status {
        403 if blocked => Some(codes::MODERATED),
        300..=399 => Some(UNEXPECTED_RESPONSE),
        _ => None,
    }
}

/// What a machine may want to know. Neither the flagged text nor the provider's raw answer, which quote the input.
fn with_details(mut failure: Failure, error: &Value) -> Failure {
    if let Some(error_type) = error_type(error) {
        failure = failure.detail("errorType", short(error_type));
    }
    if let Some(vendor) = error.get("code").and_then(Value::as_str) {
        failure = failure.detail("vendorCode", short(vendor));
    }
    for (name, detail) in [("provider_name", "provider"), ("provider_code", "providerCode"), ("model_slug", "model")] {
        match metadata(error, name) {
            Some(Value::String(text)) => failure = failure.detail(detail, short(text)),
            Some(Value::Number(number)) => failure = failure.detail(detail, number.clone()),
            _ => {}
        }
    }
    if let Some(reasons) = metadata(error, "reasons").and_then(Value::as_array) {
        let reasons: Vec<Value> =
            reasons.iter().filter_map(Value::as_str).take(20).map(|one| short(one).into()).collect();
        failure = failure.detail("reasons", reasons);
    }
    if let Some(availability) = error.pointer("/availability/code").and_then(Value::as_str) {
        failure = failure.detail("availability", short(availability));
    }
    failure
}

fn error_type(error: &Value) -> Option<&str> {
    error.get("error_type").or_else(|| metadata(error, "error_type"))?.as_str()
}

fn metadata<'a>(error: &'a Value, name: &str) -> Option<&'a Value> {
    error.get("metadata")?.get(name)
}

/// For errors that name their type and no status.
fn status_of_type(error_type: &str) -> Option<u16> {
    Some(match error_type {
        "authentication" => 401,
        "payment_required" => 402,
        "permission_denied" => 403,
        "not_found" => 404,
        "payload_too_large" => 413,
        "unprocessable" => 422,
        "rate_limit_exceeded" => 429,
        "server" => 500,
        "provider_unavailable" => 502,
        "timeout" => 504,
        "provider_overloaded" => 529,
        "unmapped" => return None,
        _ => 400,
    })
}

/// Seconds as a number or as text, in milliseconds.
fn seconds(value: &Value) -> Option<u64> {
    let seconds = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())?;
    // A float becomes the nearest integer within range, and a negative one 0.
    seconds.is_finite().then_some((seconds * 1000.0).ceil() as u64)
}

fn short(text: &str) -> String {
    text.chars().take(MESSAGE_CHARS).collect()
}
