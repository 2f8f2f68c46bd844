//! The server that a command talks to.

use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use crate::capabilities::http::{DirectAnswer, DirectClient};

/// A component may be large and the line slow.
const TIMEOUT: Duration = Duration::from_secs(300);

/// Which server.
#[derive(Debug, Args)]
pub(super) struct ServerArgs {
    /// The server
    #[arg(long, env = "BLOCKYARD_SERVER", default_value = "http://127.0.0.1:8080", value_name = "URL", value_parser = base)]
    server: String,
}

/// `http://host:port/perhaps/a/prefix`, without a slash at its end.
fn base(text: &str) -> Result<String, String> {
    let url = Url::parse(text).map_err(|_| "is no URL, such as http://127.0.0.1:8080".to_owned())?;
    let plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    if !["http", "https"].contains(&url.scheme()) || !plain || url.password().is_some() {
        return Err("must be http or https, without a query and without user info".to_owned());
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// A connection to it.
#[derive(Debug)]
pub(super) struct Server {
    client: DirectClient,
    base: String,
}

/// What the server says no with.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Problem {
    title: String,
    detail: String,
    /// In place of the detail, where the problem is not that of a request.
    message: String,
    code: String,
    errors: Vec<Finding>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Finding {
    pointer: String,
    message: String,
}

/// A request that was refused, in the server's words.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Refused(String);

/// An answer that is no refusal.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) location: Option<String>,
    value: Value,
}

impl Answer {
    /// What it says.
    pub(super) fn decode<T: DeserializeOwned>(&self) -> anyhow::Result<T> {
        serde_path_to_error::deserialize(&self.value)
            .map_err(|error| anyhow::anyhow!("the server's answer is not understood: {error}"))
    }
}

impl ServerArgs {
    pub(super) fn connect(&self) -> anyhow::Result<Server> {
        Ok(Server { client: DirectClient::new(TIMEOUT)?, base: self.server.clone() })
    }

    /// The flag as it has to be given again, if it does.
    pub(super) fn flag(&self) -> String {
        if self.server == "http://127.0.0.1:8080" { String::new() } else { format!(" --server {}", self.server) }
    }

    /// The URL.
    pub(super) fn url(&self) -> &str {
        &self.server
    }
}

impl Server {
    /// `GET`
    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        self.send("GET", path, None).await
    }

    /// `POST` of bytes of a type, or of nothing.
    pub(super) async fn post(&self, path: &str, body: Option<(&str, Bytes)>) -> anyhow::Result<Answer> {
        self.send("POST", path, body).await
    }

    /// `PUT` of JSON.
    pub(super) async fn put(&self, path: &str, body: &impl serde::Serialize) -> anyhow::Result<Answer> {
        self.send("PUT", path, Some(("application/json", serde_json::to_vec(body)?.into()))).await
    }

    async fn send(&self, method: &str, path: &str, body: Option<(&str, Bytes)>) -> anyhow::Result<Answer> {
        let base = &self.base;
        let url = if path.starts_with('/') { format!("{base}{path}") } else { path.to_owned() };
        let answer = self.client.send(method, &url, body).await.map_err(|error| {
            anyhow::anyhow!("no answer from {base}: {error}. `blockyard serve` starts a server, --server names another")
        })?;
        if answer.status >= 400 {
            return Err(refused(&answer).into());
        }
        let value =
            if answer.body.is_empty() { Value::Null } else { serde_json::from_slice(&answer.body).unwrap_or_default() };
        Ok(Answer { location: answer.location, value })
    }
}

fn refused(answer: &DirectAnswer) -> Refused {
    let status = answer.status;
    match serde_json::from_slice::<Problem>(&answer.body) {
        Ok(problem) => Refused::of(problem),
        Err(_) => Refused(format!("the server answered {status} without saying why: is it a Blockyard?")),
    }
}

impl Refused {
    /// In the words of the problem.
    pub(super) fn of(problem: Problem) -> Self {
        let Problem { title, detail, message, code, errors } = problem;
        let mut text = [detail, message, title].into_iter().find(|text| !text.is_empty()).unwrap_or_default();
        if !code.is_empty() {
            text.push_str(&format!(" [{code}]"));
        }
        for Finding { pointer, message } in errors {
            let place = if pointer.is_empty() { "/" } else { &pointer };
            text.push_str(&format!("\n  at {place}: {message}"));
        }
        Self(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_http_urls_without_credentials() {
        assert_eq!(base("http://127.0.0.1:8080/").as_deref(), Ok("http://127.0.0.1:8080"));
        assert_eq!(base("https://blocks.example/yard/").as_deref(), Ok("https://blocks.example/yard"));
        for bad in ["", "127.0.0.1:8080", "ftp://a.example", "http://u:p@a.example", "http://a.example/?q", "http://"] {
            assert!(base(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_refusal_is_told_in_the_servers_words() {
        let told = |body: &'static str| {
            let answer = DirectAnswer { status: 422, location: None, body: body.into() };
            refused(&answer).to_string()
        };
        let problem = r#"{"title": "t", "detail": "is no block", "code": "invalid-block", "errors":
            [{"pointer": "/http/0/host", "code": "x", "message": "is no host"}, {"message": "and so on"}]}"#;
        let expected = "is no block [invalid-block]\n  at /http/0/host: is no host\n  at /: and so on";
        assert_eq!(told(problem), expected);
        assert!(told("<html>").contains("422"));
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_named() {
        // Nobody listens there, and nobody else gets it.
        let taken = tokio::net::TcpSocket::new_v4().unwrap();
        taken.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let server = format!("http://{}", taken.local_addr().unwrap());
        let error = ServerArgs { server: server.clone() }.connect().unwrap().get("/blocks").await.unwrap_err();
        let error = error.to_string();
        assert!(error.contains(&server) && error.contains("blockyard serve") && !error.contains('\n'), "{error}");
    }
}
