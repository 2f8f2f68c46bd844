//! Sends one request and waits for its whole answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap};
use hyper::{Request, Response, Uri};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::connect::{ConnectError, Connector, Resolve};
use super::inflate;
use super::rewrite::Rewrites;
use super::scheduler::{Lane, Scheduler};
use super::target::Target;
use crate::config::HttpConfig;

/// Connections that nobody used for this long are closed.
const IDLE: Duration = Duration::from_secs(60);

/// The HTTP of all blocks: connections, limits, rewrites. Cloning is cheap.
#[derive(Clone)]
pub struct HttpClient(pub(super) Arc<Inner>);

pub(super) struct Inner {
    config: HttpConfig,
    pub(super) scheduler: Scheduler,
    pub(super) rewrites: Rewrites,
    guarded: Client<HttpsConnector<Connector>, Full<Bytes>>,
    /// For what an operator's rewrite leads to, and for nothing else.
    rewritten: Client<HttpsConnector<Connector>, Full<Bytes>>,
    bytes_in_flight: AtomicUsize,
}

/// What is under way in the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HttpStats {
    /// Requests that have their turn.
    pub in_flight: usize,
    /// Requests that wait for it.
    pub waiting: usize,
    /// Bytes of bodies held.
    pub bytes_in_flight: usize,
}

/// A request with everything in it, secrets too.
pub(super) struct Prepared {
    pub(super) target: Target,
    /// What is sent; secrets may stand in its query.
    pub(super) uri: Uri,
    pub(super) method: hyper::Method,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// For the whole exchange.
    pub(super) timeout: Duration,
    /// Until the head of the answer, connecting included; the operator's own limit holds too.
    pub(super) first_byte: Option<Duration>,
    /// Between two pieces of the answer.
    pub(super) between_bytes: Option<Duration>,
    /// What of the body counts as in flight already.
    pub(super) held: Option<Held>,
}

/// An answer as it came, decompressed.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// Its bytes count as in flight until the guest gets it: a list of answers waits for the last of them.
    pub(super) held: Option<Held>,
}

/// Why there is none.
#[derive(Debug, PartialEq)]
pub(super) enum SendError {
    Denied(String),
    Limited(String),
    Transport(Cause, String),
    ConnectTimeout,
    Timeout,
    TooLarge(u64),
}

/// What of the transport failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    Resolve,
    Connect,
    Certificate,
    Tls,
    Encoding,
    Other,
}

impl HttpClient {
    /// With the operator's settings.
    ///
    /// # Errors
    /// If a rewrite is no URL, or the file of certificates cannot be read.
    pub fn new(config: HttpConfig, resolver: Arc<dyn Resolve>) -> Result<Self, String> {
        let tls = tls(&config)?;
        let client = |guarded| {
            let connector = Connector { resolver: Arc::clone(&resolver), guarded, timeout: config.connect_timeout };
            let connector = hyper_rustls::HttpsConnectorBuilder::new()
                .with_tls_config(tls.clone())
                .https_or_http()
                .enable_all_versions()
                .wrap_connector(connector);
            Client::builder(TokioExecutor::new())
                .timer(TokioTimer::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(IDLE)
                .pool_max_idle_per_host(config.in_flight_per_block)
                .build(connector)
        };
        Ok(Self(Arc::new(Inner {
            scheduler: Scheduler::new(&config),
            rewrites: Rewrites::new(&config.rewrites)?,
            guarded: client(true),
            rewritten: client(false),
            bytes_in_flight: AtomicUsize::new(0),
            config,
        })))
    }

    /// What is under way at this moment.
    pub fn stats(&self) -> HttpStats {
        let (in_flight, waiting) = self.0.scheduler.counts();
        HttpStats { in_flight, waiting, bytes_in_flight: self.0.bytes_in_flight.load(Ordering::Relaxed) }
    }

    pub(super) fn config(&self) -> &HttpConfig {
        &self.0.config
    }

    /// Wait for a turn, send, and read the whole answer. Dropping the future closes what it had open.
    pub(super) async fn send(&self, prepared: Prepared, block: &str, execution: &str) -> Result<Answer, SendError> {
        let lane = Lane { block: block.to_owned(), host: prepared.target.host.clone() };
        // The time to wait for a turn is not the server's: the call's own limit bounds it.
        let _turn = self.0.scheduler.turn(lane, execution).await;
        let timeout = prepared.timeout;
        tokio::time::timeout(timeout, Inner::exchange(&self.0, prepared)).await.unwrap_or(Err(SendError::Timeout))
    }
}

impl std::fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpClient").field("config", &self.0.config).finish_non_exhaustive()
    }
}

impl Inner {
    async fn exchange(self: &Arc<Self>, prepared: Prepared) -> Result<Answer, SendError> {
        let between_bytes = prepared.between_bytes;
        let (response, held) = self.answer(prepared).await?;
        self.read(response, held, between_bytes).await
    }

    /// Send, and wait for the head of the answer.
    pub(super) async fn answer(
        self: &Arc<Self>,
        mut prepared: Prepared,
    ) -> Result<(Response<Incoming>, Held), SendError> {
        let mut held = prepared.held.take().unwrap_or_else(|| Held { client: Arc::clone(self), bytes: 0 });
        held.more(prepared.body.len().saturating_sub(held.bytes))?;
        let (client, uri) = match self.rewritten_uri(&prepared)? {
            Some(uri) => (&self.rewritten, uri),
            None => (&self.guarded, prepared.uri),
        };
        let mut request = Request::new(Full::new(prepared.body));
        *request.method_mut() = prepared.method;
        *request.uri_mut() = uri;
        *request.headers_mut() = prepared.headers;
        let most = self.config.connect_timeout + self.config.first_byte_timeout;
        let first_byte = prepared.first_byte.map_or(most, |asked| asked.min(most));
        let response = tokio::time::timeout(first_byte, client.request(request));
        let response = response.await.map_err(|_| SendError::Timeout)?.map_err(|error| why(&error))?;
        Ok((response, held))
    }

    /// The query, which may hold secrets, goes along.
    fn rewritten_uri(&self, prepared: &Prepared) -> Result<Option<Uri>, SendError> {
        let Some(mut url) = self.rewrites.apply(&prepared.target) else { return Ok(None) };
        url.set_query(prepared.uri.query());
        let unusable = |_| SendError::Transport(Cause::Other, "the rewritten URL cannot be used".to_owned());
        url.as_str().parse().map(Some).map_err(unusable)
    }

    async fn read(
        &self,
        response: Response<Incoming>,
        mut held: Held,
        between_bytes: Option<Duration>,
    ) -> Result<Answer, SendError> {
        let limit = self.config.body_bytes;
        let (mut parts, mut incoming) = response.into_parts();
        let mut body = Vec::new();
        loop {
            let frame = match between_bytes {
                None => incoming.frame().await,
                Some(most) => tokio::time::timeout(most, incoming.frame()).await.map_err(|_| SendError::Timeout)?,
            };
            let Some(frame) = frame else { break };
            let broken = |error| SendError::Transport(Cause::Other, format!("the answer broke off: {error}"));
            let frame = frame.map_err(broken)?;
            let Ok(chunk) = frame.into_data() else { continue };
            if body.len() + chunk.len() > limit {
                return Err(SendError::TooLarge(limit as u64));
            }
            held.more(chunk.len())?;
            body.extend_from_slice(&chunk);
        }
        let encodings: Vec<_> = parts.headers.get_all(CONTENT_ENCODING).iter().collect();
        let body = if encodings.is_empty() {
            body
        } else {
            let encodings = encodings.iter().map(|value| value.as_bytes()).collect::<Vec<_>>().join(&b","[..]);
            let inflated = inflate::inflate(&encodings, body, limit, |bytes| held.more(bytes));
            parts.headers.remove(CONTENT_ENCODING);
            parts.headers.remove(CONTENT_LENGTH);
            inflated?
        };
        held.keep(body.len());
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body, held: Some(held) })
    }
}

/// Bytes that one exchange holds of those that the process may have in flight.
pub(super) struct Held {
    client: Arc<Inner>,
    bytes: usize,
}

impl Held {
    /// Nothing yet.
    pub(super) fn of(client: &HttpClient) -> Self {
        Self { client: Arc::clone(&client.0), bytes: 0 }
    }

    /// Hold more.
    ///
    /// # Errors
    /// If the process then holds too much; it is counted all the same until it is given back.
    pub(super) fn more(&mut self, bytes: usize) -> Result<(), SendError> {
        let limit = self.client.config.bytes_in_flight;
        let before = self.client.bytes_in_flight.fetch_add(bytes, Ordering::Relaxed);
        self.bytes += bytes;
        if before.saturating_add(bytes) > limit {
            let message = format!("more than {limit} bytes of HTTP bodies are in flight in this process");
            return Err(SendError::Limited(message));
        }
        Ok(())
    }

    /// Give back all but this many.
    fn keep(&mut self, bytes: usize) {
        let rest = self.bytes.saturating_sub(bytes);
        self.client.bytes_in_flight.fetch_sub(rest, Ordering::Relaxed);
        self.bytes -= rest;
    }
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Held({} bytes)", self.bytes)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.client.bytes_in_flight.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// The error's own words, without the URL, which may hold a secret.
pub(super) fn why(error: &ClientError) -> SendError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    let (mut deepest, mut kind) = (error.to_string(), Cause::Other);
    while let Some(error) = cause {
        if let Some(connect) = error.downcast_ref::<ConnectError>() {
            return match connect {
                ConnectError::Denied { .. } => SendError::Denied(connect.to_string()),
                ConnectError::Timeout(_) => SendError::ConnectTimeout,
                ConnectError::Resolve(..) | ConnectError::NoAddress(_) => {
                    SendError::Transport(Cause::Resolve, connect.to_string())
                }
                ConnectError::Connect(..) => SendError::Transport(Cause::Connect, connect.to_string()),
            };
        }
        match error.downcast_ref() {
            Some(rustls::Error::InvalidCertificate(_)) => kind = Cause::Certificate,
            Some(_) => kind = Cause::Tls,
            None => {}
        }
        deepest = error.to_string();
        // `io::Error` hides what it wraps from `source`.
        let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        cause = wrapped.map(|inner| inner as &(dyn std::error::Error + 'static)).or_else(|| error.source());
    }
    SendError::Transport(kind, deepest)
}

pub(super) fn tls(config: &HttpConfig) -> Result<rustls::ClientConfig, String> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = &config.ca_file {
        let shown = path.display();
        let known = roots.len();
        let certificates = CertificateDer::pem_file_iter(path).map_err(|error| format!("{shown}: {error}"))?;
        for certificate in certificates {
            let certificate = certificate.map_err(|error| format!("{shown}: {error}"))?;
            roots.add(certificate).map_err(|error| format!("{shown}: {error}"))?;
        }
        if roots.len() == known {
            return Err(format!("{shown}: holds no certificate"));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| format!("TLS cannot be set up: {error}"))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
