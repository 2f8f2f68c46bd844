//! Exchanges as they are recorded, and answers made of them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use blockyard_replay::{Exchange, RecordedRequest, RecordedResponse};
use hyper::header::HeaderMap;

use super::client::Answer;
use super::view::Received;
use crate::capabilities::secrets::Scrubber;

/// What one call sent and got, kept if somebody asked for it. Cloning is cheap: clones keep the same exchanges.
#[derive(Clone, Debug, Default)]
pub struct Recorder(Arc<Mutex<Recorded>>);

#[derive(Debug, Default)]
struct Recorded {
    exchanges: Vec<Exchange>,
    bytes: usize,
    /// Exchanges that had no room.
    dropped: u64,
}

impl Recorder {
    /// The exchanges, and how many there were besides.
    pub fn take(&mut self) -> (Vec<Exchange>, u64) {
        let mut recorded = self.recorded();
        (std::mem::take(&mut recorded.exchanges), std::mem::take(&mut recorded.dropped))
    }

    pub(super) fn keep(&self, exchange: Exchange, bytes: usize, limit: usize) {
        let mut recorded = self.recorded();
        if recorded.bytes.saturating_add(bytes) > limit {
            recorded.dropped += 1;
            return;
        }
        recorded.bytes += bytes;
        recorded.exchanges.push(exchange);
    }

    fn recorded(&self) -> MutexGuard<'_, Recorded> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The answer that an exchange holds.
pub(super) fn from_record(recorded: &RecordedResponse) -> Result<Answer, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in &recorded.headers {
        let name = hyper::header::HeaderName::from_bytes(name.as_bytes());
        let value = hyper::header::HeaderValue::from_str(value);
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    Ok(Answer { status: recorded.status, headers, body: recorded.bytes()?, held: None })
}

/// The exchange as it may be shown, and about how many bytes it is.
pub(super) fn exchange(
    method: &str,
    mut url: String,
    mut body: Option<Vec<u8>>,
    response: &Received,
    scrubber: Option<&Scrubber>,
) -> (Exchange, usize) {
    if let Some(scrubber) = scrubber {
        // A block that was granted a secret's text may have written it into the request by itself.
        scrubber.text(&mut url);
        if let Some(body) = &mut body {
            scrubber.bytes(body);
        }
    }
    // What a server hands out to one caller is no part of a recording that others read.
    let is_kept = |name: &str| !["set-cookie", "set-cookie2", "authentication-info"].contains(&name);
    let headers = response.headers.iter().filter(|(name, _)| is_kept(name.as_str()));
    let headers: Vec<_> = headers.map(|(name, value)| (name.as_str(), text(value))).collect();
    let headers = headers.iter().map(|(name, value)| (*name, value.as_str()));
    let bytes = url.len() + body.as_ref().map_or(0, Vec::len) + response.body.len();
    let exchange = Exchange {
        request: RecordedRequest::of(method, &url, body.as_deref()),
        response: RecordedResponse::of(response.status, headers, &response.body),
    };
    (exchange, bytes)
}

/// A header's value: bytes that are not UTF-8 are read as ISO 8859-1.
pub(super) fn text(value: &[u8]) -> String {
    match std::str::from_utf8(value) {
        Ok(text) => text.to_owned(),
        Err(_) => value.iter().map(|byte| char::from(*byte)).collect(),
    }
}
