//! The release server as a process of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::load::Connection;
use crate::report::Report;

pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    directory: TempDir,
}

/// Where cargo put this program, two levels up: `<target>`.
pub(crate) fn target_directory() -> PathBuf {
    let this = std::env::current_exe().unwrap();
    this.ancestors().nth(3).expect("cargo puts benches into <target>/<profile>/deps").to_owned()
}

impl Server {
    /// Start it twice: the first start compiles the built-in blocks, the second finds them compiled.
    pub(crate) async fn start(report: &mut Report) -> Self {
        let directory = TempDir::new_in(target_directory()).unwrap();
        let cold = Self::launch(directory).await;
        report.add("start, cold compile cache", cold.1.as_secs_f64() * 1000.0, "ms", None);
        let directory = cold.0.stop().await;
        let (server, warm) = Self::launch(directory).await;
        report.add("P9 start until /readyz, warm cache", warm.as_secs_f64() * 1000.0, "ms", Some(100.0));
        report.add("P9 resident memory after the start", server.resident_mib(), "MiB", Some(60.0));
        server
    }

    async fn launch(directory: TempDir) -> (Self, Duration) {
        let start = Instant::now();
        let mut child = Command::new(target_directory().join("release/blockyard"))
            .args(["serve", "--listen", "127.0.0.1:0"])
            .arg("--database")
            .arg(format!("sqlite://{}", directory.path().join("bench.db").display()))
            .arg("--cache-dir")
            .arg(directory.path().join("cache"))
            .env("NO_COLOR", "1")
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the release binary is built by `make bench`");
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = loop {
            let line = lines.next_line().await.unwrap().expect("the server says where it listens");
            if let Some((_, rest)) = line.split_once("http://") {
                break rest.split_whitespace().next().unwrap().trim_end_matches('/').parse().unwrap();
            }
        };
        let elapsed = start.elapsed();
        // Keep reading, or the server would block on a full pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        (Self { child, address, directory }, elapsed)
    }

    pub(crate) async fn stop(mut self) -> TempDir {
        let pid = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
        self.child.wait().await.unwrap();
        self.directory
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn database(&self, suffix: &str) -> PathBuf {
        self.directory.path().join(format!("bench.db{suffix}"))
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        self.post_text(path, &body.to_string()).await
    }

    pub(crate) async fn post_text(&self, path: &str, body: &str) -> Value {
        let (_, bytes) = Connection::open(self.address).await.post(path, body).await;
        serde_json::from_slice(&bytes).unwrap()
    }

    /// User and system time that the process has used.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id().unwrap())).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        // USER_HZ is 100 on every Linux.
        Duration::from_millis(ticks * 10)
    }

    pub(crate) fn resident_mib(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id().unwrap())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
    }
}
