//! Live events of the real server over TCP: clients that are cut off, that do not read, that ask for odd things.

mod sockets;

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::MaybeTlsStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use self::sockets::Socket;
use crate::server::{Server, Worker, command};
use crate::sse::{Follower, Sent};
use crate::support::{config_on_disk, graph, on_postgres};
use crate::timeline::patiently;

/// Times that a client is cut off during one execution.
const CUTS: usize = 100;

/// What a server needs for as long as it runs.
struct Rest {
    _directory: TempDir,
    _worker: Option<Worker>,
}

/// A server with these guests and flags. On Postgres it does no work itself: its clients hear of what a worker does.
async fn server(guests: &[&str], flags: &[&str]) -> (Server, Rest) {
    let (config, directory) = config_on_disk(&[]);
    let url = &config.database.url;
    let mut serve = command("serve", url, guests);
    serve.args(flags);
    let worker = if on_postgres() {
        serve.arg("--no-worker");
        Some(Worker::start(command("worker", url, guests)).await)
    } else {
        None
    };
    (Server::of(serve).await, Rest { _directory: directory, _worker: worker })
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
        let wait = Duration::from_millis(1 + roll(&mut dice, 30));
        if cuts < CUTS && roll(&mut dice, 4) != 0 {
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
    let id = server.submit(&slow(200), &json!(null)).await;
    let (execution_path, job_path) = (format!("/executions/{id}/events"), format!("/jobs/{id}/events"));
    let (execution, job) = tokio::join!(
        follow_with_cuts(&server, &execution_path, "execution.completed"),
        follow_with_cuts(&server, &job_path, "job.completed"),
    );
    let timeline = server.execution(&id).await["timeline"].as_array().unwrap().clone();
    let told: Vec<Value> = execution.iter().map(|sent| sent.data.clone()).collect();
    assert_eq!(told, timeline);
    assert!(timeline.len() >= 400);

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
