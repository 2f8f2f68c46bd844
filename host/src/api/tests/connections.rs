//! Connections, with sockets.

use std::num::NonZero;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::super::serve;
use super::super::testing::Server;
use crate::config::{ApiConfig, UploadConfig};

const HALF: &str = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n";
const MIB: usize = 1 << 20;

/// A server behind a socket.
struct Listening {
    address: std::net::SocketAddr,
    no_more: CancellationToken,
    serving: JoinHandle<()>,
}

impl Listening {
    async fn start(connections: usize, head_timeout: Duration) -> Self {
        let server = Server::start_with(ApiConfig { head_timeout, ..ApiConfig::default() }).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, no_more) = (listener.local_addr().unwrap(), CancellationToken::new());
        let most = NonZero::new(connections).unwrap();
        let serving = tokio::spawn(serve(listener, server.state, most, no_more.clone()));
        Self { address, no_more, serving }
    }

    /// A connection that this was sent on.
    async fn sent(&self, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    async fn stop(self) {
        self.no_more.cancel();
        patiently(self.serving).await.unwrap();
    }
}

async fn patiently<F: Future>(future: F) -> F::Output {
    timeout(Duration::from_secs(60), future).await.expect("it takes no minute")
}

/// What comes until the other side closes, or breaks off.
async fn to_the_end(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    // That it breaks off is an end too.
    drop(patiently(stream.read_to_end(&mut all)).await);
    String::from_utf8(all).unwrap()
}

/// The next head that comes.
async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(patiently(stream.read_u8()).await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

#[tokio::test]
async fn connections_that_say_nothing_make_room_for_others() {
    let server = Listening::start(2, Duration::from_millis(100)).await;
    let mut silent = [server.sent("").await, server.sent(HALF).await];
    let mut other = server.sent(&format!("{HALF}\r\n")).await;
    assert!(head(&mut other).await.starts_with("HTTP/1.1 200 "));
    for silent in &mut silent {
        assert_eq!(to_the_end(silent).await, "");
    }
    // And so does one that has been answered.
    to_the_end(&mut other).await;
    server.stop().await;
}

#[tokio::test]
async fn a_connection_waits_for_its_place_and_the_end_for_those_that_are_open() {
    let server = Listening::start(1, Duration::from_secs(3600)).await;
    let body = "{\"config\": {}, \"input\": null}";
    let request = |length: usize| {
        let head = "POST /blocks/core.none/test HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
        format!("{head}content-length: {length}\r\nexpect: 100-continue\r\n\r\n")
    };
    let mut first = server.sent(&request(body.len())).await;
    assert!(head(&mut first).await.starts_with("HTTP/1.1 100 "));
    let mut second = server.sent(&format!("{HALF}\r\n")).await;
    assert!(timeout(Duration::from_millis(50), second.read_u8()).await.is_err());
    first.write_all(body.as_bytes()).await.unwrap();
    assert!(head(&mut first).await.starts_with("HTTP/1.1 404 "));
    drop(first);
    assert!(head(&mut second).await.starts_with("HTTP/1.1 200 "));
    drop(second);
    let mut last = server.sent(&request(body.len())).await;
    assert!(head(&mut last).await.starts_with("HTTP/1.1 100 "));
    server.no_more.cancel();
    last.write_all(body.as_bytes()).await.unwrap();
    assert!(to_the_end(&mut last).await.starts_with("HTTP/1.1 404 "));
    server.stop().await;
}

#[tokio::test]
async fn a_body_that_is_announced_too_large_is_refused_before_it_is_sent() {
    let server = Listening::start(9, Duration::from_secs(3600)).await;
    for (path, kind, limit) in [
        ("/blocks", "application/wasm", UploadConfig::default().bytes),
        ("/workflows", "application/json", ApiConfig::default().body_bytes),
    ] {
        let request = |length: usize| {
            let head = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {kind}\r\n");
            format!("{head}content-length: {length}\r\nexpect: 100-continue\r\n\r\n")
        };
        let answer = to_the_end(&mut server.sent(&request(limit + 1)).await).await;
        assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("body-too-large"), "{answer}");
        assert!(head(&mut server.sent(&request(limit)).await).await.starts_with("HTTP/1.1 100 "));
    }
    server.stop().await;
}

#[tokio::test]
async fn there_is_room_for_many_small_uploads_or_a_few_large_ones() {
    let state = Server::start().await.state;
    let UploadConfig { bytes, receiving, .. } = UploadConfig::default();
    let mut held = Vec::new();
    for _ in 0..40 {
        held.push(state.receiving(MIB).now_or_never().unwrap());
    }
    assert!(state.receiving(186 << 10).now_or_never().is_some());
    held.clear();
    for _ in 0..receiving {
        held.push(state.receiving(bytes).now_or_never().unwrap());
    }
    assert!(state.receiving(0).now_or_never().is_none());
    held.pop();
    assert!(state.receiving(usize::MAX).now_or_never().is_none());
    held.clear();
    assert!(state.receiving(usize::MAX).now_or_never().is_some());
}

#[tokio::test]
async fn uploads_that_do_not_come_hold_up_no_others() {
    let server = Listening::start(99, Duration::from_secs(3600)).await;
    let request = |length: usize| {
        let head =
            "POST /blocks HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/wasm\r\n";
        format!("{head}content-length: {length}\r\n\r\n")
    };
    let mut slow = Vec::new();
    for _ in 0..40 {
        slow.push(server.sent(&format!("{}{}", request(MIB), "x".repeat(1_000))).await);
    }
    let mut other = server.sent(&format!("{}{}", request(186 << 10), "x".repeat(186 << 10))).await;
    let answer = to_the_end(&mut other).await;
    assert!(answer.starts_with("HTTP/1.1 422 ") && answer.contains("not-a-component"), "{answer}");
    // One that keeps nobody waiting is not waited for either.
    let answer = to_the_end(&mut slow[0]).await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("body-timeout"), "{answer}");
    drop(slow);
    server.stop().await;
}
