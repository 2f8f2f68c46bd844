//! What Hunter's answers mean.
//!
//! Success is `{"data", "meta"}`, failure `{"errors": [{"id", "code", "details"}]}` with the HTTP status repeated as
//! `code`. The vendor's documentation and its own client contradict each other about 403 and 429; [`failure`] follows
//! whichever the answer itself speaks for.

use blockyard_sdk::http::Response;
use blockyard_sdk::{Failure, codes};
use serde_json::{Map, Value};

/// The person asked Hunter not to process the address.
pub(crate) const CLAIMED_EMAIL: &str = "claimed-email";
/// The vendor has failed to reach the mail server that it asks.
const REMOTE_SERVER_FAILED: u16 = 222;
/// How much of the vendor's words is kept.
const MESSAGE_CHARS: usize = 500;

/// A result as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) data: Value,
    pub(crate) meta: Value,
}

/// The result that an answer holds.
///
/// # Errors
/// What the vendor says is wrong, and `unexpected-response` for what is no result.
pub(crate) fn read(response: &Response) -> Result<Answer, Failure> {
    match response.status() {
        200 => {}
        status @ REMOTE_SERVER_FAILED => {
            let error = VendorError::of(response);
            let message = if error.message.is_empty() { "the mail server could not be asked" } else { &error.message };
            return Err(error.tag(Failure::new(codes::UPSTREAM, message).detail("status", status).retry()));
        }
        status if response.is_success() => {
            return Err(response.unexpected(&format!("the vendor answered with status {status} and no result")));
        }
        _ => return Err(failure(response)),
    }
    let mut body: Map<String, Value> = response.json()?;
    if body.get("errors").is_some_and(|errors| !errors.is_null() && *errors != Value::Array(Vec::new())) {
        return Err(failure(response));
    }
    let Some(data) = body.remove("data") else { return Err(response.unexpected("the answer has no `data`")) };
    Ok(Answer { data, meta: body.remove("meta").unwrap_or_default() })
}

/// What an error answer means.
///
/// | status | code | retry |
/// | --- | --- | --- |
/// | 401 | `unauthorized` | |
/// | 402, 429 without `Retry-After` | `quota-exceeded` | |
/// | 403 that speaks of a rate, 429 with `Retry-After` | `rate-limited` | yes, after `Retry-After` |
/// | any other 403 | `forbidden` | |
/// | 451 | `claimed-email` | |
/// | others | as [`Response::failure`] | 408 and 5xx |
///
/// The details hold the `status` and the vendor's `id`. An error inside of a success counts by the `code` it has.
fn failure(response: &Response) -> Failure {
    let error = VendorError::of(response);
    let status = if response.is_success() { error.status } else { Some(response.status()) };
    let Some(status) = status else { return error.tag(response.unexpected(&error.message)) };
    let asked_to_wait = response.header("retry-after").is_some() || response.header("retry-after-ms").is_some();
    let failure = match status {
        403 if error.is_about_rate() => {
            let failure = Failure::new(codes::RATE_LIMITED, &*error.message);
            response
                .retry_after_ms()
                .map_or_else(|| failure.clone().retry(), |wait| failure.clone().retry_after_ms(wait))
        }
        429 if !asked_to_wait => Failure::new(codes::QUOTA_EXCEEDED, error.message_or(status)),
        451 => Failure::new(CLAIMED_EMAIL, error.message_or(status)),
        _ => Response::new(status, response.headers().to_vec(), Vec::new()).failure(&error.message),
    };
    error.tag(failure.detail("status", response.status()))
}

/// The first of the errors that an answer names.
#[derive(Debug, Default)]
struct VendorError {
    id: Option<String>,
    message: String,
    /// The status that the error itself claims.
    status: Option<u16>,
}

impl VendorError {
    fn of(response: &Response) -> Self {
        let body = response.json_value().unwrap_or_default();
        let errors = body.get("errors").unwrap_or(&Value::Null);
        let first = errors.as_array().map_or(Some(errors), |list| list.first()).unwrap_or(&Value::Null);
        let text = |value: Option<&Value>| value.and_then(Value::as_str).filter(|text| !text.is_empty()).map(clipped);
        let id = text(first.get("id"));
        let message = text(first.get("details")).or_else(|| text(Some(first))).or_else(|| id.clone());
        let status = first.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
        Self {
            id,
            message: message.unwrap_or_else(|| response.excerpt()),
            status: status.filter(|status| (400..600).contains(status)),
        }
    }

    /// Whether a 403 asks to slow down instead of forbidding.
    fn is_about_rate(&self) -> bool {
        let words = ["rate limit", "rate-limit", "rate_limit", "too many", "too_many", "throttl", "slow down"];
        let said = format!("{} {}", self.id.as_deref().unwrap_or_default(), self.message).to_lowercase();
        words.iter().any(|word| said.contains(word))
    }

    fn message_or(&self, status: u16) -> String {
        if self.message.is_empty() { format!("HTTP status {status}") } else { self.message.clone() }
    }

    fn tag(&self, failure: Failure) -> Failure {
        match &self.id {
            Some(id) => failure.detail("id", id.as_str()),
            None => failure,
        }
    }
}

fn clipped(text: &str) -> String {
    match text.char_indices().nth(MESSAGE_CHARS) {
        Some((end, _)) => text.get(..end).map(|start| format!("{start}…")).unwrap_or_default(),
        None => text.to_owned(),
    }
}

/// Whether the vendor refuses to page this far, as it does on the free plan.
pub(crate) fn is_page_refused(failure: &Failure) -> bool {
    failure.details().and_then(|details| details.get("id")).is_some_and(|id| id == "pagination_error")
}
