//! Why a request has no answer, whichever interface it came by.

use std::fmt;

use super::client::SendError;
use crate::capabilities::bindings::blockyard::block::http::HttpError;
use crate::capabilities::bindings::blockyard::block::secrets::SecretError;
use crate::capabilities::secrets::Scrubber;

/// The reason. Its text holds no secret once it is scrubbed.
#[derive(Debug, PartialEq)]
pub(super) enum Failure {
    /// It is none that the host can send.
    Invalid(Part, String),
    /// A grant does not cover it, or not the secret that was to go along.
    Denied(String),
    /// It was refused or got lost on the way.
    Send(SendError),
    /// The mode is not production, and nothing that was recorded answers it.
    NotRecorded(String),
    /// Anything else.
    Other(String),
}

/// What of a request is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Url,
    Method,
    Header,
    /// All headers together; the most bytes of them.
    HeaderSize(u32),
    /// The most bytes of it.
    BodySize(u64),
    Credential,
}

impl Failure {
    /// Take out what a call took in.
    pub(super) fn scrubbed(mut self, scrubber: Option<&Scrubber>) -> Self {
        let text = match &mut self {
            Self::Invalid(_, text) | Self::Denied(text) | Self::NotRecorded(text) | Self::Other(text) => text,
            Self::Send(SendError::Denied(text) | SendError::Limited(text) | SendError::Transport(_, text)) => text,
            Self::Send(SendError::ConnectTimeout | SendError::Timeout | SendError::TooLarge(_)) => return self,
        };
        if let Some(scrubber) = scrubber {
            scrubber.text(text);
        }
        self
    }

    /// Why it was denied, if that is what happened.
    pub(super) fn denial(&self) -> Option<&str> {
        match self {
            Self::Denied(reason) | Self::Send(SendError::Denied(reason)) => Some(reason),
            _ => None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(_, text) | Self::Denied(text) | Self::NotRecorded(text) | Self::Other(text) => {
                f.write_str(text)
            }
            Self::Send(SendError::Denied(text) | SendError::Limited(text) | SendError::Transport(_, text)) => {
                f.write_str(text)
            }
            Self::Send(SendError::ConnectTimeout) => f.write_str("no connection in time"),
            Self::Send(SendError::Timeout) => f.write_str("no complete answer in time"),
            Self::Send(SendError::TooLarge(limit)) => write!(f, "the answer is larger than {limit} bytes"),
        }
    }
}

impl From<SendError> for Failure {
    fn from(error: SendError) -> Self {
        Self::Send(error)
    }
}

impl From<SecretError> for Failure {
    fn from(error: SecretError) -> Self {
        match error {
            SecretError::NotGranted(message) | SecretError::NotSet(message) => Self::Denied(message),
            SecretError::Other(message) => Self::Other(message),
        }
    }
}

impl From<Failure> for HttpError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Invalid(_, message) => Self::InvalidRequest(message),
            Failure::Denied(message) | Failure::Send(SendError::Denied(message)) => Self::Denied(message),
            Failure::Send(SendError::Limited(message)) => Self::Limited(message),
            Failure::Send(SendError::Transport(_, message)) => Self::Transport(message),
            Failure::Send(SendError::ConnectTimeout | SendError::Timeout) => Self::Timeout,
            Failure::Send(SendError::TooLarge(limit)) => Self::TooLarge(limit),
            Failure::NotRecorded(message) => Self::NotRecorded(message),
            Failure::Other(message) => Self::Other(message),
        }
    }
}
