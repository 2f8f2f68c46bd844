//! One server in a temporary directory, and who cleans up after it.

use std::ffi::OsStr;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Mutex;

use crate::binaries::{Account, account, folder};
use crate::{PASSWORD, USER};

/// How often a start is tried: another process may have taken the port that was free a moment ago.
const STARTS: usize = 5;

/// Waits for the end of its input, which comes with the end of the process that started it, then stops the server and
/// removes its directory. What a terminal sends to end the tests must not end it.
const WATCHER: &str = r#"trap '' HUP INT TERM
while read -r _; do :; done
"$1/pg_ctl" stop --silent --mode=immediate --pgdata="$2/data" >/dev/null 2>&1
rm -rf "$2" 2>/dev/null || { sleep 1; rm -rf "$2"; }"#;

/// Where it listens, and to how many.
const ADDRESS: &str = "listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 400
";

/// How much it does for what it keeps.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Settings {
    /// Nothing that is kept has to outlive the machine, so nothing is flushed. A server that was stopped like by a crash
    /// has to know all it acknowledged, so `synchronous_commit` stays on.
    Throwaway,
    /// As Postgres comes: every commit is flushed to the disk.
    Durable,
}

impl Settings {
    fn lines(self) -> &'static str {
        match self {
            Self::Throwaway => {
                "fsync = off
full_page_writes = off
shared_buffers = 16MB
max_wal_size = 128MB
autovacuum_naptime = 10min
"
            }
            Self::Durable => "fsync = on\n",
        }
    }
}

#[derive(Debug)]
pub(crate) struct Server {
    binaries: PathBuf,
    directory: PathBuf,
    account: Option<Account>,
    port: Mutex<u16>,
    /// Closed to have it clean up.
    input: Option<ChildStdin>,
    watcher: Child,
}

impl Server {
    pub(crate) fn create(settings: Settings) -> Self {
        let binaries = folder();
        let account = account();
        let directory = tempfile::Builder::new().prefix("blockyard-postgres-").tempdir();
        let directory = directory.expect("a temporary directory").keep();
        if let Some(Account { uid, gid }) = account {
            chown(&directory, Some(uid), Some(gid)).expect("the directory is given to the server's user");
        }
        let mut watcher = Command::new("sh");
        watcher.args(["-c", WATCHER, "sh"]).arg(&binaries).arg(&directory).stdin(Stdio::piped()).process_group(0);
        let mut watcher = run_as(account, &mut watcher).spawn().expect("sh starts");
        let input = watcher.stdin.take();
        let server = Self { binaries, directory, account, port: Mutex::new(0), input, watcher };
        server.initialise(settings);
        for start in 1.. {
            *server.port.lock().expect("no panic before") = free_port();
            match server.try_start() {
                Ok(()) => break,
                Err(error) => assert!(start < STARTS, "Postgres does not start: {error}"),
            }
        }
        server
    }

    fn initialise(&self, settings: Settings) {
        let password = self.directory.join("password");
        std::fs::write(&password, PASSWORD).expect("the password is written");
        let data = self.data();
        let done = self.run("initdb", |command| {
            command.arg("--pgdata").arg(data).arg("--pwfile").arg(password);
            command.args(["--username", USER, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]);
        });
        done.unwrap_or_else(|error| panic!("initdb: {error}"));
        let lines = format!("{ADDRESS}{}", settings.lines());
        let file = std::fs::File::options().append(true).open(self.data().join("postgresql.conf"));
        file.and_then(|mut file| file.write_all(lines.as_bytes())).expect("the settings are written");
    }

    pub(crate) fn port(&self) -> u16 {
        *self.port.lock().expect("no panic before")
    }

    /// Of the process that all others of the server are children of.
    pub(crate) fn process_id(&self) -> u32 {
        let file = std::fs::read_to_string(self.data().join("postmaster.pid")).expect("the server runs");
        file.lines().next().and_then(|line| line.trim().parse().ok()).expect("it starts with a number")
    }

    #[cfg(test)]
    pub(crate) fn directory(&self) -> &std::path::Path {
        &self.directory
    }

    pub(crate) fn start(&self) {
        self.try_start().unwrap_or_else(|error| panic!("Postgres does not start again: {error}"));
    }

    pub(crate) fn stop(&self) {
        let data = self.data();
        let done = self.run("pg_ctl", |command| {
            command.args(["stop", "--silent", "--wait", "--mode=immediate", "--pgdata"]).arg(data);
        });
        done.unwrap_or_else(|error| panic!("Postgres does not stop: {error}"));
    }

    fn try_start(&self) -> Result<(), String> {
        let (data, log) = (self.data(), self.directory.join("log"));
        let port = format!("-p {}", self.port());
        let done = self.run("pg_ctl", |command| {
            command.args(["start", "--silent", "--wait", "--timeout=120", "--options", &port, "--pgdata"]).arg(data);
            command.arg("--log").arg(&log);
        });
        done.map_err(|error| format!("{error}\n{}", std::fs::read_to_string(&log).unwrap_or_default()))
    }

    fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    fn run(&self, name: &str, arguments: impl FnOnce(&mut Command)) -> Result<(), String> {
        let mut command = Command::new(self.binaries.join(name));
        arguments(&mut command);
        // A file, not a pipe: the server keeps what it is given open.
        let said = self.directory.join(format!("{name}.out"));
        let output = std::fs::File::create(&said).map_err(|error| error.to_string())?;
        let errors = output.try_clone().map_err(|error| error.to_string())?;
        // Variables of Postgres's own tools would lead elsewhere.
        for (key, _) in std::env::vars_os().filter(|(key, _)| starts_with_pg(key)) {
            command.env_remove(key);
        }
        command.current_dir(&self.directory).stdin(Stdio::null()).stdout(output).stderr(errors).process_group(0);
        let status = run_as(self.account, &mut command).status().map_err(|error| format!("{name}: {error}"))?;
        if status.success() {
            return Ok(());
        }
        Err(format!("{status}: {}", std::fs::read_to_string(&said).unwrap_or_default()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.input.take());
        // It has been told; that it was killed meanwhile changes nothing here.
        let _ = self.watcher.wait();
    }
}

fn starts_with_pg(key: &OsStr) -> bool {
    key.as_encoded_bytes().starts_with(b"PG")
}

fn run_as(account: Option<Account>, command: &mut Command) -> &mut Command {
    if let Some(Account { uid, gid }) = account {
        command.uid(uid).gid(gid);
    }
    command
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    listener.expect("a free port").port()
}
