//! Requests of the command line itself, to the server that its user names: nothing is guarded, as nothing in them comes
//! from a block.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderValue, LOCATION, USER_AGENT};
use hyper::{Method, Request, Uri};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use super::SystemResolver;
use super::client::{SendError, tls, why};
use super::connect::Connector;
use crate::config::HttpConfig;

/// Largest answer that is read, in bytes.
const ANSWER_BYTES: usize = 16 << 20;

/// A client without a guard.
#[derive(Clone)]
pub struct DirectClient {
    client: Client<HttpsConnector<Connector>, Full<Bytes>>,
    timeout: Duration,
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct DirectAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The header of this name.
    pub location: Option<String>,
    /// The body.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DirectError(String);

impl DirectClient {
    /// Each exchange may take this long.
    ///
    /// # Errors
    /// If TLS cannot be set up.
    pub fn new(timeout: Duration) -> Result<Self, DirectError> {
        let config = HttpConfig::default();
        let connector =
            Connector { resolver: Arc::new(SystemResolver), guarded: false, timeout: config.connect_timeout };
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls(&config).map_err(DirectError)?)
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(connector);
        Ok(Self { client: Client::builder(TokioExecutor::new()).build(connector), timeout })
    }

    /// Send `body` of a type, or nothing.
    ///
    /// # Errors
    /// If the server cannot be reached, or does not answer in full and in time.
    pub async fn send(
        &self,
        method: &str,
        url: &str,
        body: Option<(&str, Bytes)>,
    ) -> Result<DirectAnswer, DirectError> {
        let unusable = |what: &str| DirectError(format!("the {what} cannot be used"));
        let mut request = Request::new(Full::default());
        *request.method_mut() = Method::from_bytes(method.as_bytes()).map_err(|_| unusable("method"))?;
        *request.uri_mut() = url.parse::<Uri>().map_err(|_| unusable("URL"))?;
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("blockyard/", env!("CARGO_PKG_VERSION"))));
        if let Some((content_type, bytes)) = body {
            headers.insert(CONTENT_TYPE, HeaderValue::from_str(content_type).map_err(|_| unusable("content type"))?);
            *request.body_mut() = Full::new(bytes);
        }
        tokio::time::timeout(self.timeout, self.exchange(request))
            .await
            .unwrap_or_else(|_| Err(DirectError(format!("no answer within {} s", self.timeout.as_secs()))))
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<DirectAnswer, DirectError> {
        let answer = self.client.request(request).await.map_err(|error| match why(&error) {
            SendError::Denied(message) | SendError::Limited(message) | SendError::Transport(_, message) => {
                DirectError(message)
            }
            SendError::ConnectTimeout | SendError::Timeout | SendError::TooLarge(_) => {
                DirectError("no connection in time".to_owned())
            }
        })?;
        let (parts, incoming) = answer.into_parts();
        let body = Limited::new(incoming, ANSWER_BYTES).collect().await;
        let body = body.map_err(|error| DirectError(format!("the answer broke off: {error}")))?.to_bytes();
        let location = parts.headers.get(LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Ok(DirectAnswer { status: parts.status.as_u16(), location, body })
    }
}

impl std::fmt::Debug for DirectClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DirectClient").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}
