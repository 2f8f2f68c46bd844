//! Processes are killed again and again while many executions run: all complete, with the right results, with events
//! without a gap, and no node is called again once its end was told.
//!
//! `make test-kills` runs it at full size and prints what was counted.

mod counter;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::stream;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::sync::mpsc;

use crate::server::{Server, Worker, command_with_lease};
use crate::sse::Follower;
use crate::support::{LEASE, graph, postgres};
use crate::timeline::patiently;
use counter::Counter;

const NODES: usize = 10;
/// Of these call out.
const CALLS: usize = 4;

/// Two lanes of calls and pure nodes by turns, put together at the end.
fn document() -> Value {
    let pure = |id: &str| json!({"id": id, "type": "core.transform", "config": {"expression": "{'n': input.n + 1}"}});
    let call = |id: &str| json!({"id": id, "type": "test.calls"});
    let nodes = [
        pure("start"),
        call("a1"),
        pure("a2"),
        call("a3"),
        pure("a4"),
        call("b1"),
        pure("b2"),
        call("b3"),
        pure("b4"),
        json!({"id": "end", "type": "core.transform", "config": {"expression": "{'n': input.a4.n + input.b4.n}"}}),
    ];
    let edges = ["start>a1", "a1>a2", "a2>a3", "a3>a4", "start>b1", "b1>b2", "b2>b3", "b3>b4", "a4>end", "b4>end"];
    graph(json!(nodes), &edges)
}

/// What the document makes of `n`.
fn expected(n: usize) -> Value {
    json!({"n": 2 * (n + 5)})
}

#[derive(Clone, Copy, Debug)]
struct Size {
    executions: usize,
    kills: usize,
}

impl Size {
    /// Small, unless `BLOCKYARD_TEST_KILLS` asks for the full size.
    fn of_this_run() -> Self {
        match std::env::var_os("BLOCKYARD_TEST_KILLS") {
            Some(_) => Self { executions: 200, kills: 20 },
            None => Self { executions: 60, kills: 6 },
        }
    }

    /// Events between two kills: all kills shall come before the work is done.
    fn pace(self) -> usize {
        let events = self.executions * (2 * NODES + 2);
        events / (self.kills + 1)
    }
}

/// A number that changes from run to run and is told, so that a failure can be looked into.
struct Random(u64);

impl Random {
    fn new() -> Self {
        let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64;
        println!("seed {seed}");
        Self(seed | 1)
    }

    /// 0 up to and without `below`.
    fn below(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below.max(1) as u64) as usize
    }
}

/// The counter, and what processes are started with.
struct Scene {
    counter: Counter,
    grants: TempDir,
    url: String,
    lease: Duration,
}

impl Scene {
    async fn new(url: String) -> Self {
        let grants = TempDir::new().unwrap();
        let granted = json!({"test.calls": {"http": [{"host": "counter.example"}]}});
        std::fs::write(grants.path().join("grants.json"), granted.to_string()).unwrap();
        Self { counter: Counter::open().await, grants, url, lease: LEASE }
    }

    fn command(&self, name: &str) -> Command {
        let mut command = command_with_lease(name, &self.url, &["calls"], self.lease);
        let rewrite = format!("https://counter.example=http://127.0.0.1:{}", self.counter.port);
        command.args(["--http-rewrite", &rewrite, "--http-rate-per-host", "0"]);
        command.arg("--grants").arg(self.grants.path().join("grants.json"));
        command
    }

    /// Follow the events of everything, from process to process; told is each `node.completed`.
    fn follow(&self, server: &Server) -> (mpsc::UnboundedSender<String>, mpsc::UnboundedReceiver<Told>) {
        let (moved, mut moves) = mpsc::unbounded_channel::<String>();
        let (tell, told) = mpsc::unbounded_channel();
        let counter = self.counter.clone();
        let mut follower = Follower::new(format!("{}/events?topics=execution,node&after=0", server.url()));
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    url = moves.recv() => match url {
                        Some(url) => follower.go_on_at(format!("{url}/events?topics=execution,node")),
                        None => break,
                    },
                    event = follower.next() => {
                        let entry = &event.data;
                        let id = entry["topic"].as_str().unwrap().trim_start_matches("execution:").to_owned();
                        if event.name == "node.completed" {
                            let place = format!("{id}/{}", entry["nodeId"].as_str().unwrap());
                            counter.seen().completed.insert(place);
                        }
                        let told = Told { id, position: event.id, seq: entry["seq"].as_u64().unwrap(), name: event.name };
                        if tell.send(told).is_err() {
                            break;
                        }
                    }
                }
            }
        });
        (moved, told)
    }
}

/// An event that the follower saw.
#[derive(Debug)]
struct Told {
    id: String,
    position: i64,
    seq: u64,
    name: String,
}

/// Events as the follower saw them, checked as they come.
#[derive(Debug, Default)]
struct Log {
    events: usize,
    last_position: i64,
    last_seq: HashMap<String, u64>,
    ended: usize,
    problems: Vec<String>,
}

impl Log {
    fn take(&mut self, told: &Told) {
        self.events += 1;
        if told.position <= self.last_position {
            self.problems.push(format!("{told:?} came after position {}", self.last_position));
        }
        self.last_position = told.position;
        let last = self.last_seq.entry(told.id.clone()).or_default();
        if told.seq != *last + 1 {
            self.problems.push(format!("{told:?} came after number {last}"));
        }
        *last = told.seq;
        self.ended +=
            usize::from(["execution.completed", "execution.failed", "execution.cancelled"].contains(&&*told.name));
    }

    /// Take events until there were `more`, or all executions have ended.
    async fn until(&mut self, events: &mut mpsc::UnboundedReceiver<Told>, more: usize, executions: usize) {
        let enough = self.events + more;
        while self.events < enough && self.ended < executions {
            let told = patiently("an event", events.recv()).await.expect("the follower goes on");
            self.take(&told);
        }
    }
}

async fn submit(server: &Server, executions: usize) -> Vec<String> {
    let document = document();
    let ids = stream::iter(0..executions).map(|n| {
        let (document, input) = (&document, json!({"n": n}));
        async move { server.submit(document, &input).await }
    });
    ids.buffered(16).collect().await
}

/// What is wrong with the executions.
async fn wrong(server: &Server, ids: &[String], log: &Log) -> Vec<String> {
    let mut wrong = Vec::new();
    for (n, id) in ids.iter().enumerate() {
        let execution = server.execution(id).await;
        if execution["status"] != "completed" || execution["output"] != expected(n) {
            wrong.push(format!("{id}: {} {} {}", execution["status"], execution["output"], execution["error"]));
        }
        let entries = execution["timeline"].as_array().unwrap();
        if !entries.iter().zip(1..).all(|(entry, seq)| entry["seq"] == seq) {
            wrong.push(format!("{id}: its timeline has a gap"));
        }
        if log.last_seq[id] != entries.len() as u64 {
            wrong.push(format!("{id}: followed up to {} of {}", log.last_seq[id], entries.len()));
        }
    }
    wrong
}

/// Everything is as if nobody had been killed.
async fn judge(title: &str, server: &Server, scene: &Scene, ids: &[String], log: &Log, kills: usize, since: Instant) {
    let wrong = wrong(server, ids, log).await;
    let seen = scene.counter.seen();
    let calls: usize = seen.calls.values().sum();
    println!(
        "{title}: {} executions of {NODES} nodes, {kills} kills, {:.1} s\n  wrong or incomplete: {}\n  events: {}, out of \
         order or missing: {}\n  calls: {calls} of {} nodes, cut off by a kill and repeated: {}, after the node's end was \
         told: {}",
        ids.len(),
        since.elapsed().as_secs_f64(),
        wrong.len(),
        log.events,
        log.problems.len(),
        seen.keys.len(),
        calls - seen.calls.len(),
        seen.late.len(),
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(log.problems.is_empty(), "{:#?}", log.problems);
    assert!(seen.late.is_empty(), "{:#?}", seen.late);
    assert_eq!(seen.keys.len(), ids.len() * CALLS);
    assert!(seen.keys.values().all(|keys| keys.len() == 1), "an attempt that is repeated has the same key");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_killed_again_and_again() {
    let (size, mut random, since) = (Size::of_this_run(), Random::new(), Instant::now());
    let directory = TempDir::new().unwrap();
    let url = match crate::support::on_postgres() {
        true => postgres(),
        false => format!("sqlite://{}", directory.path().join("test.db").display()),
    };
    let scene = Scene::new(url).await;
    let mut server = Server::of(scene.command("serve")).await;
    let (moved, mut events) = scene.follow(&server);
    let ids = submit(&server, size.executions).await;
    let mut log = Log::default();
    let mut kills = 0;
    while kills < size.kills {
        log.until(&mut events, 1 + random.below(size.pace()), size.executions).await;
        server.kill().await;
        kills += 1;
        server = Server::of(scene.command("serve")).await;
        moved.send(server.url().to_owned()).unwrap();
    }
    log.until(&mut events, usize::MAX / 2, size.executions).await;
    judge("one server", &server, &scene, &ids, &log, kills, since).await;
    server.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_on_one_postgres_are_killed_one_at_a_time() {
    let (size, mut random, since) = (Size::of_this_run(), Random::new(), Instant::now());
    let scene = Scene::new(postgres()).await;
    let mut api = scene.command("serve");
    api.arg("--no-worker");
    let server = Server::of(api).await;
    let mut workers = Vec::new();
    for _ in 0..3 {
        workers.push(Worker::start(scene.command("worker")).await);
    }
    let (_moved, mut events) = scene.follow(&server);
    let ids = submit(&server, size.executions).await;
    let mut log = Log::default();
    for _ in 0..size.kills {
        log.until(&mut events, 1 + random.below(size.pace()), size.executions).await;
        let worker = workers.remove(random.below(workers.len()));
        worker.kill().await;
        workers.push(Worker::start(scene.command("worker")).await);
    }
    log.until(&mut events, usize::MAX / 2, size.executions).await;
    judge("three workers on Postgres", &server, &scene, &ids, &log, size.kills, since).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_stood_still_records_nothing_of_what_others_took_over() {
    const EXECUTIONS: usize = 30;
    let scene = Scene::new(postgres()).await;
    let mut api = scene.command("serve");
    api.arg("--no-worker");
    let server = Server::of(api).await;
    let frozen = Worker::start(scene.command("worker")).await;
    let (_moved, mut events) = scene.follow(&server);
    let ids = submit(&server, EXECUTIONS).await;
    let mut log = Log::default();
    // It has claimed them, and is somewhere in their midst.
    log.until(&mut events, 100, EXECUTIONS).await;
    frozen.freeze();
    let other = Worker::start(scene.command("worker")).await;
    log.until(&mut events, usize::MAX / 2, EXECUTIONS).await;
    assert!(wrong(&server, &ids, &log).await.is_empty());
    frozen.thaw();
    // What it takes up now it does rightly, and by itself.
    other.terminate().await;
    let more = submit(&server, EXECUTIONS).await;
    log.until(&mut events, usize::MAX / 2, 2 * EXECUTIONS).await;
    frozen.terminate().await;
    for ids in [&ids, &more] {
        let wrong = wrong(&server, ids, &log).await;
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
    assert!(log.problems.is_empty(), "{:#?}", log.problems);
    let seen = scene.counter.seen();
    assert!(seen.keys.values().all(|keys| keys.len() == 1), "an attempt that is repeated has the same key");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_asked_to_stop_hands_over_without_anyone_waiting_for_its_lease() {
    let mut scene = Scene::new(postgres()).await;
    // Nobody would take over from a dead worker within this test.
    scene.lease = Duration::from_secs(600);
    let long = |name: &str| {
        let mut command = scene.command(name);
        command.args(["--shutdown-ms", "50"]);
        command
    };
    let mut api = long("serve");
    api.arg("--no-worker").arg("--block").arg(crate::support::guest("suspends"));
    let server = Server::of(api).await;
    let worker = || {
        let mut command = long("worker");
        command.arg("--block").arg(crate::support::guest("suspends"));
        command
    };
    let first = Worker::start(worker()).await;
    let document = graph(json!([{"id": "it", "type": "test.suspends", "config": {"times": 1, "ms": 3_600_000}}]), &[]);
    let id = server.submit(&document, &json!(1)).await;
    assert!(server.follow(&id, |entry| entry["event"] == "node.waiting").await);
    let second = Worker::start(worker()).await;
    first.terminate().await;
    let resumed = server.follow(&id, |entry| entry["event"] == "execution.resumed");
    assert!(patiently("the other worker to go on with it", resumed).await);
    assert_eq!(server.post(&format!("/executions/{id}/cancel"), &json!({})).await.0, 200);
    let execution = patiently("the end", server.ended(&id)).await;
    assert_eq!(execution["status"], "cancelled", "{execution}");
    let waited = execution["timeline"].as_array().unwrap().iter().filter(|entry| entry["event"] == "node.waiting");
    assert_eq!(waited.count(), 1, "no suspension is asked for twice");
    second.terminate().await;
}
