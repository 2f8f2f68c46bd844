//! Flags that several commands share, and what they mean for the [`Config`].

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use zeroize::Zeroizing;

use super::Usage;
use crate::config::{Config, SecretsConfig, Synchronous};

/// How workflows are run.
#[derive(Debug, Args)]
#[command(next_help_heading = "Engine")]
pub(super) struct Engine {
    /// Where compiled blocks are kept [default: $XDG_CACHE_HOME/blockyard or ~/.cache/blockyard]
    #[arg(long, env = "BLOCKYARD_CACHE_DIR", value_name = "DIR")]
    cache_dir: Option<PathBuf>,
    /// Most that they may take there: what was not used for longest goes [default: 4 GiB]
    #[arg(long, env = "BLOCKYARD_CACHE_BYTES", value_name = "BYTES")]
    cache_bytes: Option<u64>,
    /// When a commit counts as done: on the disk, or with the operating system [default: full]
    #[arg(long, env = "BLOCKYARD_SYNCHRONOUS", value_enum)]
    synchronous: Option<SynchronousArg>,
    /// A component to offer beside the built-in blocks; may be given several times
    #[arg(long = "block", env = "BLOCKYARD_BLOCKS", value_name = "FILE", value_delimiter = ',')]
    blocks: Vec<PathBuf>,
    /// Executions at work at once [default: 256]
    #[arg(long, env = "BLOCKYARD_EXECUTION_CONCURRENCY", value_name = "N", value_parser = at_least_one)]
    execution_concurrency: Option<usize>,
    /// Nodes at work at once in one execution [default: 64]
    #[arg(long, env = "BLOCKYARD_NODE_CONCURRENCY", value_name = "N", value_parser = at_least_one)]
    node_concurrency: Option<usize>,
    /// Block instances alive at once [default: 256]
    #[arg(long, env = "BLOCKYARD_MAX_INSTANCES", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_instances: Option<u32>,
    /// Time inside the sandbox that one call of a block may take [default: 10000]
    #[arg(long, env = "BLOCKYARD_CPU_MS", value_name = "MS")]
    cpu_ms: Option<u64>,
    /// Wall time that one call of a block may take, if its node does not say [default: 60000]
    #[arg(long, env = "BLOCKYARD_TIMEOUT_MS", value_name = "MS")]
    timeout_ms: Option<u64>,
    /// CPU time that compiling a component from outside may take [default: 180000]
    #[arg(long, env = "BLOCKYARD_COMPILE_CPU_MS", value_name = "MS", value_parser = clap::value_parser!(u64).range(1..))]
    compile_cpu_ms: Option<u64>,
    /// Components from outside that are compiled at once [default: 1]
    #[arg(long, env = "BLOCKYARD_COMPILE_CONCURRENCY", value_name = "N", value_parser = at_least_one)]
    compile_concurrency: Option<usize>,
    /// Memory of one block instance [default: 536870912]
    #[arg(long, env = "BLOCKYARD_MEMORY_BYTES", value_name = "BYTES", value_parser = at_least_one)]
    memory_bytes: Option<usize>,
    /// All that one call of a block may return [default: 16777216]
    #[arg(long, env = "BLOCKYARD_OUTPUT_BYTES", value_name = "BYTES", value_parser = at_least_one)]
    output_bytes: Option<usize>,
    /// Where the master key of the stored secrets is kept, made at the first start [default: beside the database].
    /// `BLOCKYARD_MASTER_KEY` gives the key itself
    #[arg(long, env = "BLOCKYARD_MASTER_KEY_FILE", value_name = "FILE")]
    master_key_file: Option<PathBuf>,
    /// What blocks may do: a JSON object of grants by block type, in place of those that built-in blocks come with
    #[arg(long, env = "BLOCKYARD_GRANTS", value_name = "FILE")]
    grants: Option<PathBuf>,
    /// How long shutdown waits for running executions [default: 10000]
    #[arg(long, env = "BLOCKYARD_SHUTDOWN_MS", value_name = "MS")]
    shutdown_ms: Option<u64>,
    #[command(flatten)]
    http: super::http::Http,
    #[command(flatten)]
    jobs: super::jobs::Jobs,
    #[command(flatten)]
    warm: super::warm::Warm,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SynchronousArg {
    Full,
    Normal,
}

pub(super) fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("must be at least 1".to_owned()),
        Ok(number) => Ok(number),
        Err(_) => Err("is no whole number".to_owned()),
    }
}

impl Engine {
    /// The settings that these flags make, with a database at `url`.
    ///
    /// # Errors
    /// If some of them do not go together.
    pub(super) fn config(&self, url: &str) -> Result<Config, Usage> {
        // An empty variable means no blocks, not one without a name.
        let extra_blocks = self.blocks.iter().filter(|path| !path.as_os_str().is_empty()).cloned().collect();
        let mut config = Config { extra_blocks, ..Config::default() };
        url.clone_into(&mut config.database.url);
        config.database.synchronous = match self.synchronous {
            None | Some(SynchronousArg::Full) => Synchronous::Full,
            Some(SynchronousArg::Normal) => Synchronous::Normal,
        };
        let runtime = &mut config.runtime;
        runtime.cache_dir = self.cache_dir.clone().or_else(default_cache_dir);
        set(&mut runtime.cache_bytes, self.cache_bytes);
        runtime.compiler = this_program();
        set(&mut runtime.compile_cpu, self.compile_cpu_ms.map(Duration::from_millis));
        set(&mut runtime.max_instances, self.max_instances);
        set(&mut runtime.cpu, self.cpu_ms.map(Duration::from_millis));
        set(&mut runtime.timeout, self.timeout_ms.map(Duration::from_millis));
        runtime.max_timeout = runtime.max_timeout.max(runtime.timeout);
        set(&mut runtime.memory_bytes, self.memory_bytes);
        set(&mut runtime.output_bytes, self.output_bytes);
        self.warm.apply(&mut runtime.warm);
        set(&mut config.runtime.compile_concurrency, self.compile_concurrency);
        let execution = &mut config.execution;
        set(&mut execution.execution_concurrency, self.execution_concurrency);
        set(&mut execution.node_concurrency, self.node_concurrency);
        set(&mut execution.shutdown_grace, self.shutdown_ms.map(Duration::from_millis));
        config.secrets = self.secrets();
        config.grants_file = self.grants.clone().filter(|path| !path.as_os_str().is_empty());
        self.http.apply(&mut config.http);
        self.jobs.apply(&mut config.jobs)?;
        Ok(config)
    }

    /// Keys come from variables alone: flags show in lists of processes.
    fn secrets(&self) -> SecretsConfig {
        let variable = |name: &str| {
            let value = Zeroizing::new(std::env::var_os(name).unwrap_or_default().to_string_lossy().into_owned());
            (!value.trim().is_empty()).then_some(value)
        };
        let previous = variable("BLOCKYARD_MASTER_KEY_PREVIOUS").unwrap_or_default();
        let previous = previous.split(',').map(str::trim).filter(|key| !key.is_empty());
        SecretsConfig {
            master_key: variable("BLOCKYARD_MASTER_KEY"),
            previous_keys: previous.map(|key| Zeroizing::new(key.to_owned())).collect(),
            key_file: self.master_key_file.clone().filter(|path| !path.as_os_str().is_empty()),
        }
    }
}

/// Replace `setting` if there is a `value`.
pub(super) fn set<T>(setting: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *setting = value;
    }
}

/// The program that runs, even if its file was replaced by another version since it was started.
fn this_program() -> Option<PathBuf> {
    let running = PathBuf::from("/proc/self/exe");
    if running.exists() { Some(running) } else { std::env::current_exe().ok() }
}

/// As the XDG base directory specification has it: variables that are empty or hold relative paths do not count.
pub(super) fn default_cache_dir() -> Option<PathBuf> {
    let directory = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = directory("XDG_CACHE_HOME").or_else(|| directory("HOME").map(|home| home.join(".cache")));
    base.map(|base| base.join("blockyard"))
}
