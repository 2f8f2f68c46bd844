//! Settings, one struct an area. The command line fills them in; defaults are stated here.

mod database;
mod jobs;
mod secrets;
mod warm;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZero;
use std::path::PathBuf;
use std::time::Duration;

pub use database::{DatabaseConfig, Synchronous};
pub use jobs::{JobsConfig, WEBHOOK_QUEUE, WORKFLOW_QUEUE};
pub use secrets::SecretsConfig;
pub use warm::WarmConfig;

/// The sandbox. The limits are ceilings and defaults at once: a block may wish for less.
#[derive(Clone, Debug)]
pub struct RuntimeConfig {
    /// Where compiled components are kept. `BLOCKYARD_CACHE_DIR`, default `~/.cache/blockyard`.
    pub cache_dir: Option<PathBuf>,
    /// Most that those may take on the disk, in bytes: what was not used for longest goes. `BLOCKYARD_CACHE_BYTES`, default
    /// 4 GiB.
    pub cache_bytes: u64,
    /// The program that compiles components from outside when called as `blockyard`'s own hidden command is, in a process
    /// of its own; they are compiled in this process if absent.
    pub compiler: Option<PathBuf>,
    /// Components compiled at once, those of the binary apart. `BLOCKYARD_COMPILE_CONCURRENCY`, default 1.
    pub compile_concurrency: usize,
    /// CPU time that compiling one component may take there. `BLOCKYARD_COMPILE_CPU_MS`, default 180 s.
    pub compile_cpu: Duration,
    /// Memory that compiling one component may take there, in bytes. Default 4 GiB.
    pub compile_memory_bytes: u64,
    /// Instances alive at once in the process. `BLOCKYARD_MAX_INSTANCES`, default 256.
    pub max_instances: u32,
    /// Linear memory of one instance in bytes. `BLOCKYARD_MEMORY_BYTES`, default 512 MiB.
    pub memory_bytes: usize,
    /// Time inside the guest in one call. `BLOCKYARD_CPU_MS`, default 10 s.
    pub cpu: Duration,
    /// Wall time of one call, if the node does not say. `BLOCKYARD_TIMEOUT_MS`, default 60 s.
    pub timeout: Duration,
    /// Wall time of one call that a node may ask for. Default 1 h.
    pub max_timeout: Duration,
    /// All emissions and metadata of one call together, in bytes. `BLOCKYARD_OUTPUT_BYTES`, default 16 MiB.
    pub output_bytes: usize,
    /// Log lines kept of one call. Default 100.
    pub log_lines: usize,
    /// Longest log message, fields included, in bytes. Default 8 KiB.
    pub log_line_bytes: usize,
    /// Instances that are kept for their next call.
    pub warm: WarmConfig,
}

impl Default for RuntimeConfig {
    fn default() -> Self {
        Self {
            cache_dir: None,
            cache_bytes: 4 << 30,
            compiler: None,
            compile_concurrency: 1,
            compile_cpu: Duration::from_secs(180),
            compile_memory_bytes: 4 << 30,
            max_instances: 256,
            memory_bytes: 512 << 20,
            cpu: Duration::from_secs(10),
            timeout: Duration::from_secs(60),
            max_timeout: Duration::from_secs(3600),
            output_bytes: 16 << 20,
            log_lines: 100,
            log_line_bytes: 8 << 10,
            warm: WarmConfig::default(),
        }
    }
}

/// Blocks that users upload.
#[derive(Clone, Copy, Debug)]
pub struct UploadConfig {
    /// Largest component in bytes. `BLOCKYARD_UPLOAD_BYTES`, default 32 MiB.
    pub bytes: usize,
    /// Uploads that wait to be compiled, or are. Default 64.
    pub waiting: usize,
    /// Uploads received at once: each is in memory. Default 8.
    pub receiving: usize,
    /// How long a request waits for its upload to be compiled before it is told where to ask. Default 2 s.
    pub patience: Duration,
}

impl Default for UploadConfig {
    fn default() -> Self {
        Self { bytes: 32 << 20, waiting: 64, receiving: 8, patience: Duration::from_secs(2) }
    }
}

/// A URL prefix that is mapped to another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewrite {
    /// Compared segment by segment with what a block asks for.
    pub from: String,
    /// What stands in its place.
    pub to: String,
}

/// Outgoing HTTP of blocks.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// Requests in flight in the process. `BLOCKYARD_HTTP_IN_FLIGHT`, default 256.
    pub in_flight: usize,
    /// Requests in flight of all calls of one block. `BLOCKYARD_HTTP_IN_FLIGHT_PER_BLOCK`, default 64.
    pub in_flight_per_block: usize,
    /// Requests in flight of one call. Default 16.
    pub in_flight_per_call: usize,
    /// Requests that one call may send. `BLOCKYARD_HTTP_REQUESTS_PER_CALL`, default 1,000.
    pub requests_per_call: usize,
    /// Requests a second to one host, 0 for no limit. `BLOCKYARD_HTTP_RATE_PER_HOST`, default 50.
    pub rate_per_host: f64,
    /// The same for hosts of their own. `BLOCKYARD_HTTP_RATES`, default none.
    pub rates: BTreeMap<String, f64>,
    /// Until a connection stands, TLS included. Default 10 s.
    pub connect_timeout: Duration,
    /// From then until the first byte of the answer. Default 330 s: some vendors run jobs while the caller waits.
    pub first_byte_timeout: Duration,
    /// A whole exchange, if the block does not say. Default 60 s.
    pub timeout: Duration,
    /// A whole exchange, whatever the block says. Default 360 s.
    pub max_timeout: Duration,
    /// Largest body of a request, and of an answer before and after decompression, in bytes.
    /// `BLOCKYARD_HTTP_BODY_BYTES`, default 16 MiB.
    pub body_bytes: usize,
    /// All bodies in flight in the process, in bytes. `BLOCKYARD_HTTP_BYTES_IN_FLIGHT`, default 256 MiB.
    pub bytes_in_flight: usize,
    /// `http.rewrite`. `BLOCKYARD_HTTP_REWRITE`, default none.
    pub rewrites: Vec<Rewrite>,
    /// Certificates to trust besides the public ones, as PEM. `BLOCKYARD_HTTP_CA_FILE`, default none.
    pub ca_file: Option<PathBuf>,
    /// Bytes of exchanges that one call records. Default 8 MiB.
    pub recorded_bytes: usize,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            in_flight: 256,
            in_flight_per_block: 64,
            in_flight_per_call: 16,
            requests_per_call: 1_000,
            rate_per_host: 50.0,
            rates: BTreeMap::new(),
            connect_timeout: Duration::from_secs(10),
            first_byte_timeout: Duration::from_secs(330),
            timeout: Duration::from_secs(60),
            max_timeout: Duration::from_secs(360),
            body_bytes: 16 << 20,
            bytes_in_flight: 256 << 20,
            rewrites: Vec::new(),
            ca_file: None,
            recorded_bytes: 8 << 20,
        }
    }
}

/// Running workflows.
#[derive(Clone, Debug)]
pub struct ExecutionConfig {
    /// Nodes at work at once in one execution. `BLOCKYARD_NODE_CONCURRENCY`, default 64.
    pub node_concurrency: usize,
    /// Executions at work at once in the process. `BLOCKYARD_EXECUTION_CONCURRENCY`, default 256.
    pub execution_concurrency: usize,
    /// Most nodes in a document. Default 10,000.
    pub max_nodes: usize,
    /// Most edges in a document. Default 50,000.
    pub max_edges: usize,
    /// Most times in a row that an execution is taken over after its process died, without a node having ended in between,
    /// before it is parked. An execution shares its process, and so its deaths, with many others: few would park the
    /// innocent. Default 20.
    pub max_takeovers: u32,
    /// How long shutdown waits for running executions. `BLOCKYARD_SHUTDOWN_MS`, default 10 s.
    pub shutdown_grace: Duration,
}

impl Default for ExecutionConfig {
    fn default() -> Self {
        Self {
            node_concurrency: 64,
            execution_concurrency: 256,
            max_nodes: 10_000,
            max_edges: 50_000,
            max_takeovers: 20,
            shutdown_grace: Duration::from_secs(10),
        }
    }
}

/// The HTTP API.
#[derive(Clone, Debug)]
pub struct ApiConfig {
    /// Where it listens. `BLOCKYARD_LISTEN`, default `127.0.0.1:8080`.
    pub listen: SocketAddr,
    /// `Host` names that are accepted besides loopback ones. `BLOCKYARD_ALLOWED_HOSTS`, default none.
    pub allowed_hosts: Vec<String>,
    /// Largest request body in bytes. `BLOCKYARD_BODY_BYTES`, default 16 MiB.
    pub body_bytes: usize,
    /// Longest `?wait`. Default 300 s.
    pub max_wait: Duration,
    /// Event streams and WebSockets open at once. `BLOCKYARD_MAX_STREAMS`, default 2,000.
    pub max_streams: usize,
    /// Connections open at once; others wait. `BLOCKYARD_MAX_CONNECTIONS`, default 2,048 more than event streams, in any
    /// case fewer than the files that the process may have open.
    pub max_connections: Option<NonZero<usize>>,
    /// Longest time from the beginning of a connection, or the end of an answer on it, to the end of the next request's head.
    /// Default 15 s.
    pub head_timeout: Duration,
    /// How long a reader of events may read nothing while it is behind, before it is dropped.
    /// `BLOCKYARD_STREAM_PATIENCE_MS`, default 30 s.
    pub stream_patience: Duration,
    /// Time between two signs of life on an open stream. A WebSocket whose client answers none twice in a row is closed.
    /// `BLOCKYARD_HEARTBEAT_MS`, default 15 s.
    pub heartbeat: Duration,
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            allowed_hosts: Vec::new(),
            body_bytes: 16 << 20,
            max_wait: Duration::from_secs(300),
            max_streams: 2_000,
            max_connections: None,
            head_timeout: Duration::from_secs(15),
            stream_patience: Duration::from_secs(30),
            heartbeat: Duration::from_secs(15),
        }
    }
}

/// Everything.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The database.
    pub database: DatabaseConfig,
    /// The sandbox.
    pub runtime: RuntimeConfig,
    /// Blocks that users upload.
    pub uploads: UploadConfig,
    /// Outgoing HTTP.
    pub http: HttpConfig,
    /// Running workflows.
    pub execution: ExecutionConfig,
    /// The job processor.
    pub jobs: JobsConfig,
    /// The secret store.
    pub secrets: SecretsConfig,
    /// The HTTP API.
    pub api: ApiConfig,
    /// Components loaded at start beside the built-in ones. `BLOCKYARD_BLOCKS`, default none.
    pub extra_blocks: Vec<PathBuf>,
    /// A JSON object of grants by block type, in place of those that built-in blocks come with and others lack.
    /// `BLOCKYARD_GRANTS`, default none.
    pub grants_file: Option<PathBuf>,
}

impl Config {
    /// Where the master key is kept: where [`SecretsConfig`] says, else beside the database's file. `None` if the
    /// database is in memory, which its key then shares, or if a shared database comes without a key file.
    pub fn key_file(&self) -> Option<PathBuf> {
        if self.database.is_postgres() {
            return self.secrets.key_file.clone();
        }
        let mut beside = self.database.path()?.into_os_string();
        beside.push(".key");
        Some(self.secrets.key_file.clone().unwrap_or_else(|| beside.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_stands_beside_its_database() {
        let file = |url: &str, key_file: Option<&str>| {
            let database = DatabaseConfig { url: url.to_owned(), ..DatabaseConfig::default() };
            let secrets = SecretsConfig { key_file: key_file.map(PathBuf::from), ..SecretsConfig::default() };
            Config { database, secrets, ..Config::default() }.key_file()
        };
        assert_eq!(file("sqlite://a/b.db", None), Some("a/b.db.key".into()));
        assert_eq!(file("sqlite:///b.db", Some("/k")), Some("/k".into()));
        assert_eq!(file("sqlite::memory:", Some("/k")), None);
        assert_eq!(file("postgres://h/d", Some("/k")), Some("/k".into()));
        assert_eq!(file("postgres://h/d", None), None);
    }
}
