//! Why there is no answer.

use std::fmt;

use crate::{Failure, codes};

/// Why a request got no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// Not a request the host can send: bad URL, method or header.
    InvalidRequest(String),
    /// Refused by a grant or by the network guard; the text names which.
    Denied(String),
    /// A limit of the host is reached.
    Limited(String),
    /// Name resolution, connect, TLS or a broken transfer.
    Transport(String),
    /// No complete answer in time.
    Timeout,
    /// The answer is larger than the host allows, in bytes.
    TooLarge(u64),
    /// The mode is `test` or `demo` and no recorded exchange matches.
    NotRecorded(String),
    /// Anything else.
    Other(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidRequest(message)
            | Self::Denied(message)
            | Self::Limited(message)
            | Self::Transport(message)
            | Self::NotRecorded(message)
            | Self::Other(message) => f.write_str(message),
            Self::Timeout => f.write_str("no complete answer in time"),
            Self::TooLarge(limit) => write!(f, "the answer is larger than {limit} bytes"),
        }
    }
}

impl std::error::Error for Error {}

/// With the codes [`codes::INVALID_REQUEST`], [`codes::DENIED`], [`codes::LIMITED`], [`codes::TRANSPORT`],
/// [`codes::UPSTREAM_TIMEOUT`], [`codes::TOO_LARGE`] and [`codes::NOT_RECORDED`]; another attempt may help against
/// limits, broken transfers and late answers.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let (code, retry) = match error {
            Error::InvalidRequest(_) => (codes::INVALID_REQUEST, false),
            Error::Denied(_) => (codes::DENIED, false),
            Error::Limited(_) => (codes::LIMITED, true),
            Error::Transport(_) => (codes::TRANSPORT, true),
            Error::Timeout => (codes::UPSTREAM_TIMEOUT, true),
            Error::TooLarge(_) => (codes::TOO_LARGE, false),
            Error::NotRecorded(_) => (codes::NOT_RECORDED, false),
            Error::Other(_) => (codes::INTERNAL, false),
        };
        let failure = Self::new(code, error.to_string());
        if retry { failure.retry() } else { failure }
    }
}

#[cfg(target_arch = "wasm32")]
impl From<crate::bindings::blockyard::block::http::HttpError> for Error {
    fn from(error: crate::bindings::blockyard::block::http::HttpError) -> Self {
        use crate::bindings::blockyard::block::http::HttpError;
        match error {
            HttpError::InvalidRequest(message) => Self::InvalidRequest(message),
            HttpError::Denied(message) => Self::Denied(message),
            HttpError::Limited(message) => Self::Limited(message),
            HttpError::Transport(message) => Self::Transport(message),
            HttpError::Timeout => Self::Timeout,
            HttpError::TooLarge(limit) => Self::TooLarge(limit),
            HttpError::NotRecorded(message) => Self::NotRecorded(message),
            HttpError::Other(message) => Self::Other(message),
        }
    }
}
