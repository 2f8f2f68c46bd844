//! Removing everything again, and what those notice of it who come meanwhile.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::interval;

use crate::load::{Connection, Recorder};
use crate::process::Home;
use crate::report::Report;
use crate::server::Server;

use super::MIB;

/// Between two requests while it is removed.
const PACE: Duration = Duration::from_millis(25);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);
/// The file has the size that it will have when it has not changed for so long.
const STEADY: Duration = Duration::from_secs(3);
/// How long a round of removing may be away.
const PATIENCE: Duration = Duration::from_secs(600);

/// What the server says when it has removed something; it gives the pages back after that.
const REMOVED: &str = "removed what was old";

/// Remove all jobs from a database that was of `first_bytes` before they came. `oldest` is among the first to go.
pub(super) async fn measure(home: Home, first_bytes: u64, oldest: &str, report: &mut Report) {
    let mut server = Server::launch(home, &["--retention-ms", "1"]).await.0;
    let (quiet, load) = Load::start(&server).until(begun(&server, oldest)).await;
    report.add("SQLite, W1 at 40 requests/s before retention, p99", quiet.latency().p99_ms, "ms", None);

    let start = Instant::now();
    let (busy, load) = load.until(async { drop(server.process.until(REMOVED).await) }).await;
    report.add("SQLite, retention: all jobs removed after", start.elapsed().as_secs_f64(), "s", None);
    let (giving, load) = load.until(steady(&server.home)).await;
    load.stop().await;
    let given_back = (start.elapsed() - STEADY).as_secs_f64();
    report.add("SQLite, retention: pages given back after", given_back, "s", None);
    report.add("SQLite, W1 at 40 requests/s while jobs are removed, p50", busy.latency().p50_ms, "ms", None);
    report.add("SQLite, W1 at 40 requests/s while jobs are removed, p99", busy.latency().p99_ms, "ms", None);
    report.add("SQLite, W1 at 40 requests/s while pages are given back, p99", giving.latency().p99_ms, "ms", None);
    report.add("SQLite, file after this", server.home.database_bytes() as f64 / MIB, "MiB", None);

    // What came meanwhile is for the next round.
    tokio::time::timeout(PATIENCE, server.process.until(REMOVED)).await.expect("there is a next round");
    steady(&server.home).await;
    let most = first_bytes as f64 * 1.2 / MIB + 1.0;
    let left = server.home.database_bytes() as f64 / MIB;
    report.add("SQLite, file after retention has removed everything", left, "MiB", Some(most));
    server.stop().await;
}

/// Until the oldest job is gone.
async fn begun(server: &Server, oldest: &str) {
    let mut connection = Connection::open(server.address()).await;
    let path = format!("/jobs/{oldest}");
    let start = Instant::now();
    while !connection.get(&path).await.0.is_client_error() {
        assert!(start.elapsed() < PATIENCE, "retention does not remove {oldest}");
        tokio::time::sleep(LOOK).await;
    }
}

/// Until the file's size does not change any more.
async fn steady(home: &Home) {
    let size = || std::fs::metadata(home.database("")).unwrap().len();
    let (mut last, mut since) = (size(), Instant::now());
    while since.elapsed() < STEADY {
        tokio::time::sleep(LOOK).await;
        if size() != last {
            (last, since) = (size(), Instant::now());
        }
    }
}

/// Requests of W1 at a steady pace.
struct Load {
    phase: watch::Sender<usize>,
    recorded: JoinHandle<Vec<Recorder>>,
}
