//! Exchanges as they are recorded, and answers made of them.

use blockyard_replay::{Exchange, RecordedRequest, RecordedResponse};
use hyper::header::HeaderMap;

use super::client::Answer;
use crate::capabilities::bindings::blockyard::block::http::Response;
use crate::capabilities::secrets::Scrubber;

/// What one call sent and got, kept if somebody asked for it.
#[derive(Debug, Default)]
pub struct Recorder {
    exchanges: Vec<Exchange>,
    bytes: usize,
    /// Whether something had no room.
    cut: bool,
}

impl Recorder {
    /// The exchanges, and whether they are all.
    pub fn take(&mut self) -> (Vec<Exchange>, bool) {
        (std::mem::take(&mut self.exchanges), !self.cut)
    }

    pub(super) fn keep(&mut self, exchange: Exchange, bytes: usize, limit: usize) {
        if self.bytes.saturating_add(bytes) > limit {
            self.cut = true;
            return;
        }
        self.bytes += bytes;
        self.exchanges.push(exchange);
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
    response: &Response,
    scrubber: Option<&Scrubber>,
) -> (Exchange, usize) {
    if let Some(scrubber) = scrubber {
        // A block that was granted a secret's text may have written it into the request by itself.
        scrubber.text(&mut url);
        if let Some(body) = &mut body {
            scrubber.bytes(body);
        }
    }
    let headers = response.headers.iter().map(|header| (header.name.as_str(), header.value.as_str()));
    let bytes = url.len() + body.as_ref().map_or(0, Vec::len) + response.body.len();
    let exchange = Exchange {
        request: RecordedRequest::of(method, &url, body.as_deref()),
        response: RecordedResponse::of(response.status, headers, &response.body),
    };
    (exchange, bytes)
}
