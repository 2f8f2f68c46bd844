//! The codes of `wasi:http`.

use wasmtime_wasi_http::Error;

use super::super::client::{Cause, SendError};
use super::super::failure::{Failure, Part};

/// The code that says most of a failure. Those that no code fits keep their text.
pub(super) fn code(failure: Failure) -> Error {
    match failure {
        Failure::Invalid(Part::Url, _) => Error::HttpRequestUriInvalid,
        Failure::Invalid(Part::Method, _) => Error::HttpRequestMethodInvalid,
        Failure::Invalid(Part::HeaderSize(limit), _) => Error::HttpRequestHeaderSectionSize(Some(limit)),
        Failure::Invalid(Part::BodySize(limit), _) => Error::HttpRequestBodySize(Some(limit)),
        Failure::Denied(_) => Error::HttpRequestDenied,
        Failure::Send(error) => sending(error),
        Failure::Invalid(Part::Header | Part::Credential, message)
        | Failure::NotRecorded(message)
        | Failure::Other(message) => Error::InternalError(Some(message)),
    }
}

fn sending(error: SendError) -> Error {
    match error {
        SendError::Denied(_) => Error::DestinationIpProhibited,
        SendError::Limited(_) => Error::ConnectionLimitReached,
        SendError::ConnectTimeout => Error::ConnectionTimeout,
        SendError::Timeout => Error::HttpResponseTimeout,
        SendError::TooLarge(limit) => Error::HttpResponseBodySize(Some(limit)),
        SendError::Transport(Cause::Resolve, message) => Error::DnsError { rcode: Some(message), info_code: None },
        SendError::Transport(Cause::Connect, _) => Error::ConnectionRefused,
        SendError::Transport(Cause::Certificate, _) => Error::TlsCertificateError,
        SendError::Transport(Cause::Tls, _) => Error::TlsProtocolError,
        SendError::Transport(Cause::Encoding, _) => Error::HttpResponseContentCoding(None),
        SendError::Transport(Cause::Other, _) => Error::HttpProtocolError,
    }
}
