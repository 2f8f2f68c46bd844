//! Live events of the real server over TCP: clients that are cut off, that do not read, that ask for odd things.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::server::{Server, command};
use crate::sse::{Follower, Sent};
use crate::support::graph;
use crate::timeline::patiently;

/// Times that a client is cut off during one execution.
const CUTS: usize = 100;

async fn server(guests: &[&str], flags: &[&str]) -> (Server, TempDir) {
    let directory = TempDir::new().unwrap();
    let url = format!("sqlite://{}", directory.path().join("live.db").display());
    let mut command = command("serve", &url, guests);
    command.args(flags);
    (Server::of(command).await, directory)
}

/// Nodes one after the other, each with a pause.
fn slow(nodes: usize) -> Value {
    let node = |number| json!({"id": format!("n{number}"), "type": "test.pause", "config": {"ms": 15}});
    let edges: Vec<String> = (1..nodes).map(|number| format!("n{}>n{number}", number - 1)).collect();
    let edges: Vec<&str> = edges.iter().map(String::as_str).collect();
    graph((0..nodes).map(node).collect::<Vec<_>>().into(), &edges)
}

/// Waits until it is cancelled.
fn endless() -> Value {
    graph(json!([{"id": "it", "type": "test.suspends", "config": {"ms": 3_600_000}}]), &[])
}

/// Random enough, and the same each time.
fn roll(state: &mut u64, sides: u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % sides
}

/// Follow `path` to the event `last`, cut off after every few events or in the middle of one.
async fn follow_with_cuts(server: &Server, path: &str, last: &str) -> Vec<Sent> {
    let mut follower = Follower::new(format!("{}{path}", server.url()));
    let (mut all, mut cuts, mut dice) = (Vec::<Sent>::new(), 0, 5);
    while all.last().is_none_or(|sent| sent.name != last) {
        let wait = Duration::from_millis(1 + roll(&mut dice, 40));
        if cuts < CUTS && roll(&mut dice, 2) == 0 {
            // An event may or may not come before.
            if let Ok(sent) = tokio::time::timeout(wait, follower.next()).await {
                all.push(sent);
            }
            follower.cut();
            cuts += 1;
        } else {
            all.push(patiently(last, follower.next()).await);
        }
    }
    assert_eq!(cuts, CUTS, "the execution was too short");
    assert!(all.is_sorted_by(|a, b| a.id < b.id), "in order, and none twice");
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_are_cut_off_a_hundred_times_see_every_event_once() {
    let (server, _directory) = server(&["pause"], &[]).await;
    let id = server.submit(&slow(150), &json!(null)).await;
    let (execution_path, job_path) = (format!("/executions/{id}/events"), format!("/jobs/{id}/events"));
    let (execution, job) = tokio::join!(
        follow_with_cuts(&server, &execution_path, "execution.completed"),
        follow_with_cuts(&server, &job_path, "job.completed"),
    );
    let timeline = server.execution(&id).await["timeline"].as_array().unwrap().clone();
    let told: Vec<Value> = execution.iter().map(|sent| sent.data.clone()).collect();
    assert_eq!(told, timeline);
    assert!(timeline.len() >= 300);

    let mut whole = Follower::new(format!("{}{job_path}", server.url()));
    for sent in &job {
        let again = patiently("the job's events", whole.next()).await;
        assert_eq!((again.id, &again.name, &again.data), (sent.id, &sent.name, &sent.data));
    }
    let progress: Vec<f64> = job.iter().map(|sent| sent.data["progress"].as_f64().unwrap()).collect();
    assert!(progress.is_sorted(), "{progress:?}");
    assert_eq!((&job[0].name[..], progress[0], progress[1]), ("job.created", 0.0, 5.0));
    assert_eq!(progress[progress.len() - 2..], [95.0, 100.0]);
}

/// A WebSocket of the server.
struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    async fn open(server: &Server) -> Self {
        let (socket, _) = patiently("the handshake", connect_async(Self::url(server))).await.unwrap();
        Self(socket)
    }

    fn url(server: &Server) -> String {
        format!("{}/ws", server.url().replacen("http", "ws", 1))
    }

    async fn say(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    /// The next message in JSON.
    async fn hear(&mut self) -> Value {
        loop {
            match patiently("a message", self.0.next()).await.unwrap().unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    async fn ask(&mut self, message: Value) -> Value {
        self.say(message).await;
        self.hear().await
    }

    /// The messages before the end, and the code it ends with.
    async fn end(mut self) -> (Vec<Value>, Option<CloseCode>) {
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
    let (mut last, mut dice, mut cuts) = (start, 11, 0);
    let mut told = Vec::new();
    loop {
        let topics = json!([format!("execution:{id}"), format!("job:{id}"), "node", "flow"]);
        let answer = socket.ask(json!({"subscribe": topics, "after": last})).await;
        assert_eq!(answer["subscribed"], topics, "{answer}");
        for _ in 0..roll(&mut dice, 8) {
            let message = socket.hear().await;
            let position = message["position"].as_i64().unwrap();
            assert!(position > last, "in order, and none twice");
            last = position;
            told.push(message);
        }
        if told.last().is_some_and(|message| message["event"] == "job:completed") {
            break;
        }
        cuts += 1;
        socket = Socket::open(&server).await;
    }
    assert!(cuts > 30, "{cuts}");
    let name = |message: &Value| message["event"].as_str().unwrap().replacen(':', ".", 1);
    assert!(told.iter().all(|message| message["data"]["event"] == name(message)));
    let of =
        |topic: String| told.iter().filter(|message| message["topic"] == topic).map(|message| message["data"].clone());
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
    while seen.len() < 5 {
        // Created, loading and waiting of the one; started, its node started and waiting of the other.
        let message = socket.hear().await;
        seen.insert(format!("{} {}", message["topic"].as_str().unwrap(), message["event"].as_str().unwrap()));
    }
    assert!(seen.contains(&format!("job:{one} job:created")), "{seen:?}");
    assert!(seen.contains(&format!("execution:{other} node:waiting")), "{seen:?}");
    assert!(!seen.iter().any(|line| line.starts_with(&format!("execution:{one}"))), "{seen:?}");
    let answer = socket.ask(json!({"unsubscribe": [format!("execution:{other}")]})).await;
    assert_eq!(answer, json!({"unsubscribed": [format!("execution:{other}")]}));
    for id in [&other, &one] {
        assert_eq!(server.post(&format!("/executions/{id}/cancel"), &json!({})).await.0, 200);
    }
    let message = socket.hear().await;
    assert_eq!((&message["topic"], &message["event"]), (&json!(format!("job:{one}")), &json!("job:cancelled")));
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
    assert_eq!(socket.ask(json!({"subscribe": ["*"]})).await, json!({"subscribed": ["*"], "position": 3}));
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

/// A connection that takes little before it is read.
async fn narrow(server: &Server) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(server.url().trim_start_matches("http://").parse().unwrap()).await.unwrap()
}

/// A thousand nodes beside each other, with long names.
fn wide() -> Value {
    let name = |number: usize| format!("n{number:0>60}");
    let node = |number| json!({"id": name(number), "type": "core.transform", "config": {"expression": "1"}});
    graph((0..1000).map(node).collect::<Vec<_>>().into(), &[])
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_that_stand_still_are_dropped_and_come_back_for_the_rest() {
    let patience = Duration::from_millis(500);
    let flags = ["--stream-patience-ms", &patience.as_millis().to_string()];
    let (server, _directory) = server(&[], &flags).await;
    let mut events = narrow(&server).await;
    events.write_all(b"GET /events HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut head = [0; 12];
    patiently("the answer", events.read_exact(&mut head)).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");
    let (mut socket, _) =
        tokio_tungstenite::client_async(Socket::url(&server), MaybeTlsStream::Plain(narrow(&server).await))
            .await
            .unwrap();
    socket.send(Message::text(json!({"subscribe": ["*"]}).to_string())).await.unwrap();
    let answer = patiently("the answer", socket.next()).await.unwrap().unwrap();
    assert!(answer.to_text().unwrap().contains("subscribed"));

    // More than what the system keeps for them.
    for _ in 0..14 {
        let id = server.submit(&wide(), &json!(null)).await;
        server.ended(&id).await;
    }
    // Time is what this is about: less than what a socket gets before it is given up.
    tokio::time::sleep(patience + patience / 4).await;

    let mut text = String::new();
    let mut chunk = vec![0; 1 << 16];
    while let Ok(count @ 1..) = patiently("the rest", events.read(&mut chunk)).await {
        text.push_str(&String::from_utf8_lossy(&chunk[..count]));
        if text.contains("slow-reader") {
            break;
        }
    }
    let last = text.lines().filter_map(|line| line.strip_prefix("id: ")).next_back().unwrap();
    let error = text.lines().find(|line| line.contains("slow-reader")).expect("it is told");
    let error: Value = serde_json::from_str(error.strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(error, json!({"code": "slow-reader", "after": last.parse::<i64>().unwrap()}));
    let mut rest = Follower::new(format!("{}/events?after={last}", server.url()));
    let next = patiently("the rest", rest.next()).await.id;
    assert!(next > last.parse().unwrap() && next < last.parse::<i64>().unwrap() + 5);

    let (said, code) = Socket(socket).end().await;
    if code.is_some() {
        let (error, events) = said.split_last().unwrap();
        assert_eq!(code, Some(CloseCode::Again));
        assert_eq!(error["error"]["code"], "slow-reader");
        assert_eq!(error["error"]["after"], events.last().unwrap()["position"]);
    }
    assert_eq!(server.get("/healthz").await.0, 200);
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

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_says_goodbye_to_sockets_and_ends_streams() {
    let (server, _directory) = server(&["suspends"], &["--shutdown-ms", "50"]).await;
    let id = server.submit(&endless(), &json!(null)).await;
    let mut sockets = Vec::new();
    for _ in 0..20 {
        let mut socket = Socket::open(&server).await;
        socket.ask(json!({"subscribe": [format!("execution:{id}")]})).await;
        sockets.push(socket);
    }
    let stream = reqwest::get(format!("{}/events", server.url())).await.unwrap();
    let ends = futures::future::join_all(sockets.into_iter().map(Socket::end));
    let ((), ends, stream) = tokio::join!(server.terminate(), ends, stream.bytes());
    assert!(ends.iter().all(|(_, code)| *code == Some(CloseCode::Away)), "{ends:?}");
    stream.unwrap();
}
