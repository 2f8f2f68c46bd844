//! What a block answers when it cannot do its work.

use std::borrow::Cow;
use std::fmt;

use serde_json::{Map, Value};

/// Failure codes that mean the same in every block.
pub mod codes {
    /// The node's configuration cannot be used; a person has to change it.
    pub const INVALID_CONFIG: &str = "invalid-config";
    /// The data that came over the edges has the wrong shape.
    pub const INVALID_INPUT: &str = "invalid-input";
    /// An expression is well-formed and its evaluation failed.
    pub const EXPRESSION_ERROR: &str = "expression-error";
    /// The block itself is at fault: a result that cannot be written, a state it cannot read back.
    pub const INTERNAL: &str = "internal";
    /// The vendor does not accept the credential.
    pub const UNAUTHORIZED: &str = "unauthorized";
    /// The credential is good and does not allow this.
    pub const FORBIDDEN: &str = "forbidden";
    /// The account has no credit or quota left.
    pub const QUOTA_EXCEEDED: &str = "quota-exceeded";
    /// The vendor asks to slow down.
    pub const RATE_LIMITED: &str = "rate-limited";
    /// What was asked for is not there.
    pub const NOT_FOUND: &str = "not-found";
    /// It collides with what is there.
    pub const CONFLICT: &str = "conflict";
    /// The vendor, or the host, rejects the request as it stands.
    pub const INVALID_REQUEST: &str = "invalid-request";
    /// The request or the answer is larger than allowed.
    pub const TOO_LARGE: &str = "too-large";
    /// The vendor has a fault.
    pub const UPSTREAM: &str = "upstream";
    /// The vendor did not answer in time.
    pub const UPSTREAM_TIMEOUT: &str = "upstream-timeout";
    /// The vendor's answer is not what it documents.
    pub const UNEXPECTED_RESPONSE: &str = "unexpected-response";
    /// Name resolution, connect, TLS or a broken transfer.
    pub const TRANSPORT: &str = "transport";
    /// A grant or the network guard refuses the request.
    pub const DENIED: &str = "denied";
    /// A limit of the host is reached.
    pub const LIMITED: &str = "limited";
    /// No recorded exchange answers the request, in mode `demo` or `test`.
    pub const NOT_RECORDED: &str = "not-recorded";
    /// The operator has not granted the secret to the block.
    pub const SECRET_NOT_GRANTED: &str = "secret-not-granted";
    /// The secret has no value that the execution's user may use.
    pub const SECRET_NOT_SET: &str = "secret-not-set";
}

/// A failed call: a stable code, a sentence for a person, and whether another attempt may help.
///
/// ```
/// use blockyard_sdk::Failure;
///
/// let failure = Failure::new("rate-limited", "the vendor asks to slow down")
///     .retry_after_ms(2_000)
///     .detail("status", 429);
/// assert_eq!(failure.code(), "rate-limited");
/// assert!(failure.is_retryable());
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    code: Cow<'static, str>,
    message: String,
    retry: Option<Retry>,
    details: Option<Box<Map<String, Value>>>,
}

/// "Another attempt may succeed."
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Wait at least this long, in milliseconds.
    pub after_ms: Option<u64>,
}

impl Failure {
    /// A failure that no further attempt would cure.
    ///
    /// `code` is stable, lower-case with dashes; [`codes`] lists the common ones.
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), retry: None, details: None }
    }

    /// [`codes::INVALID_CONFIG`], pointing at the offending value by JSON pointer (empty: the whole config).
    pub fn invalid_config(pointer: impl Into<String>, message: impl fmt::Display) -> Self {
        Self::located(codes::INVALID_CONFIG, "config", pointer.into(), message)
    }

    /// [`codes::INVALID_INPUT`], pointing at the offending value by JSON pointer (empty: the whole input).
    pub fn invalid_input(pointer: impl Into<String>, message: impl fmt::Display) -> Self {
        Self::located(codes::INVALID_INPUT, "input", pointer.into(), message)
    }

    pub(crate) fn located(code: &'static str, what: &str, pointer: String, message: impl fmt::Display) -> Self {
        let message = if pointer.is_empty() {
            format!("the {what} is not valid: {message}")
        } else {
            format!("the {what} is not valid at {pointer}: {message}")
        };
        Self::new(code, message).detail("pointer", pointer)
    }

    /// Says that another attempt may succeed, after the node's own delay.
    #[must_use]
    pub fn retry(mut self) -> Self {
        self.retry = Some(Retry { after_ms: None });
        self
    }

    /// Says that another attempt may succeed, at the earliest after this many milliseconds.
    #[must_use]
    pub fn retry_after_ms(mut self, after_ms: u64) -> Self {
        self.retry = Some(Retry { after_ms: Some(after_ms) });
        self
    }

    /// Adds one machine-readable detail, replacing an earlier one of the same key.
    #[must_use]
    pub fn detail(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.details.get_or_insert_default().insert(key.into(), value.into());
        self
    }

    /// The stable code.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The sentence for a person.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether another attempt may succeed.
    pub fn is_retryable(&self) -> bool {
        self.retry.is_some()
    }

    /// The hint given with [`retry`](Self::retry) or [`retry_after_ms`](Self::retry_after_ms).
    pub fn retry_hint(&self) -> Option<Retry> {
        self.retry
    }

    /// The details, by key.
    pub fn details(&self) -> Option<&Map<String, Value>> {
        self.details.as_deref()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Failure {}

/// JSON that the block itself made and cannot read or write: [`codes::INTERNAL`].
///
/// Config and input never arrive here; the SDK decodes them and points at what is wrong.
impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::new(codes::INTERNAL, format!("JSON: {error}"))
    }
}

impl From<fmt::Error> for Failure {
    fn from(error: fmt::Error) -> Self {
        Self::new(codes::INTERNAL, error.to_string())
    }
}

impl From<std::num::ParseIntError> for Failure {
    fn from(error: std::num::ParseIntError) -> Self {
        Self::new(codes::INVALID_INPUT, error.to_string())
    }
}

impl From<std::num::ParseFloatError> for Failure {
    fn from(error: std::num::ParseFloatError) -> Self {
        Self::new(codes::INVALID_INPUT, error.to_string())
    }
}

impl From<std::str::Utf8Error> for Failure {
    fn from(error: std::str::Utf8Error) -> Self {
        Self::new(codes::INVALID_INPUT, error.to_string())
    }
}

impl From<std::string::FromUtf8Error> for Failure {
    fn from(error: std::string::FromUtf8Error) -> Self {
        Self::new(codes::INVALID_INPUT, error.to_string())
    }
}
