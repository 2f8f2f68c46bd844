//! Removing what is old, and nothing else.

use super::*;
use crate::domain::AuditEntry;

conformance! {
    old_jobs_go_with_all_that_is_theirs,
    what_has_not_ended_stays,
    jobs_go_in_steps_the_oldest_first,
    a_flow_goes_as_a_whole,
    jobs_stay_until_their_webhook_was_told,
    jobs_stay_until_webhooks_have_their_events,
    a_flow_stays_until_webhooks_were_told,
    the_floor_rises_to_the_newest_event_that_went,
    old_keys_are_forgotten,
    documents_go_that_nobody_uses,
    a_document_that_is_used_again_stays,
}

fn end(id: &str, at: i64) -> Record {
    let Record::Finished(mut end) = finished(id, ExecutionStatus::Completed) else { panic!() };
    end.at = at;
    Record::Finished(end)
}

/// A job with something in every table that it can have something in.
async fn whole(fixture: &Fixture, id: &str, ended_at: i64) {
    let item = Box::new(ItemRow { node_id: "n".into(), index: 0, call: CallRow::new(NodeStatus::Completed) });
    let records = vec![
        submit(id),
        event(id, 1, EventKind::ExecutionStarted),
        Record::Payload { execution_id: id.into(), number: 1, body: long('x', 500) },
        node(id, "n", NodeStatus::Completed, vec![]),
        Record::Item { execution_id: id.into(), item },
        event(id, 2, EventKind::ExecutionCompleted),
        end(id, ended_at),
    ];
    fixture.put(records).await;
}

/// Rows in the tables that hold anything of jobs.
async fn rows(fixture: &Fixture) -> [i64; 6] {
    [
        fixture.number("SELECT COUNT(*) FROM jobs").await,
        fixture.number("SELECT COUNT(*) FROM executions").await,
        fixture.number("SELECT COUNT(*) FROM payloads").await,
        fixture.number("SELECT COUNT(*) FROM node_results").await,
        fixture.number("SELECT COUNT(*) FROM node_items").await,
        fixture.number("SELECT COUNT(*) FROM events").await,
    ]
}

fn flow(id: &str) -> Record {
    Record::Flow(Box::new(NewFlow {
        id: id.into(),
        user_id: UserId::local(),
        name: "né".into(),
        root_id: "root".into(),
        total: 2,
        entry: entry(1, EventKind::FlowCreated),
    }))
}

fn member(id: &str, flow: &str) -> Record {
    let place = FlowPlace { flow_id: flow.into(), parent_id: None, fail_parent: true, waits: false };
    Record::Submission(Box::new(Submission { place: Some(place), ..submission(id) }))
}

async fn old_jobs_go_with_all_that_is_theirs(fixture: Fixture) {
    whole(&fixture, "old", 2000).await;
    whole(&fixture, "young", 5000).await;
    assert_eq!(rows(&fixture).await, [2, 2, 4, 2, 2, 4]);
    let removed = fixture.store.remove_jobs(5000, 10).await.unwrap();
    assert_eq!(removed, Removed { rows: 1, more: false });
    assert_eq!(rows(&fixture).await, [1, 1, 2, 1, 1, 2]);
    assert!(fixture.store.job(&"old".into()).await.unwrap().is_none());
    assert!(fixture.store.execution(&"old".into()).await.unwrap().is_none());
    let young = fixture.store.execution(&"young".into()).await.unwrap().unwrap();
    assert_eq!(young.execution.output, json("\"done\""));
    assert_eq!(fixture.store.remove_jobs(5000, 10).await.unwrap(), Removed::default());
}

async fn what_has_not_ended_stays(fixture: Fixture) {
    fixture.put(vec![submit("pending"), submit_claimed("processing")]).await;
    let delayed = Submission { run_at: i64::MAX, ..submission("delayed") };
    fixture.put(vec![Record::Submission(Box::new(delayed))]).await;
    assert_eq!(fixture.store.remove_jobs(i64::MAX, 10).await.unwrap().rows, 0);
    assert_eq!(rows(&fixture).await[0], 3);
}

async fn jobs_go_in_steps_the_oldest_first(fixture: Fixture) {
    for n in 0..70 {
        whole(&fixture, &format!("j{n:02}"), 2000 + n).await;
    }
    assert_eq!(fixture.store.remove_jobs(3000, 67).await.unwrap(), Removed { rows: 67, more: true });
    let filter = JobFilter { limit: 10, ..JobFilter::default() };
    let left: Vec<_> = fixture.store.jobs(&filter).await.unwrap().iter().map(|job| job.id.to_string()).collect();
    assert_eq!(left, ["j69", "j68", "j67"]);
}

async fn a_flow_goes_as_a_whole(fixture: Fixture) {
    fixture.put(vec![flow("f"), member("a", "f"), member("b", "f"), event("a", 1, EventKind::ExecutionStarted)]).await;
    fixture.put(vec![end("a", 2000)]).await;
    let store = &fixture.store;
    // One of its jobs is old, the flow is open.
    assert_eq!(store.remove_jobs(9000, 10).await.unwrap().rows, 0);
    assert_eq!(store.remove_flow_jobs(9000, 10).await.unwrap(), Removed::default());
    fixture.put(vec![end("b", 3000)]).await;
    fixture.run("UPDATE flows SET ended_at = 3000 WHERE id = 'f'").await;
    assert_eq!(store.remove_flow_jobs(3000, 10).await.unwrap(), Removed::default());
    assert_eq!(store.remove_flow_jobs(3001, 1).await.unwrap(), Removed { rows: 1, more: true });
    assert_eq!(fixture.number("SELECT COUNT(*) FROM flows").await, 1, "as long as it has jobs");
    let mut rows = 0;
    while let Removed { rows: more, more: true } = store.remove_flow_jobs(3001, 1).await.unwrap() {
        rows += more;
    }
    assert_eq!(rows, 1);
    assert_eq!(fixture.number("SELECT COUNT(*) FROM flows").await, 0);
    assert_eq!(fixture.number("SELECT COUNT(*) FROM events").await, 0);
    assert_eq!(fixture.number("SELECT COUNT(*) FROM jobs").await, 0);
}

fn own_webhook(id: &str, job_id: Option<&str>) -> NewWebhook {
    NewWebhook {
        id: id.into(),
        user_id: UserId::local(),
        url: "https://a.example/".into(),
        events: vec![crate::domain::webhook::EventFilter::All],
        secret: Sealed { value: "v".into(), nonce: "n".into(), key_id: "k".into() },
        active: true,
        job_id: job_id.map(Into::into),
        at: 1000,
    }
}

/// Forward everything, and end these webhooks; a delivery `d` to the first of them.
async fn forward_all(fixture: &Fixture, ended: &[&str]) {
    let (store, change) = (&fixture.store, fixture.store.subscriptions(0).await.unwrap().change);
    let to = store.event_positions().await.unwrap().newest;
    let delivery = |webhook_id: &&str| NewDelivery {
        id: "d".into(),
        webhook_id: (*webhook_id).into(),
        user_id: UserId::local(),
        event: "job:completed".into(),
        position: to,
        body: json("{}"),
        max_attempts: 2,
        at: 1000,
    };
    let deliveries = ended.first().map(delivery).into_iter().collect();
    let ended = ended.iter().map(|id| (*id).to_owned()).collect();
    store.forward(Forwarded { change, to, deliveries, ended }).await.unwrap().unwrap();
}

async fn jobs_stay_until_their_webhook_was_told(fixture: Fixture) {
    let store = &fixture.store;
    whole(&fixture, "other", 2000).await;
    fixture.put(vec![submit("own"), Record::Webhook(Box::new(own_webhook("w", Some("own"))))]).await;
    fixture.put(vec![event("own", 1, EventKind::ExecutionCompleted), end("own", 2000)]).await;
    forward_all(&fixture, &["w"]).await;
    assert_eq!(store.remove_jobs(5000, 1).await.unwrap(), Removed { rows: 1, more: true });
    for status in ["pending", "delayed", "processing"] {
        let set = format!("UPDATE jobs SET status = '{status}' WHERE id = 'd'");
        fixture.run(Box::leak(set.into_boxed_str())).await;
        assert_eq!(store.remove_jobs(5000, 10).await.unwrap(), Removed::default(), "{status}");
    }
    assert!(store.delivery_work(&"d".into()).await.unwrap().is_some(), "it can still be sent");
    fixture.run("UPDATE jobs SET status = 'dead', ended_at = 9000 WHERE id = 'd'").await;
    assert_eq!(store.remove_jobs(5000, 10).await.unwrap().rows, 1);
    assert!(store.webhook("w").await.unwrap().is_none());
}

async fn jobs_stay_until_webhooks_have_their_events(fixture: Fixture) {
    let store = &fixture.store;
    let entry = AuditEntry {
        id: "a".into(),
        at: 1,
        user_id: UserId::local(),
        action: "test".into(),
        subject: "test".into(),
        details: Json::null(),
    };
    store.create_webhook(own_webhook("w", None), entry.clone()).await.unwrap();
    whole(&fixture, "told", 2000).await;
    forward_all(&fixture, &[]).await;
    whole(&fixture, "untold", 2000).await;
    assert_eq!(store.remove_jobs(5000, 10).await.unwrap().rows, 1);
    assert!(store.job(&"untold".into()).await.unwrap().is_some());
    // With nobody to tell, nothing is in the way.
    let off = WebhookChange { active: Some(false), at: 1, ..WebhookChange::default() };
    store.change_webhook("w", off, AuditEntry { id: "b".into(), ..entry }).await.unwrap();
    assert_eq!(store.remove_jobs(5000, 10).await.unwrap().rows, 1);
}

async fn a_flow_stays_until_webhooks_were_told(fixture: Fixture) {
    let store = &fixture.store;
    let own = Record::Webhook(Box::new(own_webhook("w", Some("b"))));
    fixture.put(vec![flow("f"), member("a", "f"), member("b", "f"), own]).await;
    fixture.put(vec![event("b", 1, EventKind::ExecutionCompleted), end("a", 2000), end("b", 2000)]).await;
    fixture.run("UPDATE flows SET ended_at = 3000 WHERE id = 'f'").await;
    assert_eq!(store.remove_flow_jobs(5000, 10).await.unwrap(), Removed::default(), "not forwarded");
    forward_all(&fixture, &["w"]).await;
    assert_eq!(store.remove_flow_jobs(5000, 10).await.unwrap(), Removed::default(), "not delivered");
    fixture.run("UPDATE jobs SET status = 'completed', ended_at = 9000 WHERE id = 'd'").await;
    assert_eq!(store.remove_flow_jobs(5000, 10).await.unwrap(), Removed { rows: 2, more: true });
}

async fn the_floor_rises_to_the_newest_event_that_went(fixture: Fixture) {
    let store = &fixture.store;
    assert_eq!(store.event_positions().await.unwrap().floor, 0);
    whole(&fixture, "old", 2000).await;
    whole(&fixture, "young", 5000).await;
    let last = store.events(&"old".into(), 0, 10).await.unwrap().last().unwrap().position;
    store.remove_jobs(5000, 10).await.unwrap();
    let positions = store.event_positions().await.unwrap();
    assert_eq!(positions.floor, last);
    assert!(positions.newest > last);
    whole(&fixture, "without events", 1000).await;
    fixture.run("DELETE FROM events WHERE subject = 'without events'").await;
    store.remove_jobs(5000, 10).await.unwrap();
    assert_eq!(store.event_positions().await.unwrap().floor, last, "it never goes back");
}

async fn old_keys_are_forgotten(fixture: Fixture) {
    let key = |key: &str, at| IdempotencyKey {
        user_id: UserId::local(),
        kind: "job",
        key: key.into(),
        fingerprint: "f".into(),
        at,
    };
    let store = &fixture.store;
    for (name, at) in [("a", 10), ("b", 20), ("c", 30)] {
        store.write_once(key(name, at), name, vec![submit(name)]).await.unwrap();
    }
    assert_eq!(store.remove_keys(30, 1).await.unwrap(), Removed { rows: 1, more: true });
    assert_eq!(store.remove_keys(30, 10).await.unwrap(), Removed { rows: 1, more: false });
    assert_eq!(store.write_once(key("c", 40), "d", vec![submit("d")]).await.unwrap(), Once::Known("c".into()));
    assert_eq!(store.write_once(key("a", 40), "e", vec![submit("e")]).await.unwrap(), Once::Done(()));
}

fn with_document(id: &str, digest: &str) -> Record {
    Record::Submission(Box::new(Submission { document_digest: digest.into(), ..submission(id) }))
}

async fn documents_go_that_nobody_uses(fixture: Fixture) {
    let store = &fixture.store;
    let version = NewVersion {
        workflow_id: "w".into(),
        user_id: UserId::local(),
        name: "w".into(),
        uploaded: Default::default(),
        document_digest: "saved".into(),
        document: json("{}"),
        at: 1,
    };
    store.create_workflow(version).await.unwrap();
    fixture.put(vec![with_document("gone", "gone"), with_document("here", "here")]).await;
    fixture.put(vec![end("gone", 2000)]).await;
    store.remove_jobs(3000, 10).await.unwrap();
    assert_eq!(store.remove_documents(10_000, 5_000, 10).await.unwrap(), 0, "marked at first");
    assert!(store.document("gone").await.unwrap().is_some());
    assert_eq!(store.remove_documents(20_000, 10_000, 10).await.unwrap(), 0, "not for long enough");
    assert_eq!(store.remove_documents(20_000, 10_001, 10).await.unwrap(), 1);
    assert!(store.document("gone").await.unwrap().is_none());
    assert!(store.document("here").await.unwrap().is_some() && store.document("saved").await.unwrap().is_some());
}

async fn a_document_that_is_used_again_stays(fixture: Fixture) {
    let store = &fixture.store;
    // Behind the back of the store, which does not remember it then, as another process would not.
    fixture.run("INSERT INTO documents (digest, body) VALUES ('d', '{}')").await;
    store.remove_documents(10_000, 5_000, 10).await.unwrap();
    fixture.put(vec![with_document("e", "d")]).await;
    fixture.put(vec![end("e", 2000)]).await;
    store.remove_jobs(3000, 10).await.unwrap();
    assert_eq!(store.remove_documents(20_000, 15_000, 10).await.unwrap(), 0, "its time begins anew");
    assert_eq!(store.remove_documents(30_000, 25_000, 10).await.unwrap(), 1);
}

#[tokio::test]
async fn a_file_is_small_again_afterwards() {
    const JOBS: usize = 5_000;
    let fixture = Fixture::in_file().await;
    let store = &fixture.store;
    let empty = store.size_bytes().await.unwrap();
    let commits = (0..JOBS).map(|n| {
        let id = format!("job-{n:06}");
        let input = Submission { input: long('i', 300), ..submission(&id) };
        let records = vec![
            Record::Submission(Box::new(input)),
            event(&id, 1, EventKind::ExecutionStarted),
            node(&id, "n", NodeStatus::Completed, vec![("out".into(), Stored::Json(json("[1,2,3]")))]),
            event(&id, 2, EventKind::ExecutionCompleted),
            end(&id, 2000),
        ];
        store.write(records, Urgency::Now)
    });
    for commit in commits.collect::<Vec<_>>() {
        commit.await.unwrap();
    }
    let full = store.size_bytes().await.unwrap();
    assert!(full > empty + (JOBS * 500) as u64, "{empty} {full}");
    while store.remove_jobs(3000, 500).await.unwrap().more {}
    while store.reclaim(1000).await.unwrap() > 0 {}
    let swept = store.size_bytes().await.unwrap();
    assert!(swept * 10 <= empty * 12 + 10 * 64 * 1024, "{empty} bytes at first, {full} full, {swept} now");
}

#[tokio::test]
async fn one_process_removes_at_a_time() {
    let url = Postgres::shared().database().await;
    let one = Fixture::open(&config(url.clone()), None).await;
    let other = Fixture::open(&config(url), None).await;
    for n in 0..200 {
        whole(&one, &format!("j{n:03}"), 2000).await;
    }
    let sweep = async |store: &Store| {
        let mut rows = 0;
        for _ in 0..200 {
            rows += store.remove_jobs(3000, 7).await.unwrap().rows;
        }
        rows
    };
    let (one_rows, other_rows) = tokio::join!(sweep(&one.store), sweep(&other.store));
    assert_eq!(one_rows + other_rows, 200);
    assert_eq!(rows(&one).await, [0; 6]);
}
