//! Statistics and queues.

use super::*;
use crate::domain::{AuditEntry, JobStatus, JobType, NodeId};

conformance! {
    jobs_are_counted_by_type_and_status,
    open_jobs_are_counted_by_queue,
    times_are_those_of_the_window,
    a_paused_queue_gives_no_jobs,
    pausing_twice_is_told_once,
    steps_and_newest_events_come_in_order,
}

async fn submit_with(fixture: &Fixture, id: &str, change: impl FnOnce(&mut Submission)) {
    let mut submission = submission(id);
    change(&mut submission);
    fixture.put(vec![Record::Submission(Box::new(submission))]).await;
}

fn end(id: &str, at: i64) -> Record {
    let Record::Finished(mut end) = finished(id, ExecutionStatus::Completed) else { panic!() };
    end.at = at;
    Record::Finished(end)
}

fn paused(at: i64) -> AuditEntry {
    AuditEntry {
        id: format!("a{at}"),
        at,
        user_id: UserId::local(),
        action: "queue.paused".into(),
        subject: "queue/default".into(),
        details: Json::null(),
    }
}

async fn jobs_are_counted_by_type_and_status(fixture: Fixture) {
    assert!(fixture.store.job_counts().await.unwrap().is_empty());
    for n in 0..3 {
        submit_with(&fixture, &format!("w{n}"), |_| {}).await;
    }
    submit_with(&fixture, "s", |job| job.job_type = JobType::Search).await;
    fixture.put(vec![end("w0", 2000)]).await;
    let counts = fixture.store.job_counts().await.unwrap();
    let counts: Vec<_> = counts.iter().map(|of| (of.job_type, of.status, of.count)).collect();
    assert_eq!(
        counts,
        [
            (JobType::Search, JobStatus::Pending, 1),
            (JobType::Workflow, JobStatus::Completed, 1),
            (JobType::Workflow, JobStatus::Pending, 2),
        ]
    );
}

async fn open_jobs_are_counted_by_queue(fixture: Fixture) {
    submit_with(&fixture, "a", |_| {}).await;
    submit_with(&fixture, "b", |job| job.run_at = 9000).await;
    submit_with(&fixture, "c", |job| job.queue = "odd é".into()).await;
    fixture.put(vec![submit_claimed("d"), submit("e")]).await;
    fixture.put(vec![end("e", 2000)]).await;
    let place = FlowPlace { flow_id: "f".into(), parent_id: None, fail_parent: true, waits: true };
    submit_with(&fixture, "g", |job| job.place = Some(place)).await;
    let counts = fixture.store.queue_counts().await.unwrap();
    let default = QueueCounts { pending: 1, delayed: 1, waiting_children: 1, processing: 1 };
    assert_eq!(counts["default"], default);
    assert_eq!(counts["odd é"], QueueCounts { pending: 1, ..QueueCounts::default() });
    assert_eq!(counts.len(), 2);
}

async fn times_are_those_of_the_window(fixture: Fixture) {
    for (id, created_at, run_at) in [("old", 1000, 1000), ("new", 1000, 1500), ("never", 1000, 1000)] {
        submit_with(&fixture, id, |job| (job.created_at, job.run_at) = (created_at, run_at)).await;
    }
    let claimed = fixture.store.claim_jobs(claim(2000, 2)).await.unwrap();
    assert_eq!(claimed.jobs.len(), 2);
    fixture.run("UPDATE jobs SET started_at = 2000 WHERE id IN ('old', 'new')").await;
    fixture.run("UPDATE jobs SET started_at = NULL WHERE id = 'never'").await;
    fixture.put(vec![end("old", 2500)]).await;
    fixture.put(vec![end("new", 4000)]).await;
    fixture.put(vec![end("never", 4500)]).await;
    let store = &fixture.store;
    assert_eq!(store.jobs_ended_since(2500).await.unwrap(), 3);
    assert_eq!(store.jobs_ended_since(2501).await.unwrap(), 2);
    let times = store.job_times(2501).await.unwrap();
    assert_eq!(times, [JobTimes { ready_at: 1500, started_at: 2000, ended_at: 4000 }]);
    assert_eq!(store.job_times(0).await.unwrap().len(), 2);
    // Put off and begun again: what it waited for the first time counts.
    fixture.run("UPDATE jobs SET run_at = 3000 WHERE id = 'new'").await;
    assert_eq!(store.job_times(2501).await.unwrap()[0].ready_at, 1000);
}

async fn a_paused_queue_gives_no_jobs(fixture: Fixture) {
    fixture.put(vec![submit("e")]).await;
    assert!(fixture.store.set_queue_paused("default", true, paused(5)).await.unwrap());
    assert!(fixture.store.claim_jobs(claim(2000, 10)).await.unwrap().jobs.is_empty());
    let names = fixture.store.paused_queues().await.unwrap();
    assert_eq!(names.into_iter().collect::<Vec<_>>(), [("default".to_owned(), 5)]);
    assert!(fixture.store.set_queue_paused("default", false, paused(6)).await.unwrap());
    assert_eq!(fixture.store.claim_jobs(claim(2000, 10)).await.unwrap().jobs.len(), 1);
    assert!(fixture.store.paused_queues().await.unwrap().is_empty());
}

async fn pausing_twice_is_told_once(fixture: Fixture) {
    let store = &fixture.store;
    assert!(!store.set_queue_paused("default", false, paused(1)).await.unwrap());
    assert!(store.set_queue_paused("default", true, paused(2)).await.unwrap());
    assert!(!store.set_queue_paused("default", true, paused(3)).await.unwrap());
    assert_eq!(store.paused_queues().await.unwrap()["default"], 2, "since the first time");
    assert!(store.set_queue_paused("default", false, paused(4)).await.unwrap());
    let entries = store.audit_entries(None, 10).await.unwrap();
    assert_eq!(entries.iter().map(|entry| entry.at).collect::<Vec<_>>(), [4, 2]);
}

async fn steps_and_newest_events_come_in_order(fixture: Fixture) {
    fixture.put(vec![submit("e"), event("e", 1, EventKind::ExecutionStarted)]).await;
    for (seq, kind) in [EventKind::NodeStarted, EventKind::NodeProgress, EventKind::NodeCompleted].iter().enumerate() {
        let node_id = Some(NodeId::from("a"));
        let entry = TimelineEntry { node_id, ..entry(seq as u64 + 2, *kind) };
        fixture.put(vec![Record::Event { execution_id: "e".into(), entry }]).await;
    }
    let steps = fixture.store.node_steps(&"e".into()).await.unwrap();
    assert_eq!(steps, [(EventKind::NodeStarted, "a".into()), (EventKind::NodeCompleted, "a".into())]);
    let newest = fixture.store.newest_events(&"e".into(), 2).await.unwrap();
    assert_eq!(newest.iter().map(|event| event.entry.seq).collect::<Vec<_>>(), [3, 4]);
    assert!(fixture.store.newest_events(&"none".into(), 2).await.unwrap().is_empty());
}
