//! Requests of the host itself: sent like those of blocks, under the same guard and limits, to where a user said.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Response};

use super::client::{HttpClient, Inner, Prepared, SendError};
use super::guard;
use super::scheduler::Lane;
use super::target::{Scheme, Target};

/// Bytes that are read of an answer, of which only the status counts.
const ANSWER_BYTES: usize = 64 << 10;

/// A JSON document to post.
#[derive(Debug)]
pub struct Post<'a> {
    /// Where to. It has to pass [`HttpClient::check_destination`].
    pub url: &'a str,
    /// Besides those that say what the body is and who sends it.
    pub headers: Vec<(&'static str, String)>,
    /// The document.
    pub body: String,
    /// For a connection, the request and the answer together; the wait for a turn is not part of it.
    pub timeout: Duration,
    /// In whose name: senders take turns.
    pub sender: &'a str,
}

/// Why a document was not posted, or no answer came. The message says nothing of the URL but its host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PostError(String);

impl HttpClient {
    /// Whether the host itself may send something there: the URL is https, or a rewrite leads it elsewhere; it holds no user
    /// info, and no address that the network guard refuses. What a name resolves to is looked at when something is sent.
    ///
    /// # Errors
    /// What is wrong with it, without repeating it.
    pub fn check_destination(&self, url: &str) -> Result<(), String> {
        self.destination(url).map(drop)
    }

    fn destination(&self, url: &str) -> Result<Target, String> {
        let target = Target::parse(url)?;
        if self.0.rewrites.apply(&target).is_some() {
            return Ok(target);
        }
        if target.scheme != Scheme::Https {
            return Err("the URL's scheme is not https".to_owned());
        }
        let host = target.host.trim_start_matches('[').trim_end_matches(']');
        match host.parse().ok().and_then(guard::denied) {
            Some(kind) => Err(format!("the network guard refuses `{host}`: {kind} address")),
            None => Ok(target),
        }
    }

    /// Post a document, and give back the status of the answer, whose body is dropped. Redirects are not followed. Dropping
    /// the future closes what it had open.
    ///
    /// # Errors
    /// If it may not be sent there, cannot be, or is not answered in time.
    pub async fn post(&self, post: Post<'_>) -> Result<u16, PostError> {
        let timeout = post.timeout;
        let prepared = self.prepare(&post).map_err(PostError)?;
        let lane = Lane { block: "webhooks".to_owned(), host: prepared.target.host.clone() };
        let _turn = self.0.scheduler.turn(lane, post.sender).await;
        let exchange = async {
            let (response, held) = Inner::answer(&self.0, prepared).await?;
            let status = response.status().as_u16();
            Ok((status, response, held))
        };
        let deadline = tokio::time::Instant::now() + timeout;
        let answer = tokio::time::timeout_at(deadline, exchange).await.unwrap_or(Err(SendError::Timeout));
        let (status, response, _held) = answer.map_err(|error| PostError(why(error, timeout)))?;
        // The receiver has answered, however the rest of its answer goes. Reading it lets the connection be used again.
        drop(tokio::time::timeout_at(deadline, drain(response)).await);
        Ok(status)
    }

    fn prepare(&self, post: &Post<'_>) -> Result<Prepared, String> {
        let target = self.destination(post.url)?;
        let uri = target.url.as_str().parse().map_err(|_| "the URL cannot be used".to_owned())?;
        let mut headers = HeaderMap::with_capacity(post.headers.len() + 2);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("blockyard/", env!("CARGO_PKG_VERSION"))));
        for (name, value) in &post.headers {
            let value = HeaderValue::from_str(value).map_err(|_| format!("the header `{name}` cannot be sent"))?;
            headers.insert(HeaderName::from_static(name), value);
        }
        let body = Bytes::from(post.body.clone());
        Ok(Prepared {
            target,
            uri,
            method: Method::POST,
            headers,
            body,
            timeout: post.timeout,
            first_byte: None,
            between_bytes: None,
            held: None,
        })
    }
}

async fn drain(response: Response<Incoming>) {
    let (mut body, mut read) = (response.into_body(), 0);
    while let Some(Ok(frame)) = body.frame().await {
        read += frame.data_ref().map_or(0, Bytes::len);
        if read > ANSWER_BYTES {
            return;
        }
    }
}

fn why(error: SendError, timeout: Duration) -> String {
    match error {
        SendError::Denied(message) | SendError::Limited(message) | SendError::Transport(_, message) => message,
        SendError::ConnectTimeout | SendError::Timeout => format!("no answer within {} ms", timeout.as_millis()),
        SendError::TooLarge(limit) => format!("larger than {limit} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::SystemResolver;
    use super::*;
    use crate::config::{HttpConfig, Rewrite};

    #[tokio::test]
    async fn only_https_and_what_is_rewritten_is_a_destination() {
        let rewrites = vec![Rewrite { from: "http://inside.example/hook".into(), to: "http://127.0.0.1:9".into() }];
        let client =
            HttpClient::new(HttpConfig { rewrites, ..HttpConfig::default() }, Arc::new(SystemResolver)).unwrap();
        for fine in ["https://a.example/x?y=1", "https://1.1.1.1/", "http://inside.example/hook/1"] {
            assert_eq!(client.check_destination(fine), Ok(()), "{fine}");
        }
        for odd in [
            "",
            "a.example",
            "http://a.example/",
            "http://inside.example/other",
            "ftp://a.example/",
            "https://user@a.example/",
            "https://user:canary@a.example/",
            "https://127.0.0.1/",
            "https://0x7f000001/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://169.254.169.254/latest",
            "https://a.example/\r\nX: y",
            "https://a.example\\@b.example/",
        ] {
            let error = client.check_destination(odd).unwrap_err();
            assert!(!error.contains("canary"), "{error}");
        }
    }

    #[tokio::test]
    async fn names_of_this_machine_are_refused_when_they_are_resolved() {
        let client = HttpClient::new(HttpConfig::default(), Arc::new(SystemResolver)).unwrap();
        let post = Post {
            url: "https://localhost:9/x?token=canary",
            headers: Vec::new(),
            body: String::new(),
            timeout: Duration::from_secs(5),
            sender: "test",
        };
        let error = client.post(post).await.unwrap_err().to_string();
        assert!(error.contains("the network guard refuses `localhost`") && !error.contains("canary"), "{error}");
    }
}
