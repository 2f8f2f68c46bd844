//! Which exchange answers a request.

use serde_json::Value;
use url::Url;

use crate::exchange::{Exchange, RecordedResponse, Unreadable};

/// Recorded exchanges, and which of them were served.
///
/// A request matches an exchange of the same method, path, set of query parameters and body; JSON bodies are compared
/// by what they mean. The host of the URL does not matter, nor do headers. Exchanges that match the same request are
/// served in their order, and the last one repeats.
#[derive(Clone, Debug, Default)]
pub struct Replay {
    recorded: Vec<Recorded>,
    lenient: bool,
}

#[derive(Clone, Debug)]
struct Recorded {
    key: Key,
    response: RecordedResponse,
    served: bool,
}

#[derive(Clone, Debug, PartialEq)]
struct Key {
    method: String,
    path: String,
    query: Vec<(String, String)>,
    body: Body,
}

#[derive(Clone, Debug, PartialEq)]
enum Body {
    Json(Value),
    Bytes(Vec<u8>),
}

impl Replay {
    /// Answers the requests that were recorded, and no others.
    ///
    /// # Errors
    /// The first exchange that cannot be used.
    pub fn strict(exchanges: Vec<Exchange>) -> Result<Self, Unreadable> {
        Self::new(exchanges, false)
    }

    /// Falls back to an exchange of the same method and path.
    ///
    /// # Errors
    /// As [`Replay::strict`].
    pub fn lenient(exchanges: Vec<Exchange>) -> Result<Self, Unreadable> {
        Self::new(exchanges, true)
    }

    fn new(exchanges: Vec<Exchange>, lenient: bool) -> Result<Self, Unreadable> {
        let recorded = exchanges
            .into_iter()
            .enumerate()
            .map(|(index, exchange)| read(exchange).map_err(|message| Unreadable { index, message }));
        Ok(Self { recorded: recorded.collect::<Result<_, _>>()?, lenient })
    }

    /// The answer to a request, if one is recorded.
    pub fn answer(&mut self, method: &str, url: &str, body: Option<&[u8]>) -> Option<&RecordedResponse> {
        let key = key(method, url, body.unwrap_or_default()).ok()?;
        let exact = pick(&self.recorded, |recorded| recorded.key == key);
        let index = match exact {
            None if self.lenient => {
                pick(&self.recorded, |recorded| recorded.key.method == key.method && recorded.key.path == key.path)?
            }
            exact => exact?,
        };
        let recorded = &mut self.recorded[index];
        recorded.served = true;
        Some(&recorded.response)
    }
}

/// The first that was not served yet, else the last.
fn pick(recorded: &[Recorded], matches: impl Fn(&Recorded) -> bool) -> Option<usize> {
    let mut last = None;
    for (index, recorded) in recorded.iter().enumerate().filter(|(_, recorded)| matches(recorded)) {
        if !recorded.served {
            return Some(index);
        }
        last = Some(index);
    }
    last
}

fn read(exchange: Exchange) -> Result<Recorded, String> {
    let Exchange { request, response } = exchange;
    if !(100..=599).contains(&response.status) {
        return Err(format!("{} is no HTTP status", response.status));
    }
    response.bytes()?;
    let body = request.bytes()?.unwrap_or_default();
    Ok(Recorded { key: key(&request.method, &request.url, &body)?, response, served: false })
}

fn key(method: &str, url: &str, body: &[u8]) -> Result<Key, String> {
    let url = Url::parse(url).map_err(|error| format!("its URL cannot be read: {error}"))?;
    let mut query: Vec<_> = url.query_pairs().into_owned().collect();
    query.sort();
    let body = match serde_json::from_slice(body) {
        Ok(json) => Body::Json(json),
        Err(_) => Body::Bytes(body.to_vec()),
    };
    Ok(Key { method: method.to_ascii_uppercase(), path: url.path().to_owned(), query, body })
}

/// The query parameters of a URL, decoded, in their order; none of what is no URL.
pub fn query_pairs(url: &str) -> Vec<(String, String)> {
    Url::parse(url).map(|url| url.query_pairs().into_owned().collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn exchanges(list: Value) -> Vec<Exchange> {
        serde_json::from_value(list).unwrap()
    }

    fn status(replay: &mut Replay, method: &str, url: &str, body: Option<&str>) -> Option<u16> {
        replay.answer(method, url, body.map(str::as_bytes)).map(|answer| answer.status)
    }

    #[test]
    fn a_request_matches_by_method_path_query_set_and_meaning_of_the_body() {
        let mut replay = Replay::strict(exchanges(json!([
            {"request": {"method": "POST", "url": "https://a.example/x?b=2&a=1&a=0", "body": {"k": [1], "l": null}},
             "response": {"status": 201}}
        ])))
        .unwrap();
        let body = Some(r#"{ "l": null, "k": [1] }"#);
        assert_eq!(status(&mut replay, "post", "https://other.example/x?a=0&a=1&b=%32", body), Some(201));
        assert_eq!(status(&mut replay, "POST", "https://a.example/x?a=1&b=2", body), None);
        assert_eq!(status(&mut replay, "POST", "https://a.example/x?b=2&a=1&a=0", None), None);
        assert_eq!(status(&mut replay, "GET", "https://a.example/x?b=2&a=1&a=0", body), None);
        assert_eq!(status(&mut replay, "POST", "not a url", body), None);
    }

    #[test]
    fn equal_ones_are_served_in_order_and_the_last_repeats() {
        let request = json!({"method": "GET", "url": "https://a.example/run"});
        let mut replay = Replay::strict(exchanges(json!([
            {"request": request, "response": {"status": 202}},
            {"request": request, "response": {"status": 200}}
        ])))
        .unwrap();
        let seen: Vec<_> = (0..4).map(|_| status(&mut replay, "GET", "https://a.example/run", None)).collect();
        assert_eq!(seen, [Some(202), Some(200), Some(200), Some(200)]);
    }

    #[test]
    fn only_the_lenient_one_falls_back_to_method_and_path() {
        let list = json!([
            {"request": {"method": "GET", "url": "https://a.example/find?email=ada"}, "response": {"status": 200}},
            {"request": {"method": "GET", "url": "https://a.example/find?email=bob"}, "response": {"status": 404}}
        ]);
        let url = "https://a.example/find?email=eve";
        assert_eq!(status(&mut Replay::strict(exchanges(list.clone())).unwrap(), "GET", url, None), None);
        let mut lenient = Replay::lenient(exchanges(list)).unwrap();
        assert_eq!(status(&mut lenient, "GET", "https://a.example/find?email=bob", None), Some(404));
        assert_eq!(status(&mut lenient, "GET", url, None), Some(200));
        assert_eq!(status(&mut lenient, "PUT", url, None), None);
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let good = json!({"request": {"method": "GET", "url": "https://a.example/"}, "response": {"status": 200}});
        for (bad, message) in [
            (json!({"request": {"method": "GET", "url": "/x"}, "response": {"status": 200}}), "URL"),
            (json!({"request": {"method": "GET", "url": "https://a.example/"}, "response": {"status": 99}}), "status"),
            (
                json!({"request": {"method": "GET", "url": "https://a.example/"},
                    "response": {"status": 200, "bodyBase64": "?"}}),
                "base64",
            ),
        ] {
            let error = Replay::strict(exchanges(json!([good, bad]))).unwrap_err();
            assert_eq!(error.index, 1);
            assert!(error.message.contains(message), "{error}");
        }
    }
}
