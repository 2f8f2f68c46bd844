//! What blocks send: who may send where and with whose secret, how many at once, whose turn it is, and that a cancelled
//! call lets go. The built-in `api.hunter` does the sending; a gate on loopback stands for the vendor.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use blockyard::app::App;
use blockyard::config::Rewrite;
use blockyard::domain::block::HttpRule;
use blockyard::domain::{ExecutionStatus, Grant, Mode, NewSecret, Owner, RunOptions, UserId};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};

use crate::support::{Run, config, graph, node};
use crate::timeline::patiently;

/// Answers every request once it is let through, and tells when a client goes away before.
struct Gate {
    port: u16,
    inside: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    permits: Arc<Semaphore>,
    /// The query of each request, in the order of arrival.
    arrived: mpsc::UnboundedReceiver<String>,
    left: mpsc::UnboundedReceiver<Instant>,
}

impl Gate {
    async fn open(permits: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (arrivals, arrived) = mpsc::unbounded_channel();
        let (leavings, left) = mpsc::unbounded_channel();
        let (inside, most) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let permits = Arc::new(Semaphore::new(permits));
        let gate = Self { port, inside, most, permits, arrived, left };
        let (inside, most, permits) = (gate.inside.clone(), gate.most.clone(), gate.permits.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let visit = Visit { inside: inside.clone(), most: most.clone(), permits: permits.clone() };
                tokio::spawn(visit.serve(stream, arrivals.clone(), leavings.clone()));
            }
        });
        gate
    }

    /// An app whose `api.hunter` comes here, also by way of other hosts.
    async fn app(&self, in_flight: usize) -> App {
        let mut config = config(&[]);
        config.http.in_flight_per_block = in_flight;
        config.http.rate_per_host = 0.0;
        let to = format!("http://127.0.0.1:{}", self.port);
        for host in ["api.hunter.io", "mine.example"] {
            config.http.rewrites.push(Rewrite { from: format!("https://{host}/v2"), to: to.clone() });
        }
        App::start(config).await.unwrap()
    }
}

struct Visit {
    inside: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    permits: Arc<Semaphore>,
}

impl Visit {
    async fn serve(
        self,
        mut stream: TcpStream,
        arrivals: mpsc::UnboundedSender<String>,
        left: mpsc::UnboundedSender<Instant>,
    ) {
        while let Some(target) = request(&mut stream).await {
            let now = self.inside.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(now, Ordering::SeqCst);
            drop(arrivals.send(target));
            let gone = tokio::select! {
                permit = self.permits.acquire() => { permit.unwrap().forget(); false }
                _ = stream.read_u8() => true,
            };
            self.inside.fetch_sub(1, Ordering::SeqCst);
            if gone {
                let _ = left.send(Instant::now());
                return;
            }
            let body = json!({"data": {"status": "valid", "score": 90, "total": 3}, "meta": {}}).to_string();
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
            if stream.write_all(format!("{head}{body}").as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

/// The target of the next request; `None` when the client is gone.
async fn request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(bytes).ok()?.split(' ').nth(1)?.to_owned())
}

async fn store(app: &App, name: &str, owner: Owner, hosts: &[&str]) {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let value = format!("{name}-of-{}-0123456789", owner.as_str());
    let secret = NewSecret::parse(name.parse().unwrap(), owner, value.into(), &hosts, None).unwrap();
    app.vault.put(&UserId::local(), secret).await.unwrap();
}

/// A workflow that verifies its input, one address or a list.
fn verify(extra: Value) -> Value {
    let mut node = json!({"id": "it", "type": "api.hunter", "config": {"operation": "emailVerifier"}});
    for (key, value) in extra.as_object().unwrap() {
        node[key] = value.clone();
    }
    graph(json!([node]), &[])
}

fn lead(name: &str) -> Value {
    json!({"email": format!("{name}@example.com")})
}

/// The code and message of the node, or its output.
async fn outcome(run: Run<'_>, app: &App) -> Result<Value, (String, String)> {
    let execution = patiently("the end", run.end()).await;
    let call = node(app, &execution, "it").await.call;
    match call.error {
        Some(error) => Err((error.code, error.message)),
        None => Ok(call.outputs.get("output").unwrap().to_value().unwrap()),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_hold_for_32_executions_and_a_greedy_one_and_nobody_starves() {
    const LIMIT: usize = 5;
    const MANY: usize = 60;
    const SINGLES: usize = 32;
    let mut gate = Gate::open(0).await;
    let app = gate.app(LIMIT).await;
    store(&app, "hunter", Owner::Shared, &["api.hunter.io"]).await;

    let list: Vec<Value> = (0..MANY).map(|number| lead(&format!("greedy{number}"))).collect();
    let each = verify(json!({"forEach": {"items": "{{ input }}", "concurrency": MANY}}));
    let mut greedy = Run::new(&app, each, json!(list)).submit().await;
    let mut singles = Vec::new();
    for number in 0..SINGLES {
        singles.push(Run::new(&app, verify(json!({})), lead(&format!("single{number}"))).submit().await);
    }
    // Everyone stands in line, the greedy one with all that it has.
    let everyone = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(2));
        while app.http.stats().waiting + app.http.stats().in_flight < SINGLES + MANY {
            ticks.tick().await;
        }
    };
    patiently("everyone to stand in line", everyone).await;
    let mut order = Vec::new();
    for _ in 0..MANY + SINGLES {
        order.push(patiently("the next request", gate.arrived.recv()).await.unwrap());
        gate.permits.add_permits(1);
    }
    assert_eq!(patiently("the end", greedy.ended()).await.unwrap().status, ExecutionStatus::Completed);
    for mut single in singles {
        assert_eq!(patiently("the end", single.ended()).await.unwrap().status, ExecutionStatus::Completed);
    }
    assert_eq!(gate.most.load(Ordering::SeqCst), LIMIT);
    // In turns only those of the greedy one go first that were let in before anyone else came, the one of its turn, and
    // what overtakes on the way; in the order of arrival it would be all of them.
    // Of the singles those that are on their way at the end may be overtaken by any number, on a machine that is busy.
    let mut singles = order.iter().enumerate().filter(|(_, target)| target.contains("single"));
    let (last, _) = singles.nth(SINGLES - LIMIT).unwrap();
    let before = order[..last].iter().filter(|target| target.contains("greedy")).count();
    assert!(before <= 2 * LIMIT, "{before} of the greedy execution went first");
    assert_eq!((app.http.stats().in_flight, app.http.stats().waiting), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelling_frees_the_connection_within_100_ms() {
    let mut gate = Gate::open(0).await;
    let app = gate.app(5).await;
    store(&app, "hunter", Owner::Shared, &["api.hunter.io"]).await;
    let mut best = Duration::MAX;
    // Other tests keep the machine busy: the best of some tries counts.
    for _ in 0..5 {
        let mut ticket = Run::new(&app, verify(json!({})), lead("ada")).submit().await;
        patiently("the request", gate.arrived.recv()).await.unwrap();
        let start = Instant::now();
        app.queue.cancel(&ticket.execution_id).await.unwrap();
        let left = patiently("the connection's end", gate.left.recv()).await.unwrap();
        best = best.min(left.saturating_duration_since(start));
        assert_eq!(patiently("the end", ticket.ended()).await.unwrap().status, ExecutionStatus::Cancelled);
        assert_eq!(app.http.stats().in_flight, 0);
    }
    assert!(best <= Duration::from_millis(100), "{best:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_author_who_points_a_block_at_a_host_of_their_own_gets_no_secret_there() {
    let mut gate = Gate::open(100).await;
    let app = gate.app(5).await;
    store(&app, "hunter", Owner::Shared, &["api.hunter.io"]).await;
    let document = || verify(json!({"config": {"operation": "emailVerifier", "baseUrl": "https://mine.example/v2"}}));
    let run = || Run::new(&app, document(), lead("ada"));

    let (code, message) = outcome(run(), &app).await.unwrap_err();
    assert_eq!(code, "denied");
    assert!(message.contains("`api.hunter` is not granted GET https://mine.example"), "{message}");

    // The operator grants the host, and not the secret there.
    let block = "api.hunter".parse().unwrap();
    let mut grant = Grant::clone(&app.catalogue.grant(&block));
    grant.http.push(HttpRule { host: Some("mine.example".into()), ..HttpRule::default() });
    app.catalogue.set_grant(block.clone(), grant.clone());
    let (code, message) = outcome(run(), &app).await.unwrap_err();
    assert_eq!(code, "denied");
    assert!(message.contains("may not send the secret `hunter` to `mine.example`"), "{message}");

    // The grant names the secret, and the secret itself is for another host.
    grant.http.last_mut().unwrap().secrets.push("hunter".into());
    app.catalogue.set_grant(block, grant);
    let (code, message) = outcome(run(), &app).await.unwrap_err();
    assert_eq!(code, "denied");
    assert!(message.contains("the secret `hunter` is not for `mine.example`"), "{message}");
    assert!(gate.arrived.try_recv().is_err(), "something was sent");

    // Both agree.
    store(&app, "hunter", Owner::Shared, &["api.hunter.io", "mine.example"]).await;
    outcome(run(), &app).await.unwrap();
    assert!(gate.arrived.try_recv().unwrap().starts_with("/email-verifier?"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_its_owner_can_use_a_secret_with_any_block() {
    let gate = Gate::open(100).await;
    let app = gate.app(5).await;
    store(&app, "hunter", Owner::User("alice".into()), &["api.hunter.io"]).await;
    store(&app, "team-key", Owner::User("alice".into()), &["api.hunter.io"]).await;
    let mapped = || verify(json!({"secrets": {"hunter": "team-key"}}));

    outcome(Run::new(&app, verify(json!({})), lead("ada")).user("alice"), &app).await.unwrap();
    outcome(Run::new(&app, mapped(), lead("ada")).user("alice"), &app).await.unwrap();
    for document in [verify(json!({})), mapped()] {
        let (code, message) = outcome(Run::new(&app, document, lead("ada")).user("bob"), &app).await.unwrap_err();
        assert_eq!(code, "secret-not-set", "{message}");
    }
    // His own goes to him, a shared one to everyone.
    store(&app, "team-key", Owner::User("bob".into()), &["api.hunter.io"]).await;
    outcome(Run::new(&app, mapped(), lead("ada")).user("bob"), &app).await.unwrap();
    store(&app, "hunter", Owner::Shared, &["api.hunter.io"]).await;
    outcome(Run::new(&app, verify(json!({})), lead("ada")).user("bob"), &app).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_execution_recorded_can_be_replayed_in_mode_test() {
    let mut gate = Gate::open(100).await;
    let app = gate.app(5).await;
    store(&app, "hunter", Owner::Shared, &["api.hunter.io"]).await;
    let options = RunOptions { record: true, exchanges: None };
    let leads = json!([lead("ada"), lead("bob")]);
    let execution = Run::new(&app, verify(json!({})), leads.clone()).options(options).end().await;
    let recorded = node(&app, &execution, "it").await.call;
    let exchanges = recorded.exchanges.unwrap();
    assert_eq!(exchanges.to_value().unwrap().as_array().unwrap().len(), 2);
    assert!(!exchanges.as_str().contains("hunter-of-shared"));
    while gate.arrived.try_recv().is_ok() {}

    let replay = RunOptions { record: false, exchanges: Some(exchanges.clone()) };
    let run = Run::new(&app, verify(json!({})), leads).mode(Mode::Test).options(replay);
    let execution = patiently("the end", run.end()).await;
    assert_eq!(node(&app, &execution, "it").await.call.outputs, recorded.outputs);
    let other = Run::new(&app, verify(json!({})), lead("eve")).mode(Mode::Test);
    let replay = RunOptions { record: false, exchanges: Some(exchanges) };
    assert_eq!(outcome(other.options(replay), &app).await.unwrap_err().0, "not-recorded");
    assert!(gate.arrived.try_recv().is_err(), "something was sent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grants_come_from_a_file_that_says_where_it_is_wrong() {
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().join("grants.json");
    let with = |text: &str| {
        std::fs::write(&path, text).unwrap();
        let mut config = config(&[]);
        config.grants_file = Some(path.clone());
        config
    };
    for (text, words) in [
        ("[]", "grants.json"),
        ("{\"Hunter\": {}}", "no block type"),
        ("{\"api.hunter\": {\"http\": [{\"host\": 7}]}}", "api.hunter.http[0].host"),
        ("{\"api.hunter\": {\"https\": []}}", "https"),
        ("{\"api.hunter\": {\"http\": [{\"hostFrom\": \"config:/baseUrl\"}]}}", "/api.hunter/http/0/host"),
        ("{\"api.hunter\": {\"http\": [{\"host\": \"*\"}]}}", "/api.hunter/http/0/host"),
    ] {
        let error = App::start(with(text)).await.unwrap_err().to_string();
        assert!(error.contains(words), "{text}: {error}");
    }
    // What the file says stands in place of what the block came with.
    let app = App::start(with("{\"api.hunter\": {\"http\": [{\"host\": \"mine.example\"}]}}")).await.unwrap();
    store(&app, "hunter", Owner::Shared, &["api.hunter.io"]).await;
    let (code, message) = outcome(Run::new(&app, verify(json!({})), lead("ada")), &app).await.unwrap_err();
    assert_eq!(code, "secret-not-granted", "{message}");
    let hosts: Vec<_> = app.catalogue.grant(&"api.apollo".parse().unwrap()).http.clone();
    assert!(!hosts.is_empty(), "others keep theirs");
}
