//! What the store promises. `writing`, `commands`, `jobs`, `reading` and `secrets` are the conformance suite, run against
//! every database; `sqlite` is what only a file has; `postgres`, `plans`, `sharing`, `block_races` and `outages` what only
//! a server has.

mod block_races;
mod blocks;
mod commands;
mod flows;
mod idempotency;
mod jobs;
mod outages;
mod plans;
mod postgres;
mod reading;
mod retention;
mod schedules;
mod secrets;
mod sharing;
mod sqlite;
mod stats;
mod triggers;
mod uploads;
mod webhooks;
mod writing;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use blockyard_test_postgres::Postgres;

use crate::config::{DatabaseConfig, Synchronous};
use crate::domain::{
    Event, EventKind, ExecutionId, ExecutionStatus, Json, Mode, NodeStatus, Sources, TimelineEntry, UserId,
};

use super::*;

/// Longer than any test runs.
const NEVER: Duration = Duration::from_secs(3600);

/// Run each function against every database.
macro_rules! conformance {
    ($($name:ident),* $(,)?) => {
        mod sqlite_in_memory {
            $(#[tokio::test] async fn $name() { super::$name(super::Fixture::in_memory().await).await; })*
        }
        mod sqlite_file {
            $(#[tokio::test] async fn $name() { super::$name(super::Fixture::in_file().await).await; })*
        }
        mod postgres {
            $(#[tokio::test] async fn $name() { super::$name(super::Fixture::in_postgres().await).await; })*
        }
    };
}
use conformance;

/// A clock that stands.
struct Standing(i64);

impl crate::domain::sources::Clock for Standing {
    fn now_ms(&self) -> i64 {
        self.0
    }
}

/// The same number each time.
struct FixedRandom;

impl crate::domain::sources::Random for FixedRandom {
    fn next(&self) -> u64 {
        1
    }
}

/// Sources whose clock shows that time.
fn clock(now: i64) -> Sources {
    Sources::new(Arc::new(Standing(now)), Arc::new(FixedRandom))
}

/// An open store and what it told of its events.
struct Fixture {
    store: Store,
    seen: Arc<Mutex<Vec<Event>>>,
    _directory: Option<tempfile::TempDir>,
}

fn config(url: impl Into<String>) -> DatabaseConfig {
    DatabaseConfig { url: url.into(), readers: 4, flush_interval: NEVER, synchronous: Synchronous::Normal }
}

impl Fixture {
    async fn in_memory() -> Self {
        Self::open(&config("sqlite::memory:"), None).await
    }

    async fn in_file() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/blockyard.db", directory.path().display());
        Self::open(&config(url), Some(directory)).await
    }

    async fn in_postgres() -> Self {
        Self::open(&config(Postgres::shared().database().await), None).await
    }

    async fn open(config: &DatabaseConfig, directory: Option<tempfile::TempDir>) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let on_commit: OnCommit = {
            let seen = seen.clone();
            Arc::new(move |events| seen.lock().unwrap().extend_from_slice(events))
        };
        let store = Store::open(config, on_commit).await.unwrap();
        Self { store, seen, _directory: directory }
    }

    fn seen(&self) -> Vec<Event> {
        self.seen.lock().unwrap().clone()
    }

    /// Write and wait.
    async fn put(&self, records: Vec<Record>) -> Written {
        self.store.write(records, Urgency::Now).await.unwrap()
    }

    async fn status(&self, id: &str) -> ExecutionStatus {
        self.store.execution(&id.into()).await.unwrap().unwrap().execution.status
    }

    /// What is in the first column of the first row, as a number.
    async fn number(&self, sql: &'static str) -> i64 {
        let mut connection = self.store.inner.database.read().await.unwrap();
        connection.fetch_first(sql, []).await.unwrap().unwrap().opt_int(0).unwrap().unwrap()
    }

    /// Spoil the database behind the store's back.
    async fn run(&self, sql: &'static str) {
        self.store.spoil(sql).await;
    }
}

impl Store {
    /// Change the database behind the store's back, for tests of what becomes of that.
    pub(crate) async fn spoil(&self, sql: &'static str) {
        self.ask(Raw(sql)).await.unwrap();
    }
}

#[derive(Debug)]
struct Raw(&'static str);

impl command::Command for Raw {
    type Output = ();

    async fn run(&self, transaction: &mut batch::Transaction<'_>) -> Result<(), StoreError> {
        transaction.connection.execute(self.0, []).await.map(drop)
    }
}

fn json(text: &str) -> Json {
    Json::parse(text.into()).unwrap()
}

/// A JSON text of about `bytes` bytes.
fn long(mark: char, bytes: usize) -> Json {
    json(&format!("\"{}\"", mark.to_string().repeat(bytes)))
}

fn submission(id: &str) -> Submission {
    Submission {
        execution_id: id.into(),
        job_type: crate::domain::JobType::Workflow,
        name: None,
        payload: None,
        user_id: UserId::local(),
        workflow_id: "wf".into(),
        workflow_version: Some(1),
        document_digest: "sha256:doc".into(),
        document: json(r#"{"nodes":[]}"#),
        blocks: json(r#"{"core.filter":"sha256:1"}"#),
        mode: Mode::Production,
        variables: Json::null(),
        options: crate::domain::RunOptions::default(),
        metadata: Json::null(),
        input: json("[1,2]"),
        queue: "default".into(),
        priority: 0,
        max_attempts: 3,
        created_at: 1000,
        run_at: 1000,
        place: None,
        claim: None,
    }
}

/// What `me` claims from the queue of [`submission`].
fn claim(now: i64, limit: u32) -> ClaimRequest {
    claim_as("me", now, limit)
}

/// What `owner` claims from the queue of [`submission`].
fn claim_as(owner: &str, now: i64, limit: u32) -> ClaimRequest {
    let queues = vec![QueueLimit { name: "default".into(), at_most: None }];
    ClaimRequest { owner: owner.to_owned(), now, lease_until: now + 1000, limit, queues, per_user: None }
}

fn submit(id: &str) -> Record {
    Record::Submission(Box::new(submission(id)))
}

fn submit_claimed(id: &str) -> Record {
    let claim = Some(Claim { owner: "me".into(), lease_until: 9000 });
    Record::Submission(Box::new(Submission { claim, ..submission(id) }))
}

fn entry(seq: u64, event: EventKind) -> TimelineEntry {
    let message = format!("{} happened", event.as_str());
    TimelineEntry { seq, timestamp: 1000, event, node_id: None, message, progress: seq as f64, data: None }
}

fn event(id: &str, seq: u64, kind: EventKind) -> Record {
    Record::Event { execution_id: id.into(), entry: entry(seq, kind) }
}

fn node(id: &str, node_id: &str, status: NodeStatus, outputs: StoredOutputs) -> Record {
    let call = CallRow { outputs, ..CallRow::new(status) };
    Record::Node { execution_id: id.into(), node: Box::new(NodeRow { node_id: node_id.into(), call, items: None }) }
}

fn finished(id: &str, status: ExecutionStatus) -> Record {
    let output = Stored::Json(json("\"done\""));
    Record::Finished(Box::new(Finished {
        execution_id: ExecutionId::from(id),
        status,
        output,
        error: None,
        dead: false,
        at: 2000,
    }))
}
