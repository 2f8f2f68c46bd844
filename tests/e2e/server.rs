//! The real binary, started, talked to over HTTP, and killed.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::support::{LEASE, cache_dir, guest, key_file};
use crate::timeline::{COMPILING, patiently, patiently_for};

/// `blockyard` beside this test's own folder, built once more if it is older than the test.
pub(crate) fn binary() -> &'static Path {
    static BINARY: LazyLock<PathBuf> = LazyLock::new(|| {
        let own = std::env::current_exe().unwrap();
        // <target>/<profile>/deps/e2e-<hash>
        let folder = own.ancestors().nth(2).unwrap();
        let binary = folder.join("blockyard");
        let made = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
        if made(&binary).is_none_or(|made_at| Some(made_at) < made(&own)) {
            build(folder);
        }
        binary
    });
    &BINARY
}

fn build(folder: &Path) {
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = std::process::Command::new(cargo);
    // As the Makefile builds it, so that the features of dependencies are the same and nothing else is compiled again.
    command.args(["build", "--workspace", "--bin=blockyard"]);
    command.args(["--profile", profile, "--target-dir"]).arg(folder.parent().unwrap());
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "blockyard does not compile:\n{}", String::from_utf8_lossy(&output.stderr));
}

/// A command of the binary with nothing of this test's own environment, on a database and with these guests.
pub(crate) fn command(name: &str, url: &str, guests: &[&str]) -> Command {
    command_with_lease(name, url, guests, LEASE)
}

/// The same with another time that a worker which is gone keeps its jobs, if the database is on Postgres.
pub(crate) fn command_with_lease(name: &str, url: &str, guests: &[&str], lease: Duration) -> Command {
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("BLOCKYARD_")) {
        command.env_remove(name);
    }
    command.args([name, "--log", "info", "--database", url]);
    if url.starts_with("postgres") {
        command.arg("--master-key-file").arg(key_file());
        command.arg("--lease-ms").arg(lease.as_millis().to_string());
    }
    command.arg("--cache-dir").arg(cache_dir());
    for name in guests {
        command.arg("--block").arg(guest(name));
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// Start a process and wait until it says that it is ready, in a line with `sign`; what that line says after it.
pub(crate) async fn start(mut command: Command, sign: &str) -> (Child, String) {
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut said = String::new();
    let ready = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if let Some((_, rest)) = line.split_once(sign) {
                return rest.trim().to_owned();
            }
            said.push_str(&line);
            said.push('\n');
        }
        panic!("the process ended: {said}");
    };
    let rest = patiently_for(COMPILING, "the process", ready).await;
    // A full pipe would hold the process up.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    (child, rest)
}

/// A running `blockyard worker`. It is killed when dropped.
pub(crate) struct Worker {
    child: Child,
}

impl Worker {
    /// Start it.
    pub(crate) async fn start(command: Command) -> Self {
        let (child, _) = start(command, "working on jobs").await;
        Self { child }
    }

    /// `kill -9`
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Ask it to stop, and wait until it has.
    pub(crate) async fn terminate(mut self) {
        terminate(&mut self.child).await;
    }

    /// Let it stand still, as a machine that swaps or sleeps does.
    pub(crate) fn freeze(&self) {
        signal(&self.child, "-STOP");
    }

    /// Let it go on.
    pub(crate) fn thaw(&self) {
        signal(&self.child, "-CONT");
    }
}

fn signal(child: &Child, signal: &str) {
    let pid = child.id().expect("it runs").to_string();
    assert!(std::process::Command::new("kill").args([signal, &pid]).status().unwrap().success());
}

async fn terminate(child: &mut Child) {
    signal(child, "-TERM");
    assert!(patiently("the end of the process", child.wait()).await.unwrap().success());
}

/// A running `blockyard serve`. It is killed when dropped.
pub(crate) struct Server {
    child: Child,
    url: String,
    http: reqwest::Client,
}

impl Server {
    /// Start it on a database with these guests.
    pub(crate) async fn start(database: &str, guests: &[&str]) -> Self {
        Self::of(command("serve", database, guests)).await
    }

    /// Start it with flags of one's own.
    pub(crate) async fn of(mut command: Command) -> Self {
        command.args(["--listen", "127.0.0.1:0"]);
        let (child, url) = start(command, "listening on ").await;
        Self { child, url, http: reqwest::Client::new() }
    }

    /// Where it listens: `http://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Ask it to stop, and wait until it has.
    pub(crate) async fn terminate(mut self) {
        terminate(&mut self.child).await;
    }

    /// Start an execution; its id. It is recorded when the answer comes.
    pub(crate) async fn submit(&self, document: &Value, input: &Value) -> String {
        let body = json!({"workflowDefinition": document, "input": input});
        let request = self.http.post(format!("{}/workflows/execute", self.url)).json(&body);
        let answer = patiently("the answer", request.send()).await.unwrap();
        let status = answer.status();
        let accepted: Value = answer.json().await.unwrap();
        assert_eq!(status.as_u16(), 202, "{accepted}");
        accepted["executionId"].as_str().unwrap().to_owned()
    }

    /// The status and JSON that a `GET` answers.
    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        let answer = patiently("the answer", self.http.get(format!("{}{path}", self.url)).send()).await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// The status and JSON that a `POST` answers. A block that is to be called may have to be compiled first.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = self.http.post(format!("{}{path}", self.url)).json(body);
        let answer = patiently_for(COMPILING, "the answer", request.send()).await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// The status and JSON that a `PUT` answers.
    pub(crate) async fn put(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = self.http.put(format!("{}{path}", self.url)).json(body);
        let answer = patiently("the answer", request.send()).await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// The status and JSON that a `DELETE` answers; `null` if there is no body.
    pub(crate) async fn delete(&self, path: &str) -> (u16, Value) {
        let answer = patiently("the answer", self.http.delete(format!("{}{path}", self.url)).send()).await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    /// Upload a component and wait until it is compiled; the status and JSON of the answer.
    pub(crate) async fn upload(&self, component: Vec<u8>) -> (u16, Value) {
        let request =
            self.http.post(format!("{}/blocks?wait=300", self.url)).header("content-type", "application/wasm");
        let sent = request.body(component).send();
        let answer = patiently_for(COMPILING, "the component to be compiled", sent).await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// An execution with its nodes and timeline.
    pub(crate) async fn execution(&self, id: &str) -> Value {
        let (status, execution) = self.get(&format!("/executions/{id}")).await;
        assert_eq!(status, 200, "{execution}");
        execution
    }

    /// Follow an execution's events until `enough` says so; false if they end before.
    pub(crate) async fn follow(&self, id: &str, mut enough: impl FnMut(&Value) -> bool) -> bool {
        let request = self.http.get(format!("{}/executions/{id}/events", self.url));
        let mut answer = patiently("the events", request.send()).await.unwrap();
        let mut text = String::new();
        while let Some(chunk) = patiently("an event", answer.chunk()).await.unwrap() {
            text.push_str(std::str::from_utf8(&chunk).unwrap());
            while let Some((message, rest)) = text.split_once("\n\n") {
                let data = message.lines().find_map(|line| line.strip_prefix("data: "));
                let stop = data.is_some_and(|data| enough(&serde_json::from_str(data).unwrap()));
                text = rest.to_owned();
                if stop {
                    return true;
                }
            }
        }
        false
    }

    /// Wait for the end of an execution and return it with its nodes and timeline.
    pub(crate) async fn ended(&self, id: &str) -> Value {
        self.follow(id, |_| false).await;
        self.execution(id).await
    }

    /// `kill -9`
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}
