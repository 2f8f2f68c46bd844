//! The binary as a process of its own, and what it has used.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

/// Where cargo put this program: `<target>/<profile>`.
fn profile_directory() -> PathBuf {
    let this = std::env::current_exe().unwrap();
    this.ancestors().nth(2).expect("cargo puts benches into <target>/<profile>/deps").to_owned()
}

/// `<target>`
pub(crate) fn target_directory() -> PathBuf {
    profile_directory().parent().expect("a profile's folder is in the target directory").to_owned()
}

/// The binary of the same profile, unless `BLOCKYARD_BENCH_BINARY` names another.
fn binary() -> PathBuf {
    std::env::var_os("BLOCKYARD_BENCH_BINARY").map_or_else(|| profile_directory().join("blockyard"), PathBuf::from)
}

/// What processes that belong together share: a database, compiled blocks, and a key.
pub(crate) struct Home {
    directory: TempDir,
    url: String,
}

impl Home {
    /// With a SQLite database of its own, on the disk that the target directory is on.
    pub(crate) fn sqlite() -> Self {
        let directory = TempDir::new_in(target_directory()).unwrap();
        let url = format!("sqlite://{}", directory.path().join("bench.db").display());
        Self { directory, url }
    }

    /// With a database at `url`.
    pub(crate) fn at(url: String) -> Self {
        Self { directory: TempDir::new_in(target_directory()).unwrap(), url }
    }

    /// The SQLite database's file with this suffix.
    pub(crate) fn database(&self, suffix: &str) -> PathBuf {
        self.directory.path().join(format!("bench.db{suffix}"))
    }

    /// What the SQLite database takes on the disk.
    pub(crate) fn database_bytes(&self) -> u64 {
        let length = |suffix: &&str| std::fs::metadata(self.database(suffix)).map_or(0, |file| file.len());
        ["", "-wal"].iter().map(length).sum()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

/// A running process. It is killed when dropped.
pub(crate) struct Process {
    child: Child,
    said: mpsc::UnboundedReceiver<String>,
}

impl Process {
    /// Start `command` of the binary.
    pub(crate) fn start(home: &Home, command: &str, flags: &[&str]) -> Self {
        let binary = binary();
        let mut process = Command::new(&binary);
        // What is configured here is not what is measured.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("BLOCKYARD_")) {
            process.env_remove(name);
        }
        process.args([command, "--database", &home.url]).args(flags);
        process.arg("--cache-dir").arg(home.path("cache")).arg("--master-key-file").arg(home.path("master.key"));
        process.env("NO_COLOR", "1").stdin(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = process
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}; `make bench` builds it", Path::display(&binary)));
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (tell, said) = mpsc::unbounded_channel();
        // All of it, or the process would block on a full pipe.
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                if line.contains(" WARN ") || line.contains(" ERROR ") {
                    eprintln!("  the server says: {line}");
                }
                // Whether or not anybody listens.
                drop(tell.send(line));
            }
        });
        Self { child, said }
    }

    /// The next line that has `sign` in it.
    pub(crate) async fn until(&mut self, sign: &str) -> String {
        let mut others = String::new();
        while let Some(line) = self.said.recv().await {
            if line.contains(sign) {
                return line;
            }
            others += &line;
            others.push('\n');
        }
        panic!("the process ended before it said `{sign}`. It said:\n{others}");
    }

    pub(crate) async fn stop(mut self) {
        let pid = self.pid().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
        assert!(self.child.wait().await.unwrap().success());
    }

    fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// User and system time that the process has used.
    pub(crate) fn cpu(&self) -> Duration {
        Usage::of(self.pid()).expect("it runs").own
    }

    pub(crate) fn resident_mib(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
    }
}

/// User and system time that a process with its children has used: those that run, and those that have ended.
pub(crate) fn cpu_of_family(pid: u32) -> Duration {
    let others = std::fs::read_dir("/proc").unwrap().flatten();
    let others = others.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let children = others.filter_map(Usage::of).filter(|usage| usage.parent == pid).map(|usage| usage.own);
    let usage = Usage::of(pid).expect("it runs");
    usage.own + usage.ended_children + children.sum::<Duration>()
}

struct Usage {
    parent: u32,
    own: Duration,
    ended_children: Duration,
}

impl Usage {
    /// `None` if there is no such process (any more).
    fn of(pid: u32) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
        // USER_HZ is 100 on every Linux.
        let time = |at: usize| Some(Duration::from_millis((number(at)? + number(at + 1)?) * 10));
        Some(Self { parent: u32::try_from(number(1)?).ok()?, own: time(11)?, ended_children: time(13)? })
    }
}
