//! What the tests share: an app in this process, with a database in memory and the guests that a test needs.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::LazyLock;
use std::time::Duration;

use blockyard::app::App;
use blockyard::config::Config;
use blockyard::domain::{Execution, Json, Mode, Outputs, RunOptions, UserId, Workflow, workflow};
use blockyard::jobs::{JobOptions, Submit, Ticket};
use blockyard::store::NodeRow;
use blockyard_test_postgres::Postgres;
use serde_json::{Map, Value};
use tempfile::TempDir;

/// Compiled code is shared by all tests of a run and by the runs after it.
pub(crate) fn cache_dir() -> PathBuf {
    static DIRECTORY: LazyLock<PathBuf> = LazyLock::new(|| guests_dir().join("compiled"));
    DIRECTORY.clone()
}

fn guests_dir() -> PathBuf {
    PathBuf::from(env!("BLOCKYARD_TEST_GUESTS"))
}

/// The component of `tests/guests/examples/<name>.rs`.
pub(crate) fn guest(name: &str) -> PathBuf {
    guests_dir().join(format!("{}.wasm", name.replace('-', "_")))
}

/// A file under `tests/data/`.
pub(crate) fn data(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A file under `tests/data/` as JSON.
pub(crate) fn data_json(name: &str) -> Value {
    serde_json::from_str(&data(name)).unwrap()
}

/// Whether this run of the tests is on Postgres, which `BLOCKYARD_TEST_DATABASE=postgres` asks for.
pub(crate) fn on_postgres() -> bool {
    match std::env::var("BLOCKYARD_TEST_DATABASE").as_deref() {
        Err(_) | Ok("sqlite") => false,
        Ok("postgres") => true,
        Ok(other) => panic!("BLOCKYARD_TEST_DATABASE is `{other}`: it must be sqlite or postgres"),
    }
}

/// A fresh database on the Postgres server of this run.
pub(crate) fn postgres() -> String {
    let made = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(Postgres::shared().database())
    });
    made.join().unwrap()
}

/// The master key of processes that share a database.
pub(crate) fn key_file() -> PathBuf {
    guests_dir().join("master.key")
}

/// How long a worker that is gone keeps its jobs.
pub(crate) const LEASE: Duration = Duration::from_secs(1);

/// Let the app work on the Postgres database at `url`.
pub(crate) fn share(config: &mut Config, url: String) {
    config.database.url = url;
    config.secrets.key_file = Some(key_file());
    config.jobs.lease = LEASE;
}

/// A config with these guests and a database of its own: in memory, unless this run is on Postgres.
pub(crate) fn config(guests: &[&str]) -> Config {
    let mut config = config_in_memory(guests);
    if on_postgres() {
        share(&mut config, postgres());
    }
    config
}

/// A config with these guests and a database in memory, whatever this run is on.
pub(crate) fn config_in_memory(guests: &[&str]) -> Config {
    let mut config = Config::default();
    config.database.url = "sqlite::memory:".to_owned();
    config.runtime.cache_dir = Some(cache_dir());
    config.runtime.max_instances = 128;
    config.extra_blocks = guests.iter().map(|name| guest(name)).collect();
    config
}

/// The same with a database that outlives the app: a file that goes when the directory does, or one on Postgres.
pub(crate) fn config_on_disk(guests: &[&str]) -> (Config, TempDir) {
    if on_postgres() { (config(guests), TempDir::new().unwrap()) } else { config_in_file(guests) }
}

/// The same with a database file, whatever this run is on.
pub(crate) fn config_in_file(guests: &[&str]) -> (Config, TempDir) {
    let directory = TempDir::new().unwrap();
    let mut config = config_in_memory(guests);
    config.database.url = format!("sqlite://{}", directory.path().join("test.db").display());
    (config, directory)
}

/// An app with these guests.
pub(crate) async fn app(guests: &[&str]) -> App {
    App::start(config(guests)).await.unwrap_or_else(|error| panic!("{error}"))
}

/// What a test says of an execution to start.
pub(crate) struct Run<'a> {
    app: &'a App,
    document: Value,
    input: Json,
    mode: Mode,
    variables: Map<String, Value>,
    options: RunOptions,
    user: UserId,
}

impl<'a> Run<'a> {
    pub(crate) fn new(app: &'a App, document: Value, input: impl Into<Json>) -> Self {
        Self {
            app,
            document,
            input: input.into(),
            mode: Mode::Production,
            variables: Map::new(),
            options: RunOptions::default(),
            user: UserId::local(),
        }
    }

    pub(crate) fn variables(mut self, variables: Value) -> Self {
        self.variables = variables.as_object().unwrap().clone();
        self
    }

    pub(crate) fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    pub(crate) fn options(mut self, options: RunOptions) -> Self {
        self.options = options;
        self
    }

    pub(crate) fn user(mut self, user: &str) -> Self {
        self.user = user.into();
        self
    }

    pub(crate) async fn submit(self) -> Ticket {
        let workflow: Workflow = workflow::parse(&self.document).unwrap_or_else(|problems| panic!("{problems:#?}"));
        let compiled = self.app.orchestrator.compile(workflow, None).await;
        let (plan, _) = compiled.unwrap_or_else(|report| panic!("{report:#?}"));
        let submit = Submit {
            plan: Arc::new(plan),
            workflow_version: None,
            input: self.input,
            mode: self.mode,
            variables: self.variables,
            options: self.options,
            metadata: Json::null(),
            user_id: self.user,
            job: JobOptions::default(),
            waits: true,
        };
        self.app.queue.submit(submit).unwrap()
    }

    /// Run to the end.
    pub(crate) async fn end(self) -> Arc<Execution> {
        // On the heap: the compiler looks only so deep into what a future holds.
        let mut ticket = Box::pin(self.submit()).await;
        ticket.ended().await.expect("the execution ends in this process")
    }
}

/// The results of an execution's nodes.
pub(crate) async fn nodes(app: &App, execution: &Execution) -> Vec<NodeRow<Outputs>> {
    app.store.nodes(&execution.execution_id).await.unwrap()
}

/// The result of one node.
pub(crate) async fn node(app: &App, execution: &Execution, id: &str) -> NodeRow<Outputs> {
    let nodes = nodes(app, execution).await;
    nodes.into_iter().find(|row| row.node_id.as_str() == id).unwrap_or_else(|| panic!("no result of node {id}"))
}

/// The names of an execution's events, with their nodes.
pub(crate) async fn events(app: &App, execution: &Execution) -> Vec<(String, String)> {
    let events = app.store.events(&execution.execution_id, 0, 100_000).await.unwrap();
    events
        .into_iter()
        .map(|event| {
            let node = event.entry.node_id.map(|id| id.to_string()).unwrap_or_default();
            (event.entry.event.as_str().to_owned(), node)
        })
        .collect()
}

/// A workflow of these nodes and edges (`"a.port>b"`, `"a>b"`).
pub(crate) fn graph(nodes: Value, edges: &[&str]) -> Value {
    let edges: Vec<Value> = edges
        .iter()
        .map(|edge| {
            let (from, target) = edge.split_once('>').unwrap();
            match from.split_once('.') {
                Some((source, port)) => serde_json::json!({"source": source, "sourcePort": port, "target": target}),
                None => serde_json::json!({"source": from, "target": target}),
            }
        })
        .collect();
    serde_json::json!({"workflowId": "test", "nodes": nodes, "edges": edges})
}
