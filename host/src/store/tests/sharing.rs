//! Several stores on one Postgres, as several processes have them.

use std::collections::HashSet;

use super::*;
use crate::domain::event::POSITION_STRIDE;

async fn two() -> (Fixture, Fixture) {
    let url = Postgres::shared().database().await;
    (Fixture::open(&config(&url), None).await, Fixture::open(&config(&url), None).await)
}

/// Tells and then says whether the transaction is to be committed.
#[derive(Debug)]
struct Tell(Vec<String>, Result<(), &'static str>);

impl command::Command for Tell {
    type Output = ();

    async fn run(&self, transaction: &mut batch::Transaction<'_>) -> Result<(), StoreError> {
        for text in &self.0 {
            transaction.connection.notify(&format!("changed {text}")).await?;
        }
        match self.1 {
            Ok(()) => Ok(()),
            Err(table) => Err(StoreError::Corrupt { what: table.to_owned() }),
        }
    }
}

async fn next(notices: &mut Notices) -> Option<Notice> {
    tokio::time::timeout(Duration::from_secs(30), notices.next()).await.unwrap()
}

fn text(text: &str) -> Option<Notice> {
    Some(Notice::Changed(text.to_owned()))
}

#[tokio::test]
async fn many_may_start_at_once() {
    let url = Postgres::shared().database().await;
    let config = config(&url);
    let starts = (0..8).map(|_| Store::open(&config, Arc::new(|_| {})));
    for store in futures::future::join_all(starts).await {
        store.unwrap().ping().await.unwrap();
    }
}

#[tokio::test]
async fn what_one_commits_the_other_reads() {
    let (one, other) = two().await;
    assert!(one.store.is_shared());
    one.put(vec![submit("e"), event("e", 1, EventKind::ExecutionStarted)]).await;
    other.put(vec![event("e", 2, EventKind::NodeStarted)]).await;
    for fixture in [&one, &other] {
        let events = fixture.store.events(&"e".into(), 0, 10).await.unwrap();
        assert_eq!(events.iter().map(|event| event.entry.seq).collect::<Vec<_>>(), [1, 2]);
        assert!(events[0].position < events[1].position);
        assert_eq!(fixture.seen().len(), 1, "its own");
    }
    assert!(!one.put(vec![finished("e", ExecutionStatus::Completed)]).await.superseded);
    assert!(other.put(vec![finished("e", ExecutionStatus::Failed)]).await.superseded);
}

#[tokio::test]
async fn positions_grow_in_the_order_of_commits() {
    let (one, other) = two().await;
    one.put(vec![submit("a"), submit("b")]).await;
    let write = |fixture: &Fixture, id: &'static str| {
        let store = fixture.store.clone();
        tokio::spawn(async move {
            for seq in 1..=100 {
                store.write(vec![event(id, seq, EventKind::NodeProgress)], Urgency::Now).await.unwrap();
            }
        })
    };
    let (a, b) = (write(&one, "a"), write(&other, "b"));
    let positions = async || {
        let mut positions = Vec::new();
        for id in ["a", "b"] {
            let events = one.store.events(&id.into(), 0, 1000).await.unwrap();
            positions.extend(events.iter().map(|event| event.position));
        }
        positions
    };
    // Whoever has seen a position finds nothing new before it.
    let mut seen = 0;
    while seen < 200 {
        let top = positions().await.into_iter().max().unwrap_or(0);
        let mut before = positions().await;
        before.retain(|position| *position <= top);
        before.sort_unstable();
        assert!(before.windows(2).all(|pair| pair[1] == pair[0] + POSITION_STRIDE), "{before:?}");
        seen = before.len();
    }
    a.await.unwrap();
    b.await.unwrap();
}

#[tokio::test]
async fn a_changed_workflow_is_seen_by_all() {
    let (one, other) = two().await;
    let version = |name: &str| NewVersion {
        workflow_id: "w".into(),
        user_id: UserId::local(),
        name: name.into(),
        uploaded: Default::default(),
        document_digest: format!("sha256:{name}"),
        document: json("{}"),
        at: 1,
    };
    one.store.create_workflow(version("one")).await.unwrap();
    assert_eq!(other.store.workflow("w", None).await.unwrap().unwrap().name, "one");
    one.store.save_workflow(version("two"), None).await.unwrap();
    assert_eq!(other.store.workflow("w", None).await.unwrap().unwrap().name, "two");
}

#[tokio::test]
async fn versions_saved_at_once_are_numbered_one_after_the_other() {
    let (one, other) = two().await;
    let version = |n: u32| NewVersion {
        workflow_id: "w".into(),
        user_id: UserId::local(),
        name: format!("n{n}"),
        uploaded: Default::default(),
        document_digest: format!("sha256:{n}"),
        document: json("{}"),
        at: 1,
    };
    let (a, b) = tokio::join!(one.store.create_workflow(version(0)), other.store.create_workflow(version(1)));
    let created = [a, b];
    assert_eq!(created.iter().filter(|saved| saved.is_ok()).count(), 1, "{created:?}");
    assert!(created.iter().any(|saved| matches!(saved, Err(StoreError::Conflict { .. }))), "{created:?}");
    let saves: Vec<_> = (2..42)
        .map(|n| {
            let store = if n % 2 == 0 { one.store.clone() } else { other.store.clone() };
            let version = version(n);
            tokio::spawn(async move { store.save_workflow(version, None).await.unwrap().unwrap().version })
        })
        .collect();
    let mut versions = HashSet::new();
    for save in saves {
        assert!(versions.insert(save.await.unwrap()));
    }
    assert_eq!(versions, (2..=41).collect());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_job_is_claimed_twice() {
    let (first, _) = two().await;
    let mut stores = vec![first.store.clone()];
    let url = {
        let database = first.store.ask(Name).await.unwrap();
        Postgres::shared().url(&database)
    };
    for _ in 0..3 {
        stores.push(Store::open(&config(&url), Arc::new(|_| {})).await.unwrap());
    }
    for n in 0..500 {
        drop(first.store.write(vec![submit(&format!("e{n:03}"))], Urgency::RideAlong));
    }
    first.store.flush().await.unwrap();
    let claims: Vec<_> = (0..8)
        .map(|n| {
            let store = stores[n % stores.len()].clone();
            tokio::spawn(async move {
                let mut claimed = Vec::new();
                loop {
                    let jobs = store.claim_jobs(claim_as(&format!("worker-{n}"), 5000, 7)).await.unwrap().jobs;
                    if jobs.is_empty() {
                        return claimed;
                    }
                    claimed.extend(jobs.into_iter().map(|job| (job.job_id, job.attempts)));
                }
            })
        })
        .collect();
    let mut ids = HashSet::new();
    for claim in claims {
        for (id, attempts) in claim.await.unwrap() {
            assert_eq!(attempts, 1);
            assert!(ids.insert(id.to_string()), "{id} twice");
        }
    }
    assert_eq!(ids.len(), 500);
    assert_eq!(first.store.counts().await.unwrap(), Counts { pending_jobs: 0, processing_jobs: 500 });
}

#[tokio::test]
async fn who_lost_a_job_writes_nothing_more_of_it() {
    let (one, other) = two().await;
    one.store.claim_as("one");
    other.store.claim_as("other");
    one.put(vec![submit("e"), submit("mine")]).await;
    assert_eq!(one.store.claim_jobs(claim_as("one", 1000, 2)).await.unwrap().jobs.len(), 2);
    one.put(vec![event("e", 1, EventKind::ExecutionStarted)]).await;
    assert_eq!(other.store.take_over(5000, false, vec!["mine".into()]).await.unwrap(), 1);
    let taken = other.store.claim_jobs(claim_as("other", 5000, 2)).await.unwrap().jobs;
    assert_eq!(taken.iter().map(|job| job.job_id.as_str()).collect::<Vec<_>>(), ["e"]);
    other.put(vec![event("e", 2, EventKind::ExecutionResumed)]).await;
    // In one commit with what it may write, which is stored.
    let late = one.store.write(vec![event("e", 2, EventKind::NodeStarted)], Urgency::Now);
    let ending = one.store.write(vec![finished("mine", ExecutionStatus::Completed)], Urgency::Now);
    assert!(matches!(late.await, Err(StoreError::LeaseLost { execution_id }) if execution_id == "e".into()));
    ending.await.unwrap();
    let late_end = one.store.write(vec![finished("e", ExecutionStatus::Failed)], Urgency::Now).await;
    assert!(matches!(late_end, Err(StoreError::LeaseLost { .. })), "{late_end:?}");
    other.put(vec![finished("e", ExecutionStatus::Completed)]).await;
    for id in ["e", "mine"] {
        assert_eq!(one.status(id).await, ExecutionStatus::Completed);
    }
    let told: Vec<_> = one.store.events(&"e".into(), 0, 10).await.unwrap();
    let told: Vec<_> = told.iter().map(|event| event.entry.event).collect();
    assert_eq!(told, [EventKind::ExecutionStarted, EventKind::ExecutionResumed]);
}

/// The name of the database.
#[derive(Debug)]
struct Name;

impl command::Command for Name {
    type Output = String;

    async fn run(&self, transaction: &mut batch::Transaction<'_>) -> Result<String, StoreError> {
        let row = transaction.connection.fetch_first("SELECT current_database()::TEXT", []).await?;
        Ok(row.and_then(|row| row.opt_text(0).unwrap()).unwrap())
    }
}

#[tokio::test]
async fn notices_come_after_the_commit_and_not_after_a_rollback() {
    let (one, other) = two().await;
    let mut here = one.store.notices().await.unwrap().unwrap();
    let mut there = other.store.notices().await.unwrap().unwrap();
    let undone = one.store.ask(Tell(vec!["undone".into()], Err("x"))).await;
    assert!(matches!(undone, Err(StoreError::Corrupt { .. })));
    let odd = "{\"odd\":\"é\u{1F600}\\u0000 '\\\"\"}".to_owned();
    one.store.ask(Tell(vec!["done".into(), odd.clone(), String::new()], Ok(()))).await.unwrap();
    for notices in [&mut here, &mut there] {
        assert_eq!(next(notices).await, text("done"));
        assert_eq!(next(notices).await, text(&odd));
        assert_eq!(next(notices).await, text(""));
    }
    other.store.close().await.unwrap();
    assert_eq!(next(&mut there).await, None);
    one.store.ask(Tell(vec!["again".into()], Ok(()))).await.unwrap();
    assert_eq!(next(&mut here).await, text("again"));
}

#[tokio::test]
async fn notices_stay_in_their_database() {
    let ((one, _), (other, _)) = (two().await, two().await);
    let mut there = other.store.notices().await.unwrap().unwrap();
    one.store.ask(Tell(vec!["mine".into()], Ok(()))).await.unwrap();
    other.store.ask(Tell(vec!["yours".into()], Ok(()))).await.unwrap();
    assert_eq!(next(&mut there).await, text("yours"));
}

#[tokio::test]
async fn a_long_notice_is_the_callers_mistake_on_every_database() {
    for fixture in [Fixture::in_postgres().await, Fixture::in_memory().await] {
        fixture.store.ask(Tell(vec!["x".repeat(7991)], Ok(()))).await.unwrap();
        let error = fixture.store.ask(Tell(vec!["x".repeat(7992)], Ok(()))).await.unwrap_err();
        assert_eq!(error.to_string(), "a notice of 8000 bytes is too long");
        fixture.store.ask(Tell(vec!["x".into()], Ok(()))).await.unwrap();
    }
}

#[tokio::test]
async fn who_takes_no_notice_is_told_that_some_are_lost() {
    let (one, _) = two().await;
    let mut notices = one.store.notices().await.unwrap().unwrap();
    for _ in 0..4 {
        one.run("SELECT pg_notify('blockyard', 'changed ' || n::TEXT) FROM generate_series(1, 10000) n").await;
    }
    let missed = async {
        while !notices.has_missed() {
            one.store.ping().await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(60), missed).await.unwrap();
    let mut taken = 0;
    while next(&mut notices).await != Some(Notice::Lost) {
        taken += 1;
        assert!(taken <= 40_000);
    }
    one.store.ask(Tell(vec!["after".into()], Ok(()))).await.unwrap();
    let mut last = next(&mut notices).await;
    while last != text("after") {
        last = next(&mut notices).await;
    }
}
