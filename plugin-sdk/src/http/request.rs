//! A request to send.

use std::fmt;

use serde::Serialize;

use super::{Error, Response};
use crate::Failure;
use crate::secrets::Secret;

/// A request, with the secrets that go into it.
#[derive(Debug, Clone)]
pub struct Request {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) timeout_ms: Option<u32>,
    pub(crate) credentials: Vec<(Secret, Placement)>,
}

/// Where the host writes a secret into a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placement {
    /// `Authorization: Bearer <secret>`
    Bearer,
    /// `<name>: <prefix><secret>`
    Header {
        /// The header.
        name: String,
        /// What stands before the secret.
        prefix: String,
    },
    /// `?<name>=<secret>`, percent-encoded.
    Query(String),
    /// HTTP basic: the secret is the password, this is the user name.
    Basic(String),
}

impl Request {
    /// A request of any method to an absolute URL, which must not hold credentials.
    pub fn new(method: &str, url: impl Into<String>) -> Self {
        Self {
            method: method.to_owned(),
            url: url.into(),
            headers: Vec::new(),
            body: None,
            timeout_ms: None,
            credentials: Vec::new(),
        }
    }

    /// `GET`
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// `POST`
    pub fn post(url: impl Into<String>) -> Self {
        Self::new("POST", url)
    }

    /// `PUT`
    pub fn put(url: impl Into<String>) -> Self {
        Self::new("PUT", url)
    }

    /// `PATCH`
    pub fn patch(url: impl Into<String>) -> Self {
        Self::new("PATCH", url)
    }

    /// `DELETE`
    pub fn delete(url: impl Into<String>) -> Self {
        Self::new("DELETE", url)
    }

    /// Adds a query parameter, percent-encoded, before the fragment if there is one.
    #[must_use]
    pub fn query(mut self, name: &str, value: impl fmt::Display) -> Self {
        let fragment = self.url.find('#').map(|at| self.url.split_off(at)).unwrap_or_default();
        let separator = match self.url.split_once('?') {
            None => "?",
            Some((_, known)) if known.is_empty() || known.ends_with('&') => "",
            Some(_) => "&",
        };
        self.url.push_str(separator);
        encode(name, &mut self.url);
        self.url.push('=');
        encode(&value.to_string(), &mut self.url);
        self.url.push_str(&fragment);
        self
    }

    /// The same, if there is a value.
    #[must_use]
    pub fn query_if(self, name: &str, value: Option<impl fmt::Display>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    /// Adds a path segment, percent-encoded: `/` inside of it does not split it.
    #[must_use]
    pub fn segment(mut self, segment: &str) -> Self {
        if !self.url.ends_with('/') {
            self.url.push('/');
        }
        encode(segment, &mut self.url);
        self
    }

    /// Adds a header. Those that frame the message (`Host`, `Content-Length`, `Accept-Encoding`, ...) belong to the
    /// host, which refuses them.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// A body of JSON, with its `Content-Type`.
    ///
    /// # Errors
    /// If the value cannot be written as JSON, which is a fault of the block.
    pub fn json(mut self, body: &(impl Serialize + ?Sized)) -> Result<Self, Failure> {
        self.body = Some(serde_json::to_vec(body)?);
        Ok(self.header("content-type", "application/json"))
    }

    /// A body of bytes.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self.header("content-type", content_type)
    }

    /// How long the whole exchange may take, in milliseconds; the host's own ceiling still holds.
    #[must_use]
    pub fn timeout_ms(mut self, timeout_ms: u32) -> Self {
        self.timeout_ms = Some(timeout_ms);
        self
    }

    /// `Authorization: Bearer <secret>`
    #[must_use]
    pub fn bearer(self, secret: &Secret) -> Self {
        self.secret(secret, Placement::Bearer)
    }

    /// `<name>: <secret>`
    #[must_use]
    pub fn secret_header(self, name: &str, secret: &Secret) -> Self {
        self.secret(secret, Placement::Header { name: name.to_owned(), prefix: String::new() })
    }

    /// Lets the host write a secret into the request.
    #[must_use]
    pub fn secret(mut self, secret: &Secret, placement: Placement) -> Self {
        self.credentials.push((secret.clone(), placement));
        self
    }

    /// The URL so far.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sends it and waits for the whole answer. A status such as 404 is an answer, not an error; see
    /// [`Response::ok`].
    ///
    /// # Errors
    /// If there is no answer.
    pub fn send(self) -> Result<Response, Error> {
        #[cfg(target_arch = "wasm32")]
        {
            Ok(crate::bindings::blockyard::block::http::send(&self.outgoing())?.into())
        }
        #[cfg(not(target_arch = "wasm32"))]
        crate::testing::stage::send(self)
    }
}

#[cfg(target_arch = "wasm32")]
impl Request {
    pub(super) fn outgoing(&self) -> crate::bindings::blockyard::block::http::Outgoing<'_> {
        use crate::bindings::blockyard::block::http as host;
        let headers =
            self.headers.iter().map(|(name, value)| host::Header { name: name.clone(), value: value.clone() });
        let credentials = self.credentials.iter().map(|(secret, placement)| host::Credential {
            secret: secret.handle(),
            placement: match placement {
                Placement::Bearer => host::Placement::Bearer,
                Placement::Header { name, prefix } => {
                    host::Placement::Header(host::HeaderPlacement { name: name.clone(), prefix: prefix.clone() })
                }
                Placement::Query(name) => host::Placement::Query(name.clone()),
                Placement::Basic(user) => host::Placement::Basic(user.clone()),
            },
        });
        host::Outgoing {
            request: host::Request {
                method: self.method.clone(),
                url: self.url.clone(),
                headers: headers.collect(),
                body: self.body.clone(),
                timeout_ms: self.timeout_ms,
            },
            credentials: credentials.collect(),
        }
    }
}

/// Percent-encodes everything but RFC 3986's unreserved characters.
fn encode(text: &str, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_and_segments_cannot_change_the_urls_shape() {
        let request = Request::get("https://a.example/v1").segment("../a/b?c#d").query("q&", "a=b&c d+%ü");
        assert_eq!(request.url(), "https://a.example/v1/..%2Fa%2Fb%3Fc%23d?q%26=a%3Db%26c%20d%2B%25%C3%BC");
        let request = Request::get("https://a.example/?x=1").query("page", 2).query_if("none", None::<u8>);
        assert_eq!(request.url(), "https://a.example/?x=1&page=2");
        assert_eq!(Request::get("https://a.example/?").query("a", 1).url(), "https://a.example/?a=1");
        let request = Request::get("https://a.example/x#f?g").query("a", 1).query("b", 2);
        assert_eq!(request.url(), "https://a.example/x?a=1&b=2#f?g");
    }
}
