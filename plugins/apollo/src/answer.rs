//! What Apollo's answers mean.
//!
//! Errors come as JSON of several shapes, as plain text, as JSON with the content type of plain text, and as JSON
//! inside of a JSON string. A message is read from `error`, then `error_message`, then `message`, then the text.

use blockyard_sdk::http::Response;
use blockyard_sdk::{Failure, codes};
use serde_json::{Map, Value};

/// How much of the vendor's words is kept.
const MESSAGE_CHARS: usize = 500;

/// The object that a good answer holds.
///
/// # Errors
/// What the vendor says is wrong, and `unexpected-response` for what is no result.
pub(crate) fn read(response: &Response) -> Result<Map<String, Value>, Failure> {
    if !response.is_success() {
        return Err(failure(response));
    }
    if response.status() != 200 {
        let message = format!("the vendor answered with status {} and no result", response.status());
        return Err(response.unexpected(&message));
    }
    match document(response) {
        Some(Value::Object(body)) if is_error(&body) => Err(error_in_success(response, &body)),
        Some(Value::Object(body)) => Ok(body),
        Some(_) => Err(response.unexpected("the answer is no object")),
        // To say where the text stops being JSON.
        None => Err(response.json::<Value>().err().unwrap_or_else(|| response.unexpected("the answer is no object"))),
    }
}

/// The body as JSON; a string that holds JSON counts as that.
fn document(response: &Response) -> Option<Value> {
    let value = response.json_value()?;
    match value.as_str().and_then(|text| serde_json::from_str(text).ok()) {
        Some(inner) => Some(inner),
        None => Some(value),
    }
}

fn is_error(body: &Map<String, Value>) -> bool {
    let says = |name: &str| body.get(name).is_some_and(|value| !matches!(value, Value::Null | Value::Bool(false)));
    body.get("status").is_some_and(|status| status == "failed") || says("error") || says("error_code")
}

/// What an error status means: as [`Response::failure`], with the vendor's words as the message, and the `status` and
/// the vendor's `code` (its `error_code`) in the details.
fn failure(response: &Response) -> Failure {
    let body = document(response).unwrap_or_default();
    let (message, code) = said(response, &body);
    tag(response.failure(&message), code)
}

/// An error with the status of a success: the vendor's own code says what it is.
fn error_in_success(response: &Response, body: &Map<String, Value>) -> Failure {
    let (message, code) = said(response, &Value::Object(body.clone()));
    let ours = match code.as_deref() {
        Some("INVALID_REQUEST" | "RECORD_LIMIT_EXCEEDED") => codes::INVALID_REQUEST,
        Some("API_INACCESSIBLE") => codes::FORBIDDEN,
        Some("INVALID_ACCESS_TOKEN") => codes::UNAUTHORIZED,
        _ => codes::UPSTREAM,
    };
    tag(Failure::new(ours, message).detail("status", response.status()), code)
}

/// The vendor's message and code.
fn said(response: &Response, body: &Value) -> (String, Option<String>) {
    let text = |value: &Value| value.as_str().map(str::trim).filter(|text| !text.is_empty()).map(clipped);
    let field = |name: &str| body.get(name).and_then(|value| text(value).or_else(|| text(value.get("message")?)));
    let message = field("error").or_else(|| field("error_message")).or_else(|| field("message")).or_else(|| text(body));
    (message.unwrap_or_else(|| response.excerpt()), body.get("error_code").and_then(text))
}

fn tag(failure: Failure, code: Option<String>) -> Failure {
    match code {
        Some(code) => failure.detail("code", code),
        None => failure,
    }
}

fn clipped(text: &str) -> String {
    match text.char_indices().nth(MESSAGE_CHARS) {
        Some((end, _)) => text.get(..end).map(|start| format!("{start}…")).unwrap_or_default(),
        None => text.to_owned(),
    }
}
