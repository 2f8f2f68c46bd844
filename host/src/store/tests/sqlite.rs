//! What only SQLite has: a file, its lock, its query plans.

use super::super::{audit, flows, jobs, reads, retention, schedules, secrets, triggers, webhooks};
use super::*;
use crate::domain::JobStatus;

fn silent() -> OnCommit {
    Arc::new(|_| {})
}

fn url(directory: &tempfile::TempDir) -> String {
    format!("sqlite://{}/blockyard.db", directory.path().display())
}

async fn refusal(url: &str) -> StoreError {
    Store::open(&config(url), silent()).await.unwrap_err()
}

#[tokio::test]
async fn a_file_belongs_to_one_store() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&config(url(&directory)), silent()).await.unwrap();
    let error = refusal(&url(&directory)).await;
    assert!(matches!(error, StoreError::InUse { .. }));
    assert!(error.to_string().starts_with("database is in use by another process: "), "{error}");
    store.close().await.unwrap();
    Store::open(&config(url(&directory)), silent()).await.unwrap().close().await.unwrap();
}

#[tokio::test]
async fn stores_in_memory_are_apart() {
    let one = Fixture::in_memory().await;
    let other = Fixture::in_memory().await;
    one.put(vec![submit("e")]).await;
    other.put(vec![submit("f")]).await;
    assert!(one.store.execution(&"f".into()).await.unwrap().is_none());
    assert!(other.store.execution(&"e".into()).await.unwrap().is_none());
}

#[tokio::test]
async fn what_rides_along_goes_by_itself_after_the_interval() {
    let config = DatabaseConfig { flush_interval: Duration::from_millis(1), ..config("sqlite::memory:") };
    let fixture = Fixture::open(&config, None).await;
    fixture.store.write(vec![submit("e")], Urgency::RideAlong).await.unwrap();
    assert_eq!(fixture.store.stats().commits, 1);
}

#[tokio::test]
async fn what_cannot_be_opened_is_told_why() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().display();
    let error = refusal(&format!("sqlite://{path}/none/x.db")).await.to_string();
    assert_eq!(error, format!("cannot open the database {path}/none/x.db: there is no directory {path}/none"));
    let error = refusal("mysql://x").await.to_string();
    let schemes = "`sqlite://PATH`, `sqlite::memory:` or `postgres://USER@HOST/NAME`";
    assert_eq!(error, format!("cannot open the database mysql://x: the URL must be {schemes}"));
    assert!(matches!(refusal("sqlite://").await, StoreError::Open { .. }));
    std::fs::create_dir(directory.path().join("folder")).unwrap();
    assert!(matches!(refusal(&format!("sqlite://{path}/folder")).await, StoreError::Open { .. }));
}

#[tokio::test]
async fn a_file_of_something_else_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("blockyard.db");
    std::fs::write(&file, "certainly no database ".repeat(500)).unwrap();
    let error = refusal(&url(&directory)).await;
    assert_eq!(error.to_string(), format!("corrupt database: {} is not a SQLite database", file.display()));
    assert_eq!(std::fs::read(&file).unwrap().len(), 11_000, "left as it was");
}

#[tokio::test]
async fn a_torn_file_is_an_error_and_no_panic() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("blockyard.db");
    let fixture = Fixture::open(&config(url(&directory)), None).await;
    for n in 0..200 {
        let submission = Submission { input: long('i', 2000), ..submission(&format!("e{n}")) };
        fixture.put(vec![Record::Submission(Box::new(submission))]).await;
    }
    fixture.store.close().await.unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    for page in bytes.chunks_mut(4096).skip(2) {
        page[..64].fill(0xa5);
    }
    std::fs::write(&file, bytes).unwrap();
    let result = match Store::open(&config(url(&directory)), silent()).await {
        Ok(store) => store.execution(&"e7".into()).await.map(drop),
        Err(error) => Err(error),
    };
    assert!(result.is_err());
}

#[tokio::test]
async fn a_newer_database_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let fixture = Fixture::open(&config(url(&directory)), None).await;
    fixture.run("UPDATE _sqlx_migrations SET version = version + 1000").await;
    fixture.store.close().await.unwrap();
    let error = refusal(&url(&directory)).await.to_string();
    assert!(error.contains("a newer version of this server has used it (migration 1001)"), "{error}");
}

#[test]
fn what_was_acknowledged_outlives_a_crash() {
    let directory = tempfile::tempdir().unwrap();
    let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let before = runtime();
    before.block_on(async {
        let fixture = Fixture::open(&config(url(&directory)), None).await;
        for n in 0..50 {
            fixture.put(vec![submit(&format!("e{n}")), event(&format!("e{n}"), 1, EventKind::ExecutionStarted)]).await;
        }
        // Never closed: the runtime goes with the writer in it.
        std::mem::forget(fixture);
    });
    drop(before);
    runtime().block_on(async {
        let fixture = Fixture::open(&config(url(&directory)), None).await;
        assert_eq!(fixture.store.counts().await.unwrap().pending_jobs, 50);
        fixture.put(vec![event("e0", 2, EventKind::NodeStarted)]).await;
        let last = fixture.store.events(&"e49".into(), 0, 1).await.unwrap()[0].position;
        assert!(fixture.seen()[0].position > last, "positions go on");
        fixture.store.close().await.unwrap();
    });
}

#[tokio::test]
async fn a_dropped_store_lets_go_of_its_file() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&config(url(&directory)), silent()).await.unwrap();
    let riding = store.write(vec![submit("e")], Urgency::RideAlong);
    drop(store);
    riding.await.unwrap();
    let reopened = loop {
        match Store::open(&config(url(&directory)), silent()).await {
            Err(StoreError::InUse { .. }) => tokio::task::yield_now().await,
            other => break other.unwrap(),
        }
    };
    assert_eq!(reopened.counts().await.unwrap().pending_jobs, 1);
    reopened.close().await.unwrap();
}

#[tokio::test]
async fn free_pages_are_given_back_a_few_at_a_time() {
    let fixture = Fixture::in_file().await;
    let store = &fixture.store;
    let empty = store.size_bytes().await.unwrap();
    assert_eq!(store.reclaim(100).await.unwrap(), 0);
    for n in 0..50 {
        let submission = Submission { input: long('i', 20_000), ..submission(&format!("e{n}")) };
        fixture.put(vec![Record::Submission(Box::new(submission))]).await;
    }
    let full = store.size_bytes().await.unwrap();
    assert!(full > empty + 50 * 20_000, "{empty} {full}");
    fixture.run("DELETE FROM payloads").await;
    let mut left = store.reclaim(10).await.unwrap();
    assert!(left > 100, "{left}");
    while left > 0 {
        let before = left;
        left = store.reclaim(50).await.unwrap();
        assert!(left < before);
    }
    assert!(store.size_bytes().await.unwrap() < empty + 100_000);
    let file = fixture._directory.as_ref().unwrap().path().join("blockyard.db");
    assert_eq!(std::fs::metadata(file).unwrap().len(), store.size_bytes().await.unwrap(), "the file itself is cut");
    store.close().await.unwrap();
    assert!(matches!(store.reclaim(1).await, Err(StoreError::Closed)));
}

#[tokio::test]
async fn a_database_in_memory_has_nothing_to_give_back() {
    let fixture = Fixture::in_memory().await;
    fixture.put(vec![Record::Submission(Box::new(Submission { input: long('i', 100_000), ..submission("e") }))]).await;
    fixture.run("DELETE FROM payloads").await;
    assert_eq!(fixture.store.reclaim(10).await.unwrap(), 0);
    assert!(fixture.store.size_bytes().await.unwrap() > 0);
}

#[tokio::test]
async fn a_file_has_nobody_to_tell() {
    let fixture = Fixture::in_file().await;
    assert!(!fixture.store.is_shared());
    assert!(fixture.store.notices().await.unwrap().is_none());
}

/// Every step of a plan has to go through an index, and none may sort.
async fn assert_indexed(fixture: &Fixture, sql: &str) {
    let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
    let mut connection = fixture.store.inner.database.read().await.unwrap();
    let steps: Vec<String> = connection
        .fetch(explain, [])
        .await
        .unwrap()
        .iter()
        .map(|row| row.opt_text(3).unwrap().unwrap_or_default())
        .collect();
    for step in &steps {
        assert!(!step.contains("TEMP B-TREE"), "{sql}\n{steps:#?}");
        assert!(!step.starts_with("SCAN") || step.contains("USING") || step.contains("CONSTANT"), "{sql}\n{steps:#?}");
    }
}

/// Every text that is not put together anew each time, and all kinds of those that are.
pub(super) fn statements() -> Vec<String> {
    let mut statements: Vec<String> = [
        jobs::TO_CLAIM,
        jobs::EXPIRED,
        jobs::JOB,
        jobs::ENDED_SINCE,
        jobs::TIMES,
        jobs::STEPS,
        jobs::NEWEST_EVENTS,
        retention::OLD_JOBS,
        retention::OLD_FLOW,
        retention::JOBS_OF_FLOW,
        flows::UNTOLD,
        flows::STUCK,
        reads::COUNTS,
        reads::LAST_ENTRY,
        reads::EVENTS,
        reads::EXECUTION,
        reads::NODES,
        reads::ITEMS,
        reads::NEXT_PAYLOAD,
        reads::WORKFLOW_LATEST,
        reads::WORKFLOW_VERSION,
        reads::VERSIONS,
        schedules::SCHEDULE,
        schedules::DUE,
        schedules::FREED,
        schedules::NEXT_DUE,
        triggers::TRIGGER,
        triggers::TRIGGER_BY_TOKEN,
        secrets::SECRET,
        secrets::SECRETS_OF,
        audit::FIRST_ENTRIES,
        audit::NEXT_ENTRIES,
        webhooks::ANY,
        webhooks::WEBHOOK,
        webhooks::WEBHOOKS,
        webhooks::WEBHOOKS_AFTER,
        webhooks::OF_JOB,
        webhooks::OF_ALL,
        webhooks::OF_JOBS,
        webhooks::LATER,
        webhooks::WORK,
        webhooks::ID,
        webhooks::DELIVERY,
        webhooks::DELIVERIES,
        webhooks::DELIVERIES_AFTER,
    ]
    .map(str::to_owned)
    .into();
    let after = Some(Cursor { at: 1, id: "e".into() });
    for mask in 0..16 {
        let given = |bit: u32| mask & (1 << bit) != 0;
        let filter = ExecutionFilter {
            workflow_id: given(0).then(|| "w".into()),
            status: given(1).then_some(ExecutionStatus::Running),
            user_id: given(2).then(UserId::local),
            limit: 10,
            after: after.clone().filter(|_| given(3)),
        };
        statements.push(reads::executions_sql(&filter).0);
        let schedule = ScheduleFilter {
            user_id: filter.user_id.clone(),
            workflow_id: filter.workflow_id.clone(),
            active: given(1).then_some(true),
            limit: 10,
            after: filter.after.clone(),
        };
        statements.push(schedules::schedules_sql(&schedule).0);
        let ScheduleFilter { user_id, workflow_id, limit, after, .. } = schedule;
        statements.push(triggers::triggers_sql(&TriggerFilter { user_id, workflow_id, limit, after }).0);
        let filter = WorkflowFilter { user_id: filter.user_id, limit: 10, after: filter.after };
        statements.push(reads::workflows_sql(&filter).0);
        let filter = JobFilter {
            status: given(0).then_some(JobStatus::Failed),
            queue: given(2).then(|| "default".into()),
            before: given(3).then(|| "j".into()),
            limit: 10,
            ..JobFilter::default()
        };
        statements.push(jobs::jobs_sql(&filter).0);
    }
    statements
}

#[tokio::test]
async fn every_query_has_its_index() {
    let fixture = Fixture::in_file().await;
    for sql in statements() {
        assert_indexed(&fixture, &sql).await;
    }
}

#[tokio::test]
async fn a_component_that_would_fill_the_disk_has_no_room() {
    let fixture = Fixture::in_file().await;
    assert!(fixture.store.has_room_for(1), "this disk is nearly full");
    assert!(!fixture.store.has_room_for(usize::MAX));
    assert!(Fixture::in_memory().await.store.has_room_for(usize::MAX));
}
