//! One exchange on paper.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A request with its answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// As it was before any secret went in.
    pub request: RecordedRequest,
    /// As it came back.
    pub response: RecordedResponse,
}

/// The part of a request that tells it from others.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecordedRequest {
    /// `GET`, `POST`, ...
    pub method: String,
    /// Absolute, without credentials.
    pub url: String,
    /// JSON, or text as a string.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Box<RawValue>>,
    /// A body that is no text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_base64: Option<String>,
}

/// The answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecordedResponse {
    /// The HTTP status.
    pub status: u16,
    /// By name; values of a repeated one are joined by commas.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// JSON, or text as a string.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Box<RawValue>>,
    /// A body that is no text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_base64: Option<String>,
}

/// An exchange that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("exchange {index}: {message}")]
pub struct Unreadable {
    /// Which of the list, from 0.
    pub index: usize,
    /// What is wrong with it.
    pub message: String,
}

impl RecordedRequest {
    /// Of a request that was sent.
    pub fn of(method: &str, url: &str, body: Option<&[u8]>) -> Self {
        let (body, body_base64) = body.map(written).unwrap_or_default();
        Self { method: method.to_owned(), url: url.to_owned(), body, body_base64 }
    }

    /// The body's bytes.
    ///
    /// # Errors
    /// If `bodyBase64` is no base64.
    pub fn bytes(&self) -> Result<Option<Vec<u8>>, String> {
        bytes(self.body.as_deref(), self.body_base64.as_deref())
    }
}

impl RecordedResponse {
    /// Of an answer that came.
    pub fn of<'a>(status: u16, headers: impl IntoIterator<Item = (&'a str, &'a str)>, body: &[u8]) -> Self {
        let mut joined: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in headers {
            joined
                .entry(name.to_ascii_lowercase())
                .and_modify(|known| {
                    known.push_str(", ");
                    known.push_str(value);
                })
                .or_insert_with(|| value.to_owned());
        }
        let (body, body_base64) = if body.is_empty() { (None, None) } else { written(body) };
        Self { status, headers: joined, body, body_base64 }
    }

    /// The body's bytes; none is an empty one.
    ///
    /// # Errors
    /// If `bodyBase64` is no base64.
    pub fn bytes(&self) -> Result<Vec<u8>, String> {
        bytes(self.body.as_deref(), self.body_base64.as_deref()).map(Option::unwrap_or_default)
    }
}

/// A body as `body` or `bodyBase64`: JSON as it stands, other text as a string, anything else encoded.
fn written(body: &[u8]) -> (Option<Box<RawValue>>, Option<String>) {
    let Ok(text) = std::str::from_utf8(body) else { return (None, Some(STANDARD.encode(body))) };
    let json = serde_json::from_str::<&RawValue>(text).ok();
    // A string would be read as text, and `null` as no body at all.
    let json = json.filter(|raw| !raw.get().starts_with('"') && raw.get() != "null");
    let raw = json.map(ToOwned::to_owned).or_else(|| serde_json::value::to_raw_value(text).ok());
    (raw, None)
}

fn bytes(body: Option<&RawValue>, base64: Option<&str>) -> Result<Option<Vec<u8>>, String> {
    match (body.map(RawValue::get), base64) {
        (Some(_), Some(_)) => Err("has both `body` and `bodyBase64`".to_owned()),
        (None, None) => Ok(None),
        (None, Some(base64)) => {
            STANDARD.decode(base64).map(Some).map_err(|error| format!("`bodyBase64` is no base64: {error}"))
        }
        (Some(text), None) if text.starts_with('"') => {
            serde_json::from_str::<String>(text).map(|text| Some(text.into_bytes())).map_err(|error| error.to_string())
        }
        (Some(json), None) => Ok(Some(json.as_bytes().to_vec())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_come_back_as_they_were() {
        let bodies: [&[u8]; 7] = [
            b"{\"id\": 1039995589705121900, \"x\":1e2}",
            b"plain text",
            b"\"json text\"",
            b"[]",
            b"null",
            b"\xff\xfe\x00",
            "\u{fc}\u{1F600}".as_bytes(),
        ];
        for body in bodies {
            let recorded = RecordedResponse::of(200, [("A", "1"), ("a", "2")], body);
            let text = serde_json::to_string(&recorded).unwrap();
            let read: RecordedResponse = serde_json::from_str(&text).unwrap();
            assert_eq!(read.bytes().unwrap(), body, "{text}");
            assert_eq!(read.headers["a"], "1, 2");
        }
        assert_eq!(RecordedResponse::of(204, [], b"").bytes().unwrap(), b"");
    }

    #[test]
    fn an_exchange_can_come_from_a_value() {
        let value = serde_json::json!({
            "request": {"method": "POST", "url": "https://a.example/", "body": {"b": [1, null]}},
            "response": {"status": 200, "bodyBase64": "AAE="}
        });
        let exchange: Exchange = serde_json::from_value(value).unwrap();
        assert_eq!(exchange.request.bytes().unwrap().unwrap(), br#"{"b":[1,null]}"#);
        assert_eq!(exchange.response.bytes().unwrap(), [0, 1]);
    }
}
