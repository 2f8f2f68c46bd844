//! Blocks that two processes on one Postgres change at once: one has the row, the other waits for it.

use std::collections::BTreeMap;

use sqlx::PgConnection;
use tokio::task::JoinHandle;

use super::blocks::{activation, add, audit, block, saved, version};
use super::*;

/// A store with a block, and the transaction of another process, which has begun.
async fn two() -> (Fixture, PgConnection) {
    let url = Postgres::shared().database().await;
    let fixture = Fixture::open(&config(&url), None).await;
    assert_eq!(add(&fixture, version("ann", "1.0.0", "one")).await, AddedVersion::Added);
    let mut other = <PgConnection as sqlx::Connection>::connect(&url).await.unwrap();
    other.run("BEGIN").await;
    (fixture, other)
}

trait Run {
    async fn run(&mut self, sql: &'static str);
    async fn commit_once_waited_for<T>(&mut self, waiting: JoinHandle<T>) -> T;
}

impl Run for PgConnection {
    async fn run(&mut self, sql: &'static str) {
        sqlx::raw_sql(sql).execute(self).await.unwrap();
    }

    /// Commit when `waiting` waits for a lock; what comes of that.
    async fn commit_once_waited_for<T>(&mut self, waiting: JoinHandle<T>) -> T {
        const WAITING: &str = "SELECT COUNT(*) FROM pg_stat_activity \
             WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let is_waiting = async {
            while !waiting.is_finished() {
                // The view stays as it is inside of a transaction otherwise.
                sqlx::raw_sql("SELECT pg_stat_clear_snapshot()").execute(&mut *self).await.unwrap();
                let count: i64 = sqlx::query_scalar(WAITING).fetch_one(&mut *self).await.unwrap();
                if count > 0 {
                    break;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(30), is_waiting).await.unwrap();
        assert!(!waiting.is_finished(), "it does not wait");
        self.run("COMMIT").await;
        waiting.await.unwrap()
    }
}

const HELD: &str = "SELECT type FROM blocks WHERE type = 'custom.x' FOR UPDATE";

#[tokio::test]
async fn an_activation_sees_the_grant_that_it_has_waited_for() {
    let (fixture, mut other) = two().await;
    other.run(HELD).await;
    other
        .run(r#"INSERT INTO block_grants (type, rules, updated_at) VALUES ('custom.x', '{"stateless":true}', 1)"#)
        .await;
    let store = fixture.store.clone();
    let checked = activation("1.0.0", "one");
    let activating = tokio::spawn(async move { store.activate_block(checked, audit("block.activated")).await });
    assert!(!other.commit_once_waited_for(activating).await.unwrap(), "it was checked against another grant");
    assert_eq!(fixture.store.blocks().await.unwrap().types[0].active, None);
}

#[tokio::test]
async fn a_workflow_waits_for_who_deletes_its_block() {
    let (fixture, mut other) = two().await;
    other.run(HELD).await;
    other.run("DELETE FROM blocks WHERE type = 'custom.x'").await;
    let store = fixture.store.clone();
    let named = BTreeMap::from([(block("custom.x"), 0)]);
    let naming = NewVersion { uploaded: named, ..saved("w", r#"{"nodes":[{"type":"custom.x"}]}"#) };
    let saving = tokio::spawn(async move { store.create_workflow(naming).await });
    let error = other.commit_once_waited_for(saving).await.unwrap_err();
    assert!(matches!(error, StoreError::UnknownBlock { .. }), "{error}");
}

#[tokio::test]
async fn who_deletes_a_block_waits_for_the_workflow_that_names_it() {
    let (fixture, mut other) = two().await;
    other.run("SELECT type FROM blocks WHERE type = 'custom.x' FOR SHARE").await;
    other.run(r#"INSERT INTO documents (digest, body) VALUES ('d', '{"nodes":[{"type":"custom.x"}]}')"#).await;
    other.run("INSERT INTO workflows VALUES ('w', 'u', 'n', 1, 1, 1, 1, NULL)").await;
    other
        .run(
            "INSERT INTO workflow_versions (workflow_id, version, user_id, name, digest, created_at) \
             VALUES ('w', 1, 'u', 'n', 'd', 1)",
        )
        .await;
    // Another workflow that names it does not wait.
    let named = BTreeMap::from([(block("custom.x"), 0)]);
    fixture.store.create_workflow(NewVersion { uploaded: named, ..saved("x", r#"{"nodes":[]}"#) }).await.unwrap();
    let store = fixture.store.clone();
    let deleting = tokio::spawn(async move { store.delete_block(block("custom.x"), audit("block.deleted")).await });
    let deleted = other.commit_once_waited_for(deleting).await.unwrap();
    assert_eq!(deleted, DeletedBlock::UsedByWorkflows(vec!["w".into()]));
}
