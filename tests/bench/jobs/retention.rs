//! Removing everything again, and what those notice of it who come meanwhile.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::interval;

use crate::load::{Connection, Latency, Recorder};
use crate::process::Home;
use crate::report::Report;
use crate::server::Server;

use super::MIB;

/// Between two requests while jobs are removed: 40 a second.
const PACE: Duration = Duration::from_millis(25);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);
/// How long a round of removing may be away, and how long giving back may take.
const PATIENCE: Duration = Duration::from_secs(180);

/// What the server says when it has removed something; it gives the pages back after that.
const REMOVED: &str = "removed what was old";

/// Remove all jobs from a database that was of `first_bytes` before they came. `oldest` is among the first to go.
pub(super) async fn measure(home: Home, first_bytes: u64, oldest: &str, report: &mut Report) {
    let full_bytes = file_bytes(&home);
    let mut server = Server::launch(home, &["--retention-ms", "1"]).await.0;
    let load = Load::start(&server).await;
    let before = load.during(begun(&server, oldest)).await;
    let start = Instant::now();
    let removing = load.during(async { drop(server.process.until(REMOVED).await) }).await;
    report.add("SQLite, retention: all jobs removed after", start.elapsed().as_secs_f64(), "s", None);
    // Requests make new jobs all the time, so that it does not become as small as it was.
    let giving = load.during(below(&server.home, full_bytes / 10)).await;
    report.add("SQLite, retention: nine tenths of the file given back after", start.elapsed().as_secs_f64(), "s", None);
    load.stop();
    for (when, latency) in
        [("before", before), ("while jobs are removed", removing), ("while pages are given back", giving)]
    {
        report.add(&format!("SQLite, W1 40 times a second {when}, p50"), latency.p50_ms, "ms", None);
        report.add(&format!("SQLite, W1 40 times a second {when}, p99"), latency.p99_ms, "ms", None);
    }

    // What came meanwhile is for the next round.
    tokio::time::timeout(PATIENCE, server.process.until(REMOVED)).await.expect("there is a next round");
    let most = first_bytes as f64 * 1.2 + MIB;
    below(&server.home, most as u64).await;
    let (file, all) = (file_bytes(&server.home) as f64, server.home.database_bytes() as f64);
    report.add("SQLite, file after retention has removed all", file / MIB, "MiB", Some(most / MIB));
    report.add("SQLite, the same with the log", all / MIB, "MiB", None);
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

/// Until the database's file has no more than so many bytes, or until patience ends.
async fn below(home: &Home, bytes: u64) {
    let start = Instant::now();
    while start.elapsed() < PATIENCE && file_bytes(home) > bytes {
        tokio::time::sleep(LOOK).await;
    }
}

/// Without the log, of which a part stays to be written over.
fn file_bytes(home: &Home) -> u64 {
    std::fs::metadata(home.database("")).unwrap().len()
}

/// Requests of W1 at a steady pace.
struct Load {
    recorder: Arc<Mutex<Recorder>>,
    task: JoinHandle<()>,
}

impl Load {
    async fn start(server: &Server) -> Self {
        let mut connection = Connection::open(server.address()).await;
        let body = json!({"input": crate::data("w1-input.json")}).to_string();
        let recorder = Arc::new(Mutex::new(Recorder::default()));
        let shared = recorder.clone();
        let task = tokio::spawn(async move {
            let mut pace = interval(PACE);
            loop {
                // From when the request was due: one that holds up those after it counts as often as it should.
                let due = pace.tick().await;
                connection.post("/workflows/bench-w1/execute?wait=30", &body).await;
                shared.lock().unwrap().record(due.elapsed());
            }
        });
        Self { recorder, task }
    }

    /// How long requests take while `phase` goes on.
    async fn during(&self, phase: impl Future<Output = ()>) -> Latency {
        self.recorded();
        phase.await;
        self.recorded().latency()
    }

    fn recorded(&self) -> Recorder {
        std::mem::take(&mut *self.recorder.lock().unwrap())
    }

    fn stop(self) {
        self.task.abort();
    }
}
