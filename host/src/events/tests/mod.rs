//! Followers of a real store: nothing is missed, nothing comes twice, whatever happens in between.

mod follower;
mod shared;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{FollowError, Follower, Hub, Subject};
use crate::config::DatabaseConfig;
use crate::domain::{Event, EventKind, ExecutionId, TimelineEntry};
use crate::store::{OnCommit, Record, Store, Urgency};

/// A store in memory whose events go where a test wants them to.
async fn store(on_commit: OnCommit) -> Store {
    let config = DatabaseConfig {
        url: "sqlite::memory:".to_owned(),
        flush_interval: Duration::from_secs(3600),
        ..DatabaseConfig::default()
    };
    Store::open(&config, on_commit).await.unwrap()
}

fn entry(seq: u64, event: EventKind) -> TimelineEntry {
    TimelineEntry { seq, timestamp: 5, event, node_id: None, message: "m".into(), progress: 10.0, data: None }
}

fn record(id: &str, seq: u64, kind: EventKind) -> Record {
    Record::Event { execution_id: ExecutionId::from(id), entry: entry(seq, kind) }
}

/// Commit one event of an execution.
async fn happen(store: &Store, id: &str, seq: u64, kind: EventKind) {
    store.write(vec![record(id, seq, kind)], Urgency::Now).await.unwrap();
}

/// Commit these many at once.
async fn happen_many(store: &Store, id: &str, count: u64) {
    let records = (1..=count).map(|seq| record(id, seq, EventKind::NodeCompleted)).collect();
    store.write(records, Urgency::Now).await.unwrap();
}

fn subjects(texts: &[&str]) -> Vec<Subject> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// The next event, which must come soon.
async fn next(follower: &mut Follower) -> Result<Event, FollowError> {
    let soon = tokio::time::timeout(Duration::from_secs(20), follower.next()).await;
    soon.expect("an event comes").expect("the stream goes on")
}

/// The positions and topics of the next events.
async fn next_many(follower: &mut Follower, count: usize) -> Vec<(i64, String)> {
    let mut told = Vec::new();
    for _ in 0..count {
        let event = next(follower).await.unwrap();
        told.push((event.position, event.topic.to_string()));
    }
    told
}

/// Whether there is nothing to tell now.
async fn is_quiet(follower: &mut Follower) -> bool {
    // A barrier of the store and some turns let everything under way arrive.
    tokio::time::timeout(Duration::from_millis(50), follower.next()).await.is_err()
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Commits that were not told of yet.
type Held = Arc<Mutex<Vec<Vec<Event>>>>;

fn hold() -> (Held, OnCommit) {
    let held = Held::default();
    let on_commit: OnCommit = {
        let held = held.clone();
        Arc::new(move |events| held.lock().unwrap().push(events.to_vec()))
    };
    (held, on_commit)
}
