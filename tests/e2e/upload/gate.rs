//! A server on loopback that versions of the block ask whether they may go on.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::timeline::patiently;

/// Says no until it is opened.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    port: u16,
    is_open: Arc<AtomicBool>,
    /// The executions that have asked.
    asked: watch::Sender<HashSet<String>>,
}

impl Gate {
    pub(super) async fn shut() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let gate = Self { port, is_open: Arc::default(), asked: watch::Sender::default() };
        let served = gate.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let gate = served.clone();
                let service = service_fn(move |request| {
                    let answer = gate.answer(&request);
                    async { Ok::<_, Infallible>(answer) }
                });
                tokio::spawn(async move {
                    drop(Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await);
                });
            }
        });
        gate
    }

    fn answer(&self, request: &Request<Incoming>) -> Response<Empty<Bytes>> {
        let mut answer = Response::new(Empty::new());
        if !self.is_open.load(Ordering::SeqCst) {
            *answer.status_mut() = StatusCode::ACCEPTED;
        }
        let execution = request.uri().path().trim_start_matches('/').to_owned();
        self.asked.send_modify(|asked| {
            asked.insert(execution);
        });
        answer
    }

    /// What leads the block here.
    pub(super) fn rewrite(&self) -> String {
        format!("https://narrow.versioned.example=http://127.0.0.1:{}", self.port)
    }

    /// Wait until each of these executions has asked.
    pub(super) async fn asked_by(&self, executions: &[String]) {
        let mut asked = self.asked.subscribe();
        let all = asked.wait_for(|asked| executions.iter().all(|id| asked.contains(id)));
        drop(patiently("all executions to ask", all).await.unwrap());
    }

    /// Say yes from now on.
    pub(super) fn open(&self) {
        self.is_open.store(true, Ordering::SeqCst);
    }
}
