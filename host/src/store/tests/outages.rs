//! Connections and servers that are lost, between writes and in the middle of them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// Stands between a store and the server, and cuts the connection where it is told to.
struct Proxy {
    port: u16,
    orders: Arc<Orders>,
}

#[derive(Default)]
struct Orders {
    /// Cut once, when the client sends this.
    at: Mutex<Option<&'static [u8]>>,
    /// Hand over what it sent before, but not the answer.
    hand_over: AtomicBool,
    /// Let nobody in.
    closed: AtomicBool,
    cuts: AtomicU64,
}

impl Proxy {
    async fn start(server: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let orders = Arc::new(Orders::default());
        let accepting = orders.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if !accepting.closed.load(Ordering::SeqCst) {
                    tokio::spawn(pass(client, server, accepting.clone()));
                }
            }
        });
        Self { port, orders }
    }

    fn cut_at(&self, text: &'static [u8], hand_over: bool) {
        self.orders.hand_over.store(hand_over, Ordering::SeqCst);
        *self.orders.at.lock().unwrap() = Some(text);
    }

    fn cuts(&self) -> u64 {
        self.orders.cuts.load(Ordering::SeqCst)
    }

    fn config(&self) -> impl Fn(&str) -> DatabaseConfig {
        let through = format!(":{}/", self.port);
        move |url| config(url.replace(&format!(":{}/", Postgres::shared().port()), &through) + "?sslmode=disable")
    }
}

async fn pass(client: TcpStream, server: u16, orders: Arc<Orders>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = TcpStream::connect(("127.0.0.1", server)).await.unwrap().into_split();
    let answers = tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
    let mut buffer = vec![0; 1 << 20];
    while let Ok(count @ 1..) = from_client.read(&mut buffer).await {
        let said = &buffer[..count];
        let due = {
            let mut at = orders.at.lock().unwrap();
            at.take_if(|text| said.windows(text.len()).any(|window| window == *text)).is_some()
        };
        if due {
            answers.abort();
            drop(answers.await);
            if orders.hand_over.load(Ordering::SeqCst) {
                to_server.write_all(said).await.unwrap();
                // The server closes once it has done what it was told.
                to_server.write_all(b"X\0\0\0\x04").await.unwrap();
            }
            orders.cuts.fetch_add(1, Ordering::SeqCst);
            return;
        }
        if to_server.write_all(said).await.is_err() {
            break;
        }
    }
    answers.abort();
}

async fn through_proxy() -> (Fixture, Proxy, String) {
    let url = Postgres::shared().database().await;
    let proxy = Proxy::start(Postgres::shared().port()).await;
    let fixture = Fixture::open(&proxy.config()(&url), None).await;
    (fixture, proxy, url)
}

#[tokio::test]
async fn a_connection_lost_before_the_commit_costs_nothing() {
    for (n, at) in [&b"BEGIN"[..], b"INSERT INTO jobs", b"UPDATE counters", b"INSERT INTO events"].iter().enumerate() {
        let (fixture, proxy, _) = through_proxy().await;
        proxy.cut_at(at, n % 2 == 0);
        fixture.put(vec![submit("e"), event("e", 1, EventKind::ExecutionStarted)]).await;
        assert_eq!(proxy.cuts(), 1);
        assert_eq!(fixture.store.last_seq(&"e".into()).await.unwrap(), 1);
        assert_eq!(fixture.seen().len(), 1);
        assert_eq!(fixture.store.stats(), Stats { commits: 1, writes: 1, failures: 0 });
    }
}

#[tokio::test]
async fn a_connection_lost_in_the_commit_fails_everything_in_it_and_nothing_is_done_twice() {
    for hand_over in [true, false] {
        let (fixture, proxy, url) = through_proxy().await;
        let store = &fixture.store;
        fixture.put(vec![submit("e")]).await;
        proxy.cut_at(b"COMMIT\0", hand_over);
        let one = store.write(vec![event("e", 1, EventKind::ExecutionStarted)], Urgency::RideAlong);
        let other = store.write(vec![submit("f")], Urgency::RideAlong);
        let claimed = store.claim_jobs(claim(5000, 10)).await;
        for error in [claimed.map(drop), one.await.map(drop), other.await.map(drop)].map(Result::unwrap_err) {
            assert!(matches!(error, StoreError::Database(_)), "{error}");
            assert!(error.to_string().contains("a commit got no answer"), "{error}");
        }
        assert_eq!(proxy.cuts(), 1);
        assert_eq!(store.stats().failures, 3);
        assert!(fixture.seen().is_empty(), "nothing is told that may not be so");
        // Whoever did it looks at what is recorded, and goes on from there.
        let expected = i64::from(hand_over);
        let direct = Fixture::open(&config(&url), None).await;
        let mut found = direct.number("SELECT COUNT(*) FROM events").await;
        for _ in 0..10_000 {
            if found == expected {
                break;
            }
            tokio::task::yield_now().await;
            found = direct.number("SELECT COUNT(*) FROM events").await;
        }
        assert_eq!(found, expected);
        assert!(
            store.write(vec![event("e", 2, EventKind::NodeStarted)], Urgency::Now).await.is_err(),
            "until forgiven"
        );
        store.forget_failure(&"e".into());
        fixture.put(vec![event("e", 2, EventKind::NodeStarted)]).await;
        assert_eq!(direct.number("SELECT COUNT(*) FROM events").await, expected + 1);
    }
}

#[tokio::test]
async fn a_read_that_loses_its_connection_takes_another() {
    let (fixture, proxy, _) = through_proxy().await;
    fixture.put(vec![submit("e")]).await;
    for n in 1..=3 {
        proxy.cut_at(b"SELECT e.id", n % 2 == 0);
        assert_eq!(fixture.status("e").await, ExecutionStatus::Pending);
        assert_eq!(proxy.cuts(), n);
    }
}

#[tokio::test]
async fn a_listener_that_loses_its_connection_says_so() {
    let (fixture, proxy, url) = through_proxy().await;
    let mut notices = fixture.store.notices().await.unwrap().unwrap();
    fixture.run("SELECT pg_notify('blockyard', 'changed before')").await;
    assert_eq!(notices.next().await, Some(Notice::Changed("before".into())));
    let direct = Fixture::open(&config(&url), None).await;
    direct
        .run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' \
        AND datname = current_database()",
        )
        .await;
    assert_eq!(notices.next().await, Some(Notice::Lost));
    direct.run("SELECT pg_notify('blockyard', 'changed after')").await;
    assert_eq!(notices.next().await, Some(Notice::Changed("after".into())));
    proxy.orders.closed.store(true, Ordering::SeqCst);
}

#[tokio::test]
async fn a_session_that_the_server_ends_is_replaced() {
    let url = Postgres::shared().database().await;
    let (fixture, other) = (Fixture::open(&config(&url), None).await, Fixture::open(&config(&url), None).await);
    for n in 0..3 {
        fixture.put(vec![submit(&format!("e{n}"))]).await;
        fixture.store.ping().await.unwrap();
        other
            .run(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() \
            AND datname = current_database()",
            )
            .await;
    }
    assert_eq!(fixture.store.counts().await.unwrap().pending_jobs, 3);
    assert_eq!(fixture.store.stats().failures, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_comes_back_finds_everything_as_it_was() {
    let postgres = Postgres::own();
    let fixture = Fixture::open(&config(postgres.database().await), None).await;
    let store = &fixture.store;
    fixture.put(vec![submit("e")]).await;
    let mut notices = store.notices().await.unwrap().unwrap();
    // Between two writes.
    postgres.stop_immediately();
    let waiting = store.write(vec![event("e", 1, EventKind::ExecutionStarted)], Urgency::Now);
    let reading = tokio::spawn({
        let store = store.clone();
        async move { store.last_seq(&"e".into()).await.unwrap() }
    });
    postgres.start();
    waiting.await.unwrap();
    reading.await.unwrap();
    assert_eq!(store.last_seq(&"e".into()).await.unwrap(), 1);
    assert_eq!(notices.next().await, Some(Notice::Lost));
    // During writes: each is either there or was told to have failed.
    let writer = tokio::spawn({
        let store = store.clone();
        async move {
            let mut unsure = Vec::new();
            for n in 0..300 {
                let id = format!("f{n}");
                if store.write(vec![submit(&id)], Urgency::Now).await.is_err() {
                    unsure.push(id);
                }
            }
            unsure
        }
    });
    while store.stats().commits < 50 {
        tokio::task::yield_now().await;
    }
    postgres.stop_immediately();
    postgres.start();
    let unsure = writer.await.unwrap();
    assert!(unsure.len() <= 1, "at most the commit that was under way: {unsure:?}");
    for n in (0..300).map(|n| format!("f{n}")).filter(|id| !unsure.contains(id)) {
        assert!(store.execution(&n.as_str().into()).await.unwrap().is_some(), "{n}");
    }
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_closes_although_its_server_is_gone() {
    let postgres = Postgres::own();
    let fixture = Fixture::open(&config(postgres.database().await), None).await;
    fixture.store.ping().await.unwrap();
    postgres.stop_immediately();
    fixture.store.close().await.unwrap();
    assert!(matches!(fixture.store.ping().await, Err(StoreError::Closed)));
}
