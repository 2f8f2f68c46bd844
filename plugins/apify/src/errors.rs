//! The vendor's errors as failures.

use blockyard_sdk::http::{Error, Response};
use blockyard_sdk::{Failure, codes};
use serde_json::Value;

/// A run that failed.
pub(crate) const RUN_FAILED: &str = "run-failed";
/// A run that took longer than it may.
pub(crate) const RUN_TIMEOUT: &str = "run-timeout";
/// A run that somebody stopped.
pub(crate) const RUN_ABORTED: &str = "run-aborted";
/// A run that is still going when the block gives up waiting.
pub(crate) const WAIT_EXCEEDED: &str = "wait-exceeded";
/// The account's running Actors use up its memory.
const MEMORY_LIMIT: &str = "actor-memory-limit";
/// Longer messages are cut.
const MESSAGE_CHARS: usize = 1_000;

/// Which request was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Reads: may be sent again.
    Read,
    /// Starts a run: a 408 does not say whether it did.
    Start,
    /// Starts a run and waits for it.
    Sync,
}

/// What an answer that is no result means. The vendor has some 400 types, so the status decides and only the few
/// types that a workflow would branch on have codes of their own.
pub(crate) fn failure(response: &Response, asked: Asked) -> Failure {
    let (kind, message) = described(response);
    let kind = kind.as_deref().unwrap_or_default();
    let failure = match (response.status(), kind) {
        (_, "run-timeout-exceeded") | (408, _) if asked == Asked::Sync => {
            let message = format!("{message} The run itself goes on; for long runs use the operation `run`.");
            Failure::new(RUN_TIMEOUT, message)
        }
        (408, _) if asked == Asked::Start => Failure::new(codes::UPSTREAM_TIMEOUT, message),
        (_, "run-failed") => Failure::new(RUN_FAILED, message),
        (_, "actor-memory-limit-exceeded") => Failure::new(MEMORY_LIMIT, message),
        (400..=499, "not-enough-usage-to-run-paid-actor" | "actor-is-not-rented" | "x402-payment-required") => {
            Failure::new(codes::QUOTA_EXCEEDED, message)
        }
        _ => response.failure(&message),
    };
    let failure = failure.detail("status", response.status());
    if kind.is_empty() { failure } else { failure.detail("type", kind) }
}

/// The answer itself, if it is a success.
pub(crate) fn success(response: Response, asked: Asked) -> Result<Response, Failure> {
    if response.is_success() { Ok(response) } else { Err(failure(&response, asked)) }
}

/// A success that cannot be read, which may be an error in disguise.
pub(crate) fn unreadable(response: &Response, asked: Asked, error: Failure) -> Failure {
    if described(response).0.is_some() { failure(response, asked) } else { error }
}

/// What it means that the request which starts a run got no answer: it may be running, so it is not sent again.
pub(crate) fn lost_start(error: Error) -> Failure {
    let unknown = matches!(error, Error::Transport(_) | Error::Timeout);
    let failure = Failure::from(error);
    if !unknown {
        return failure;
    }
    let message = format!("{}; the run may have been started, so it is not started again", failure.message());
    Failure::new(failure.code().to_owned(), message).detail("mayHaveStarted", true)
}

/// The beginning of a message.
pub(crate) fn cut(message: &str) -> String {
    message.chars().take(MESSAGE_CHARS).collect()
}

/// The vendor's type, if there is one, and its message or what stands for it.
fn described(response: &Response) -> (Option<String>, String) {
    let body = response.json_value().unwrap_or_default();
    let error = body.get("error").unwrap_or(&Value::Null);
    let text =
        |key: &str| error.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(ToOwned::to_owned);
    let message = text("message").unwrap_or_else(|| {
        let excerpt = response.excerpt();
        if excerpt.is_empty() { format!("HTTP status {}", response.status()) } else { excerpt }
    });
    (text("type"), cut(&message))
}
