//! PostgREST's and the gateway's errors as failures.

use blockyard_sdk::http::{Error, Response};
use blockyard_sdk::{Failure, codes};
use serde_json::Value;

/// The database stopped a statement that took too long.
const STATEMENT_TIMEOUT: &str = "statement-timeout";
/// With `single`: no row, or more than one.
const NOT_ONE_ROW: &str = "not-one-row";
/// More rows than `maxAffected`.
const TOO_MANY_ROWS: &str = "too-many-rows";
/// Longer texts are cut.
const TEXT_CHARS: usize = 1_000;

/// What an answer that is no result means. `code` in the details is PostgREST's or PostgreSQL's.
pub(crate) fn failure(response: &Response, repeatable: bool) -> Failure {
    let status = response.status();
    let body = response.json_value().unwrap_or_default();
    let code = code(&body);
    let kind = match code.as_deref().unwrap_or_default() {
        "23505" | "23503" => codes::CONFLICT,
        "57014" => STATEMENT_TIMEOUT,
        "PGRST116" => NOT_ONE_ROW,
        "PGRST124" => TOO_MANY_ROWS,
        "42501" if status == 401 => codes::UNAUTHORIZED,
        "42501" => codes::FORBIDDEN,
        "42P01" | "42883" | "PGRST125" | "PGRST202" | "PGRST205" => codes::NOT_FOUND,
        "PGRST301" | "PGRST302" | "PGRST303" => codes::UNAUTHORIZED,
        "PGRST003" => codes::UPSTREAM_TIMEOUT,
        _ => match status {
            300 => codes::INVALID_REQUEST,
            401 => codes::UNAUTHORIZED,
            402 => codes::QUOTA_EXCEEDED,
            403 => codes::FORBIDDEN,
            404 | 410 => codes::NOT_FOUND,
            408 | 504 | 524 => codes::UPSTREAM_TIMEOUT,
            409 => codes::CONFLICT,
            413 => codes::TOO_LARGE,
            429 => codes::RATE_LIMITED,
            400..=499 => codes::INVALID_REQUEST,
            500..=599 => codes::UPSTREAM,
            _ => codes::UNEXPECTED_RESPONSE,
        },
    };
    let mut failure = Failure::new(kind, message(response, &body)).detail("status", status);
    for key in ["details", "hint"] {
        if let Some(text) = text(&body, key) {
            failure = failure.detail(key, text);
        }
    }
    // A 504 that is not PostgREST's own comes from a gateway that did not wait: the rows may have been written.
    let unknown = status == 504 && code.is_none() && !repeatable;
    if let Some(code) = code {
        failure = failure.detail("code", code);
    }
    match response.retry_after_ms() {
        _ if unknown => failure.detail("mayHaveBeenDone", true),
        Some(after_ms) if matches!(status, 429 | 503 | 504) => failure.retry_after_ms(after_ms),
        None if matches!(status, 429 | 503 | 504) => failure.retry(),
        _ => failure,
    }
}

/// What it means that a request got no answer. What is not harmless twice is not sent again.
pub(crate) fn lost(error: Error, repeatable: bool) -> Failure {
    let unknown = matches!(error, Error::Transport(_) | Error::Timeout);
    let failure = Failure::from(error);
    if repeatable || !unknown {
        return failure;
    }
    let message = format!("{}; it may have been done, so it is not sent again", failure.message());
    Failure::new(failure.code().to_owned(), message).detail("mayHaveBeenDone", true)
}

/// Whether the rows asked for begin after the last one.
pub(crate) fn is_past_the_end(response: &Response) -> bool {
    response.status() == 416 && response.json_value().and_then(|body| code(&body)).is_none_or(|code| code == "PGRST103")
}

fn code(body: &Value) -> Option<String> {
    match body.get("code")? {
        Value::String(code) if !code.is_empty() => Some(code.clone()),
        Value::Number(code) => Some(code.to_string()),
        _ => None,
    }
}

fn message(response: &Response, body: &Value) -> String {
    let known = ["message", "msg", "error_description", "error"].iter().find_map(|key| text(body, key));
    known.unwrap_or_else(|| match response.excerpt() {
        excerpt if excerpt.is_empty() => format!("HTTP status {}", response.status()),
        excerpt => excerpt,
    })
}

fn text(body: &Value, key: &str) -> Option<String> {
    let text = body.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())?;
    Some(text.chars().take(TEXT_CHARS).collect())
}
