//! What all answers have in common: errors, and what was used.

use blockyard_sdk::http::Response;
use blockyard_sdk::{Failure, codes};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How many complaints of a validation are quoted.
const MAX_COMPLAINTS: usize = 5;

/// Tokens that were paid for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Usage {
    #[serde(default)]
    prompt_tokens: u64,
    #[serde(default)]
    total_tokens: u64,
}

impl Usage {
    pub(crate) fn add(&mut self, other: Self) {
        self.prompt_tokens = self.prompt_tokens.saturating_add(other.prompt_tokens);
        self.total_tokens = self.total_tokens.saturating_add(other.total_tokens);
    }
}

/// Reads a successful answer.
///
/// # Errors
/// The vendor's error, also one inside of a 200, or `unexpected-response`.
pub(crate) fn read<T: DeserializeOwned>(response: &Response) -> Result<T, Failure> {
    if !response.is_success() {
        return Err(failure(response));
    }
    response.json().map_err(|unreadable| match response.json_value() {
        Some(body) if body.get("data").is_none() => match said(&body) {
            Some(message) => described(Failure::new(codes::UPSTREAM, message), response, &body),
            None => unreadable,
        },
        _ => unreadable,
    })
}

/// The failure behind a status.
fn failure(response: &Response) -> Failure {
    let Some(body) = response.json_value() else { return response.failure(&response.excerpt()) };
    let message = said(&body).unwrap_or_else(|| response.excerpt());
    let failure = described(response.failure(&message), response, &body);
    let seconds = body.pointer("/details/retry_after").and_then(Value::as_f64).filter(|seconds| *seconds >= 0.0);
    match (failure.retry_hint(), seconds) {
        // A float becomes the nearest integer in range.
        (Some(hint), Some(seconds)) if hint.after_ms.is_none() => {
            failure.retry_after_ms((seconds * 1000.0).ceil() as u64)
        }
        _ => failure,
    }
}

/// The vendor's words: `message`, then `error.message`, then `detail`, which is a text or FastAPI's list.
fn said(body: &Value) -> Option<String> {
    let text =
        |value: Option<&Value>| value.and_then(Value::as_str).filter(|text| !text.trim().is_empty()).map(str::to_owned);
    text(body.get("message"))
        .or_else(|| text(body.pointer("/error/message")))
        .or_else(|| text(body.get("error")))
        .or_else(|| text(body.get("detail")))
        .or_else(|| complaints(body.get("detail")?.as_array()?))
}

/// `body.input: Field required; ..`
fn complaints(list: &[Value]) -> Option<String> {
    let complaint = |entry: &Value| {
        let message = entry.get("msg")?.as_str()?;
        let steps = entry.get("loc").and_then(Value::as_array).into_iter().flatten();
        let place: Vec<String> =
            steps.map(|step| step.as_str().map_or_else(|| step.to_string(), str::to_owned)).collect();
        Some(if place.is_empty() { message.to_owned() } else { format!("{}: {message}", place.join(".")) })
    };
    let told: Vec<String> = list.iter().filter_map(complaint).take(MAX_COMPLAINTS).collect();
    (!told.is_empty()).then(|| told.join("; "))
}

fn described(failure: Failure, response: &Response, body: &Value) -> Failure {
    let mut failure = failure.detail("status", response.status());
    let first = |pointers: [&str; 2]| {
        pointers.iter().find_map(|pointer| body.pointer(pointer).filter(|value| value.is_string() || value.is_number()))
    };
    if let Some(kind) = first(["/type", "/error/type"]) {
        failure = failure.detail("type", kind.clone());
    }
    if let Some(code) = first(["/error/code", "/code"]) {
        failure = failure.detail("vendorCode", code.clone());
    }
    failure
}
