//! A server that counts calls, and what was seen of the events of the executions that make them.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};

use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpListener;

/// `EXECUTION/NODE`
pub(super) type Place = String;

/// What the counter and the follower of the events have seen, in one order.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// How often each node called, by idempotency key.
    pub(super) calls: HashMap<String, usize>,
    /// The keys of each node's calls.
    pub(super) keys: HashMap<Place, HashSet<String>>,
    /// Nodes whose `node.completed` came by.
    pub(super) completed: HashSet<Place>,
    /// Calls that came after that.
    pub(super) late: Vec<Place>,
}

#[derive(Clone, Debug)]
pub(super) struct Counter {
    seen: Arc<Mutex<Seen>>,
    pub(super) port: u16,
}

impl Counter {
    pub(super) async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let counter = Self { seen: Arc::default(), port: listener.local_addr().unwrap().port() };
        let served = counter.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let counter = served.clone();
                let answer = service_fn(move |request| {
                    counter.count(&request);
                    async { Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())) }
                });
                // A process that is killed drops its connections.
                tokio::spawn(async move {
                    let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), answer).await;
                });
            }
        });
        counter
    }

    fn count(&self, request: &Request<Incoming>) {
        let place = request.uri().path().trim_start_matches('/').to_owned();
        let key = request.headers()["idempotency-key"].to_str().unwrap().to_owned();
        let mut seen = self.seen();
        if seen.completed.contains(&place) {
            seen.late.push(place.clone());
        }
        seen.keys.entry(place).or_default().insert(key.clone());
        *seen.calls.entry(key).or_default() += 1;
    }

    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }
}
