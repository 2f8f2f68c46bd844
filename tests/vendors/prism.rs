//! A Prism process that mocks one OpenAPI document.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

/// How long it may take to read its document.
const PATIENCE: Duration = Duration::from_secs(180);
/// What it says once it answers.
const READY: &str = "Prism is listening";
/// Lines of its output that a failure shows.
const SHOWN_LINES: usize = 12;

/// The folder of this test.
pub(crate) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vendors")
}

/// A running mock. It is killed when dropped.
pub(crate) struct Prism {
    /// Kills the process by its id when dropped.
    _child: Child,
    port: u16,
    log: Log,
}

type Log = Arc<Mutex<Vec<String>>>;

impl Prism {
    /// Mock `openapi/<document>` on a free port of this machine, and wait until it answers.
    pub(crate) async fn start(document: &str) -> Self {
        let program = folder().join("node_modules/@stoplight/prism-cli/dist/index.js");
        assert!(program.is_file(), "Prism is not installed: `make test-vendors` does that");
        let port = free_port();
        let mut command = Command::new("node");
        command.arg(program).arg("mock").arg(folder().join("openapi").join(document));
        // One process: a second one would outlive the first.
        command.args(["--host", "127.0.0.1", "--errors", "--multiprocess", "false", "--port", &port.to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("node does not start: {error}"));
        let log = Log::default();
        let (ready, mut is_ready) = watch::channel(false);
        let ready = Arc::new(ready);
        keep(child.stdout.take().unwrap(), &log, &ready);
        keep(child.stderr.take().unwrap(), &log, &ready);
        drop(ready);
        let prism = Self { _child: child, port, log };
        let waited = tokio::time::timeout(PATIENCE, is_ready.wait_for(|ready| *ready)).await;
        // Without a sender left the process has closed its output.
        if !matches!(waited, Ok(Ok(_))) {
            panic!("the mock of {document} does not come up:\n{}", prism.log());
        }
        prism
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The end of what it wrote.
    pub(crate) fn log(&self) -> String {
        let log = self.log.lock().unwrap();
        log.iter().skip(log.len().saturating_sub(SHOWN_LINES)).cloned().collect::<Vec<_>>().join("\n")
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Reads one of the process's outputs to its end; a full pipe would hold it up.
fn keep(output: impl AsyncRead + Unpin + Send + 'static, log: &Log, ready: &Arc<watch::Sender<bool>>) {
    let (log, ready) = (Arc::clone(log), Arc::clone(ready));
    tokio::spawn(async move {
        let mut lines = BufReader::new(output).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            if line.contains(READY) {
                ready.send_replace(true);
            }
            log.lock().unwrap().push(line);
        }
    });
}
