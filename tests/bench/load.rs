//! Load over kept-alive HTTP/1.1 connections, measured with a histogram.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::server::Server;

pub(crate) struct Latency {
    pub(crate) count: u64,
    pub(crate) per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

pub(crate) struct Recorder {
    histogram: Histogram<u64>,
    start: Instant,
}

impl Default for Recorder {
    fn default() -> Self {
        Self { histogram: Histogram::new(3).unwrap(), start: Instant::now() }
    }
}

impl Recorder {
    pub(crate) async fn time(&mut self, work: impl Future) {
        let start = Instant::now();
        work.await;
        self.record(start.elapsed());
    }

    pub(crate) fn record(&mut self, duration: Duration) {
        self.histogram.record(u64::try_from(duration.as_nanos()).unwrap()).unwrap();
    }

    /// What another has recorded counts too.
    pub(crate) fn add(&mut self, other: &Self) {
        self.histogram.add(&other.histogram).unwrap();
    }

    pub(crate) fn latency(&self) -> Latency {
        let ms = |quantile| self.histogram.value_at_quantile(quantile) as f64 / 1e6;
        let count = self.histogram.len();
        let per_second = count as f64 / self.start.elapsed().as_secs_f64();
        Latency { count, per_second, p50_ms: ms(0.5), p99_ms: ms(0.99) }
    }
}

pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    host: String,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self { sender, host: address.to_string() }
    }

    /// Send, read the whole answer, which must be one of success.
    pub(crate) async fn post(&mut self, path: &str, body: &str) -> Bytes {
        let answer = self.send(Method::POST, path, Bytes::copy_from_slice(body.as_bytes())).await;
        let status = answer.status();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        assert!(status.is_success(), "{path}: {status}: {}", String::from_utf8_lossy(&bytes));
        bytes
    }

    /// Ask, read the whole answer.
    pub(crate) async fn get(&mut self, path: &str) -> (StatusCode, Bytes) {
        let answer = self.stream(path).await;
        let status = answer.status();
        (status, answer.into_body().collect().await.unwrap().to_bytes())
    }

    /// Ask; the answer comes bit by bit.
    pub(crate) async fn stream(&mut self, path: &str) -> Response<Incoming> {
        self.send(Method::GET, path, Bytes::new()).await
    }

    async fn send(&mut self, method: Method, path: &str, body: Bytes) -> Response<Incoming> {
        let request = Request::builder().method(method).uri(path).header("host", &self.host);
        let request = request.header("content-type", "application/json").body(Full::new(body)).unwrap();
        self.sender.ready().await.unwrap();
        self.sender.send_request(request).await.unwrap()
    }
}

/// The same request over and over on `connections` connections.
pub(crate) async fn run(server: &Server, path: &str, body: &str, connections: usize, time: Duration) -> Latency {
    let mut workers = JoinSet::new();
    let end = Instant::now() + time;
    let start = Instant::now();
    for _ in 0..connections {
        let mut connection = Connection::open(server.address()).await;
        let (path, body) = (path.to_owned(), body.to_owned());
        workers.spawn(async move {
            let mut recorder = Recorder::default();
            while Instant::now() < end {
                recorder.time(connection.post(&path, &body)).await;
            }
            recorder
        });
    }
    let mut all = Recorder { start, ..Recorder::default() };
    while let Some(recorder) = workers.join_next().await {
        all.add(&recorder.unwrap());
    }
    all.latency()
}
