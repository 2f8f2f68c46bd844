//! `blockyard serve` as a process of its own.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::load::Connection;
use crate::process::{Home, Process};
use crate::report::Report;

pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) home: Home,
    address: SocketAddr,
}

impl Server {
    /// Start it twice: the first start compiles the built-in blocks, the second finds them compiled.
    pub(crate) async fn start(report: &mut Report) -> Self {
        let cold = Self::launch(Home::sqlite(), &[]).await;
        report.add("start, cold compile cache", cold.1.as_secs_f64() * 1000.0, "ms", None);
        let home = cold.0.stop().await;
        let (server, warm) = Self::launch(home, &[]).await;
        report.add("P9 start until /readyz, warm cache", warm.as_secs_f64() * 1000.0, "ms", Some(100.0));
        report.add("P9 resident memory after the start", server.process.resident_mib(), "MiB", Some(60.0));
        server
    }

    /// Start it with these flags, and how long that took.
    pub(crate) async fn launch(home: Home, flags: &[&str]) -> (Self, Duration) {
        let start = Instant::now();
        let mut process = Process::start(&home, "serve", &[&["--listen", "127.0.0.1:0"], flags].concat());
        let line = process.until("http://").await;
        let (_, rest) = line.split_once("http://").unwrap();
        let address = rest.split_whitespace().next().unwrap().trim_end_matches('/').parse().unwrap();
        (Self { process, home, address }, start.elapsed())
    }

    /// Stop it; what it has stays.
    pub(crate) async fn stop(self) -> Home {
        self.process.stop().await;
        self.home
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        self.post_text(path, &body.to_string()).await
    }

    pub(crate) async fn post_text(&self, path: &str, body: &str) -> Value {
        let bytes = Connection::open(self.address).await.post(path, body).await;
        serde_json::from_slice(&bytes).unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, bytes) = Connection::open(self.address).await.get(path).await;
        assert!(status.is_success(), "{path}: {status}: {}", String::from_utf8_lossy(&bytes));
        serde_json::from_slice(&bytes).unwrap()
    }
}
