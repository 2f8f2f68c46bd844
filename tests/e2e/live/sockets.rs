//! WebSockets.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::{endless, roll, server, slow};
use crate::server::Server;
use crate::sse::Follower;
use crate::support::graph;
use crate::timeline::patiently;

/// A WebSocket of the server.
pub(super) struct Socket(pub(super) WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    pub(super) async fn open(server: &Server) -> Self {
        let (socket, _) = patiently("the handshake", connect_async(Self::url(server))).await.unwrap();
        Self(socket)
    }

    pub(super) fn url(server: &Server) -> String {
        format!("{}/ws", server.url().replacen("http", "ws", 1))
    }

    async fn say(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    /// The next message in JSON.
    async fn hear(&mut self) -> Value {
        let message = async {
            loop {
                match self.0.next().await.unwrap().unwrap() {
                    Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                    Message::Ping(_) | Message::Pong(_) => {}
                    other => panic!("{other:?}"),
                }
            }
        };
        patiently("a message", message).await
    }

    pub(super) async fn ask(&mut self, message: Value) -> Value {
        self.say(message).await;
        self.hear().await
    }

    /// The messages before the end, and the code it ends with.
    pub(super) async fn end(mut self) -> (Vec<Value>, Option<CloseCode>) {
        let mut said = Vec::new();
        loop {
            match patiently("the end", self.0.next()).await {
                Some(Ok(Message::Text(text))) => said.push(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(frame))) => return (said, frame.map(|frame| frame.code)),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return (said, None),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_that_come_back_after_the_last_position_miss_nothing() {
    let (server, _directory) = server(&["pause"], &[]).await;
    let mut socket = Socket::open(&server).await;
    let start = socket.ask(json!({"subscribe": ["job"]})).await["position"].as_i64().unwrap();
    let id = server.submit(&slow(100), &json!(null)).await;
    socket = Socket::open(&server).await;
    let (mut last, mut dice, mut cuts) = (start, 11, 0);
    let mut told = Vec::new();
    'all: loop {
        let topics = json!([format!("execution:{id}"), format!("job:{id}"), "node", "flow"]);
        let answer = socket.ask(json!({"subscribe": topics, "after": last})).await;
        assert_eq!(answer["subscribed"], topics, "{answer}");
        for _ in 0..roll(&mut dice, 8) {
            let message = socket.hear().await;
            let position = message["position"].as_i64().unwrap();
            assert!(position > last, "in order, and none twice");
            last = position;
            told.push(message);
            if told.last().is_some_and(|message| message["event"] == "job:completed") {
                break 'all;
            }
        }
        cuts += 1;
        socket = Socket::open(&server).await;
    }
    assert!(cuts > 30, "{cuts}");
    let name = |message: &Value| message["event"].as_str().unwrap().replacen(':', ".", 1);
    assert!(told.iter().all(|message| message["data"]["event"] == name(message)));
    let told = &told;
    let of = |topic: String| {
        let entries = told.iter().filter(move |message| message["topic"] == topic);
        entries.map(|message| message["data"].clone())
    };
    let entries: Vec<Value> = of(format!("execution:{id}")).collect();
    assert_eq!(json!(entries), server.execution(&id).await["timeline"]);
    let mut job = Follower::new(format!("{}/jobs/{id}/events", server.url()));
    for entry in of(format!("job:{id}")) {
        assert_eq!(patiently("the job's events", job.next()).await.data, entry);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_come_and_go_on_one_socket() {
    let (server, _directory) = server(&["suspends"], &[]).await;
    let (one, other) = (server.submit(&endless(), &json!(null)).await, server.submit(&endless(), &json!(null)).await);
    let mut socket = Socket::open(&server).await;
    let both = json!([format!("job:{one}"), format!("execution:{other}")]);
    let answer = socket.ask(json!({"subscribe": both, "after": 0})).await;
    assert_eq!(answer["subscribed"], both);
    let mut seen = BTreeSet::new();
    // The last that each has to tell until it is cancelled.
    let expected = [format!("job:{one} job:progress"), format!("execution:{other} node:waiting")];
    while !expected.iter().all(|line| seen.contains(line)) {
        let message = socket.hear().await;
        seen.insert(format!("{} {}", message["topic"].as_str().unwrap(), message["event"].as_str().unwrap()));
    }
    assert!(!seen.iter().any(|line| line.starts_with(&format!("execution:{one}"))), "{seen:?}");
    let answer = socket.ask(json!({"unsubscribe": [format!("execution:{other}")]})).await;
    assert_eq!(answer, json!({"unsubscribed": [format!("execution:{other}")]}));
    for id in [&other, &one] {
        assert_eq!(server.post(&format!("/executions/{id}/cancel"), &json!({})).await.0, 200);
    }
    loop {
        let message = socket.hear().await;
        assert_eq!(message["topic"], format!("job:{one}"), "{message}");
        if message["event"] == "job:cancelled" {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_messages_are_answered_and_hostile_ones_end_the_socket() {
    let (server, _directory) = server(&[], &["--max-streams", "3"]).await;
    let mut socket = Socket::open(&server).await;
    let many: Vec<String> = (0..257).map(|number| format!("job:{number}")).collect();
    for (message, code) in [
        (json!(7), "invalid-message"),
        (json!({}), "invalid-message"),
        (json!({"subscribe": "job"}), "invalid-message"),
        (json!({"subscribe": ["jobs"]}), "invalid-message"),
        (json!({"subscribe": ["job"], "unsubscribe": []}), "invalid-message"),
        (json!({"subscribe": many}), "invalid-message"),
        (json!({"subscribe": ["job:nöne \u{0}"]}), "unknown-job"),
        (json!({"subscribe": ["flow:none"]}), "unknown-flow"),
        (json!({"subscribe": ["job"], "after": 1_000_000}), "unknown-position"),
        (json!({"subscribe": ["job"], "after": -1}), "unknown-position"),
    ] {
        let answer = socket.ask(message.clone()).await;
        assert_eq!(answer["error"]["code"], code, "{message}: {answer}");
        assert!(answer["error"]["message"].is_string());
    }
    socket.0.send(Message::text("{\"subscribe\"")).await.unwrap();
    assert_eq!(socket.hear().await["error"]["code"], "invalid-message");
    let answer = socket.ask(json!({"subscribe": ["*"]})).await;
    assert!(answer["subscribed"] == json!(["*"]) && answer["position"].is_i64(), "{answer}");
    assert_eq!(socket.ask(json!({"unsubscribe": ["*", "job"]})).await, json!({"unsubscribed": ["*", "job"]}));

    for (message, code) in [
        (Message::binary(vec![1, 2, 3]), CloseCode::Unsupported),
        (Message::text("x".repeat(100 << 10)), CloseCode::Size),
        (Message::text(" ".repeat(65 << 10)), CloseCode::Size),
    ] {
        let mut socket = Socket::open(&server).await;
        socket.0.send(message).await.unwrap();
        assert_eq!(socket.end().await.1, Some(code));
    }
    let mut far_too_long = Socket::open(&server).await;
    // The server may hang up before it is all sent.
    let _ = far_too_long.0.send(Message::text("x".repeat(8 << 20))).await;
    let code = far_too_long.end().await.1;
    assert!(code.is_none_or(|code| code == CloseCode::Protocol), "{code:?}");
    // All places were given back but one.
    let (one, two) = (patiently_open(&server).await, patiently_open(&server).await);
    let Err(Error::Http(refused)) = connect_async(Socket::url(&server)).await else { panic!("there is no place left") };
    assert_eq!(refused.status().as_u16(), 503);
    drop((one, two));
}

/// A socket once there is a place: those that have ended give theirs back a moment later.
async fn patiently_open(server: &Server) -> Socket {
    let open = async {
        loop {
            match connect_async(Socket::url(server)).await {
                Ok((socket, _)) => return Socket(socket),
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    };
    patiently("a place", open).await
}

#[tokio::test(flavor = "multi_thread")]
async fn web_pages_from_elsewhere_open_no_socket() {
    let (server, _directory) = server(&[], &[]).await;
    for (name, value, status) in [
        ("origin", "https://evil.com", 403),
        ("origin", "null", 403),
        ("sec-fetch-site", "cross-site", 403),
        ("host", "evil.com", 421),
        ("origin", "http://localhost:3000", 101),
    ] {
        let mut request = Socket::url(&server).into_client_request().unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
        let answered = match connect_async(request).await {
            Ok((_, answer)) => answer.status().as_u16(),
            Err(Error::Http(answer)) => answer.status().as_u16(),
            Err(error) => panic!("{name}: {value}: {error}"),
        };
        assert_eq!(answered, status, "{name}: {value}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_that_answer_no_ping_are_given_up() {
    let (server, _directory) = server(&[], &["--heartbeat-ms", "50"]).await;
    let mut alive = Socket::open(&server).await;
    let mut dead = TcpStream::connect(server.url().trim_start_matches("http://")).await.unwrap();
    let hello = "GET /ws HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    dead.write_all(hello.as_bytes()).await.unwrap();
    let mut said = Vec::new();
    // The other one answers while it waits.
    let both = async { tokio::join!(dead.read_to_end(&mut said), alive.0.next()) };
    let (read, ping) = patiently("the end", both).await;
    read.unwrap();
    assert!(said.starts_with(b"HTTP/1.1 101"));
    assert_eq!(said.iter().filter(|byte| **byte == 0x89).count(), 2, "two pings");
    assert!(matches!(ping, Some(Ok(Message::Ping(_)))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_sockets_at_rest_leave_room_for_one_at_work() {
    let (server, _directory) = server(&["suspends"], &[]).await;
    let id = server.submit(&endless(), &json!(null)).await;
    let mut idle = Vec::new();
    for number in 0..1000 {
        let mut socket = Socket::open(&server).await;
        let kind = ["job", "execution"][number % 2];
        socket.say(json!({"subscribe": [format!("{kind}:{id}")]})).await;
        idle.push(socket);
    }
    let one = json!([{"id": "it", "type": "core.transform", "config": {"expression": "1"}}]);
    let mut live = Socket::open(&server).await;
    live.ask(json!({"subscribe": ["job"]})).await;
    for _ in 0..20 {
        server.submit(&graph(one.clone(), &[]), &json!(null)).await;
        while live.hear().await["event"] != "job:completed" {}
    }
    for socket in &mut idle {
        assert!(socket.hear().await["subscribed"].is_array());
    }
    assert_eq!(server.post(&format!("/executions/{id}/cancel"), &json!({})).await.0, 200);
    for (number, socket) in idle.iter_mut().enumerate() {
        let names = if number % 2 == 0 { ["job:cancelled"; 2] } else { ["node:cancelled", "execution:cancelled"] };
        let mut last = Value::Null;
        while last != names[1] {
            last = socket.hear().await["event"].clone();
        }
    }
}
