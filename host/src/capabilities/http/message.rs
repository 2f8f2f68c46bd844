//! From what a guest asks to what is sent: every check that needs no network.

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::header::{ACCEPT_ENCODING, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use url::Url;

use super::client::{Held, Prepared};
use super::failure::{Failure, Part};
use super::inflate;
use super::target::Target;
use crate::capabilities::bindings::blockyard::block::http::Placement;
use crate::capabilities::secrets::Found;
use crate::config::HttpConfig;

/// Most headers of a request, and their bytes.
const MAX_HEADERS: usize = 100;
pub(super) const MAX_HEADER_BYTES: usize = 64 << 10;

/// Headers that say where a message ends and what becomes of the connection: the host's own.
const FRAMING: &[&str] = &[
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// All but RFC 3986's unreserved characters.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A request as a guest asks for it, by whichever interface.
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) url: String,
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) body: Option<Vec<u8>>,
    pub(super) patience: Patience,
    /// What of the body counts as in flight already.
    pub(super) held: Option<Held>,
}

/// How long a guest wants to wait. The operator's own limits hold too.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Patience {
    /// For the whole exchange.
    pub(super) whole: Option<Duration>,
    /// Until the head of the answer, connecting included.
    pub(super) first_byte: Option<Duration>,
    /// Between two pieces of the answer.
    pub(super) between_bytes: Option<Duration>,
}

/// A request that passed the checks, without its secrets.
pub(super) struct Checked {
    pub(super) method: Method,
    pub(super) target: Target,
    /// What is sent: secrets go into its query.
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Vec<u8>>,
    patience: Patience,
    held: Option<Held>,
    /// Slots whose secrets may go there.
    pub(super) secrets: BTreeSet<String>,
}

pub(super) fn invalid(part: Part, message: impl Into<String>) -> Failure {
    Failure::Invalid(part, message.into())
}

/// Whether the header says where a message ends or what becomes of the connection, which is the host's business.
pub(super) fn is_framing(name: &HeaderName) -> bool {
    FRAMING.contains(&name.as_str())
}

/// Check everything but the secrets. `permit` says which of these may go along, or why nothing may.
pub(super) fn check(
    asked: Asked,
    config: &HttpConfig,
    permit: impl FnOnce(&str, &Target) -> Result<BTreeSet<String>, String>,
) -> Result<Checked, Failure> {
    let target = Target::parse(&asked.url).map_err(|message| invalid(Part::Url, message))?;
    let method = method(&asked.method)?;
    let secrets = permit(method.as_str(), &target).map_err(Failure::Denied)?;
    let headers = headers(&asked.headers)?;
    if asked.body.as_ref().is_some_and(|body| body.len() > config.body_bytes) {
        return Err(too_large(config));
    }
    let whole = asked.patience.whole.unwrap_or(config.timeout).min(config.max_timeout);
    let patience = Patience { whole: Some(whole), ..asked.patience };
    let url = target.url.clone();
    Ok(Checked { method, target, url, headers, body: asked.body, patience, held: asked.held, secrets })
}

/// The body is over the limit.
pub(super) fn too_large(config: &HttpConfig) -> Failure {
    let limit = config.body_bytes;
    invalid(Part::BodySize(limit as u64), format!("the request's body is larger than {limit} bytes"))
}

fn method(name: &str) -> Result<Method, Failure> {
    let plain = !name.is_empty() && name.len() <= 20 && name.bytes().all(|byte| byte.is_ascii_uppercase());
    let method = Method::from_bytes(name.as_bytes()).ok().filter(|_| plain);
    match method {
        Some(Method::CONNECT | Method::TRACE) | None => {
            Err(invalid(Part::Method, "the method is none that blocks may use"))
        }
        Some(method) => Ok(method),
    }
}

fn headers(given: &[(String, Vec<u8>)]) -> Result<HeaderMap, Failure> {
    let bytes: usize = given.iter().map(|(name, value)| name.len() + value.len()).sum();
    if given.len() > MAX_HEADERS || bytes > MAX_HEADER_BYTES {
        let message = format!("more than {MAX_HEADERS} headers or {MAX_HEADER_BYTES} bytes of them");
        return Err(invalid(Part::HeaderSize(MAX_HEADER_BYTES as u32), message));
    }
    let mut headers = HeaderMap::with_capacity(given.len() + 3);
    for (name, value) in given {
        let name = header_name(name)?;
        let odd = |_| invalid(Part::Header, format!("the value of header `{name}` holds control characters"));
        let value = HeaderValue::from_bytes(value).map_err(odd)?;
        headers.append(name, value);
    }
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(inflate::ACCEPTED));
    if !headers.contains_key(USER_AGENT) {
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("blockyard/", env!("CARGO_PKG_VERSION"))));
    }
    Ok(headers)
}

fn header_name(name: &str) -> Result<HeaderName, Failure> {
    let parsed =
        HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid(Part::Header, "a header's name is none"))?;
    if is_framing(&parsed) {
        return Err(invalid(Part::Header, format!("the header `{parsed}` is the host's")));
    }
    Ok(parsed)
}

impl Checked {
    /// Put the secrets in. Nothing of the outcome is ever shown.
    pub(super) fn with_secrets(mut self, secrets: &[(&Found, Placement)]) -> Result<Prepared, Failure> {
        for (secret, placement) in secrets {
            let text = secret.value.expose();
            match placement {
                Placement::Bearer => self.place(AUTHORIZATION, format!("Bearer {text}"))?,
                Placement::Basic(user) if user.contains(':') => {
                    return Err(invalid(Part::Credential, "a user name holds a colon"));
                }
                Placement::Basic(user) => {
                    self.place(AUTHORIZATION, format!("Basic {}", STANDARD.encode(format!("{user}:{text}"))))?;
                }
                Placement::Header(header) => {
                    self.place(header_name(&header.name)?, format!("{}{text}", header.prefix))?;
                }
                Placement::Query(name) => {
                    let pair = format!("{}={}", utf8_percent_encode(name, ENCODED), utf8_percent_encode(text, ENCODED));
                    let query = self.url.query().filter(|query| !query.is_empty());
                    let query = query.map_or_else(|| pair.clone(), |known| format!("{known}&{pair}"));
                    self.url.set_query(Some(&query));
                }
            }
        }
        let uri: Uri = self.url.as_str().parse().map_err(|_| invalid(Part::Url, "the URL cannot be sent"))?;
        Ok(Prepared {
            target: self.target,
            uri,
            method: self.method,
            headers: self.headers,
            body: self.body.map(Bytes::from).unwrap_or_default(),
            timeout: self.patience.whole.unwrap_or_default(),
            first_byte: self.patience.first_byte,
            between_bytes: self.patience.between_bytes,
            held: self.held,
        })
    }

    fn place(&mut self, name: HeaderName, value: String) -> Result<(), Failure> {
        let value = sensitive(&name, value.as_bytes())?;
        self.headers.insert(name, value);
        Ok(())
    }
}

/// A header's value with a secret in it.
pub(super) fn sensitive(name: &HeaderName, value: &[u8]) -> Result<HeaderValue, Failure> {
    let unfit = |_| invalid(Part::Credential, format!("the secret cannot stand in the header `{name}`"));
    let mut value = HeaderValue::from_bytes(value).map_err(unfit)?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, headers: &[(&str, &str)]) -> Asked {
        let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        Asked {
            method: method.into(),
            url: "https://a.example/x?q=1".into(),
            headers: headers.collect(),
            body: None,
            patience: Patience { whole: Some(Duration::from_secs(u32::MAX.into())), ..Patience::default() },
            held: None,
        }
    }

    fn checked(request: Asked) -> Result<Checked, Failure> {
        check(request, &HttpConfig::default(), |_, _| Ok(BTreeSet::new()))
    }

    fn found(text: &str) -> Found {
        Found { name: "key".into(), value: crate::domain::SecretText::new(text.to_owned()).unwrap(), hosts: None }
    }

    #[test]
    fn headers_that_frame_the_message_or_break_out_are_refused() {
        for (name, value) in [
            ("Host", "evil.example"),
            ("content-length", "0"),
            ("Transfer-Encoding", "chunked"),
            ("Connection", "close"),
            ("Upgrade", "websocket"),
            ("TE", "trailers"),
            ("Proxy-Authorization", "x"),
            ("Accept-Encoding", "br"),
            ("x", "a\r\nHost: evil.example"),
            ("x", "a\nb"),
            ("x", "a\0b"),
            ("x\r\nHost", "evil.example"),
            ("x: y", "z"),
            ("", "z"),
            ("x y", "z"),
            (":authority", "evil.example"),
            ("h\u{f6}st", "z"),
        ] {
            assert!(
                matches!(checked(request("GET", &[(name, value)])), Err(Failure::Invalid(..))),
                "{name}: {value:?}"
            );
        }
        let many: Vec<_> = (0..101).map(|_| ("x", "y")).collect();
        assert!(checked(request("GET", &many)).is_err());
        assert!(checked(request("GET", &[("x", &"y".repeat(70_000))])).is_err());
        let good = checked(request("PATCH", &[("x", "ä"), ("x", "2")])).unwrap();
        assert_eq!(good.headers.get_all("x").iter().count(), 2);
        assert_eq!(good.patience.whole, Some(HttpConfig::default().max_timeout));
    }

    #[test]
    fn odd_methods_are_refused() {
        for method in ["", "get", "CONNECT", "TRACE", "GET /x HTTP/1.1", "G\r\nT", "GÄT", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"]
        {
            assert!(matches!(checked(request(method, &[])), Err(Failure::Invalid(..))), "{method:?}");
        }
        assert!(checked(request("PROPFIND", &[])).is_ok());
    }

    #[test]
    fn a_secret_goes_where_it_is_placed_and_nowhere_else() {
        let secret = found("s3cr&t ü+/");
        let header = crate::capabilities::bindings::blockyard::block::http::HeaderPlacement {
            name: "X-Key".into(),
            prefix: "Key ".into(),
        };
        let placements =
            [Placement::Header(header), Placement::Query("api key".into()), Placement::Basic("user".into())];
        let placed: Vec<_> = placements.into_iter().map(|placement| (&secret, placement)).collect();
        let prepared = checked(request("GET", &[("x-key", "guest's own")])).unwrap().with_secrets(&placed).unwrap();
        assert_eq!(prepared.headers["x-key"].as_bytes(), "Key s3cr&t ü+/".as_bytes());
        assert!(prepared.headers["x-key"].is_sensitive());
        assert_eq!(prepared.uri.query(), Some("q=1&api%20key=s3cr%26t%20%C3%BC%2B%2F"));
        assert_eq!(prepared.headers[AUTHORIZATION], format!("Basic {}", STANDARD.encode("user:s3cr&t ü+/")));
        assert_eq!(prepared.target.url.as_str(), "https://a.example/x?q=1");
    }

    #[test]
    fn a_placement_cannot_break_out_either() {
        use crate::capabilities::bindings::blockyard::block::http::HeaderPlacement;
        let secret = found("s3cret-text");
        for (name, prefix) in [("Host", ""), ("x\r\ny", ""), ("x", "a\r\nHost: evil.example\r\ny: ")] {
            let header = Placement::Header(HeaderPlacement { name: name.into(), prefix: prefix.into() });
            let result = checked(request("GET", &[])).unwrap().with_secrets(&[(&secret, header)]);
            let Err(Failure::Invalid(_, message)) = result else { panic!("{name:?} {prefix:?}") };
            assert!(!message.contains("s3cret"));
        }
        let basic = Placement::Basic("user:x".into());
        assert!(checked(request("GET", &[])).unwrap().with_secrets(&[(&secret, basic)]).is_err());
    }
}
