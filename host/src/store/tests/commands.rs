//! Workflows, claims, leases and cancelling.

use super::*;

conformance! {
    workflows_are_versioned,
    a_deleted_id_may_be_taken_again,
    claims_go_by_priority_and_age,
    a_claim_marks_job_and_execution,
    orphans_are_put_back,
    leases_are_renewed_for_their_owner,
    cancelling_what_waits_ends_it,
    cancelling_what_runs_is_left_to_its_worker,
    cancelling_what_nobody_took_up_again_ends_it,
    a_submission_and_its_cancelling_keep_their_order,
}

fn version(id: &str, name: &str, at: i64) -> NewVersion {
    NewVersion {
        workflow_id: id.into(),
        user_id: UserId::local(),
        name: name.into(),
        document_digest: format!("sha256:{name}"),
        document: json(&format!("{{\"name\":\"{name}\"}}")),
        at,
    }
}

async fn workflows_are_versioned(fixture: Fixture) {
    let store = &fixture.store;
    assert_eq!(store.save_workflow(version("w", "one", 1), None).await.unwrap(), None);
    assert_eq!(store.create_workflow(version("w", "one", 1)).await.unwrap().version, 1);
    let error = store.create_workflow(version("w", "one", 1)).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict { .. }));
    assert_eq!(store.save_workflow(version("w", "two", 2), Some(1)).await.unwrap().unwrap().version, 2);
    let error = store.save_workflow(version("w", "three", 3), Some(1)).await.unwrap_err();
    assert_eq!(error.to_string(), "workflow `w` is at version 2, not 1");
    let latest = store.workflow("w", None).await.unwrap().unwrap();
    assert_eq!((latest.version, latest.latest_version, latest.name.as_str()), (2, 2, "two"));
    assert_eq!((latest.created_at, latest.updated_at), (1, 2));
    let first = store.workflow("w", Some(1)).await.unwrap().unwrap();
    assert_eq!((first.version, first.latest_version, first.document), (1, 2, json(r#"{"name":"one"}"#)));
    assert_eq!((first.created_at, first.updated_at), (1, 1));
    assert_eq!(store.workflow("w", Some(3)).await.unwrap(), None);
    assert_eq!(store.document("sha256:one").await.unwrap(), Some(json(r#"{"name":"one"}"#)));
    assert_eq!(store.document("sha256:none").await.unwrap(), None);
    let versions: Vec<u32> = store.workflow_versions("w").await.unwrap().iter().map(|row| row.version).collect();
    assert_eq!(versions, [2, 1]);
}

async fn a_deleted_id_may_be_taken_again(fixture: Fixture) {
    let store = &fixture.store;
    store.create_workflow(version("w", "one", 1)).await.unwrap();
    assert!(store.delete_workflow("w", 2).await.unwrap());
    assert!(!store.delete_workflow("w", 3).await.unwrap());
    assert_eq!(store.workflow("w", None).await.unwrap(), None);
    assert_eq!(store.workflow("w", Some(1)).await.unwrap(), None);
    assert!(store.workflow_versions("w").await.unwrap().is_empty());
    assert_eq!(store.save_workflow(version("w", "two", 3), None).await.unwrap(), None);
    assert_eq!(store.create_workflow(version("w", "two", 4)).await.unwrap().version, 2);
    assert_eq!(store.workflow("w", None).await.unwrap().unwrap().created_at, 4);
    assert_eq!(store.workflow("w", Some(1)).await.unwrap(), None, "belonged to the one before");
}

async fn submit_with(fixture: &Fixture, id: &str, priority: i64, created_at: i64) {
    let submission = Submission { priority, created_at, ..submission(id) };
    fixture.put(vec![Record::Submission(Box::new(submission))]).await;
}

async fn claims_go_by_priority_and_age(fixture: Fixture) {
    for (id, priority, created_at) in [("old", 0, 10), ("young", 0, 20), ("urgent", 5, 30), ("future", 9, 5000)] {
        submit_with(&fixture, id, priority, created_at).await;
    }
    let claim = async |limit| -> Vec<String> {
        let jobs = fixture.store.claim_jobs("me", 1000, 2000, limit).await.unwrap();
        jobs.iter().map(|job| job.execution_id.to_string()).collect()
    };
    assert_eq!(claim(2).await, ["urgent", "old"]);
    assert_eq!(claim(10).await, ["young"]);
    assert!(claim(10).await.is_empty());
}

async fn a_claim_marks_job_and_execution(fixture: Fixture) {
    for n in 0..7 {
        submit_with(&fixture, &format!("e{n}"), 0, n).await;
    }
    let jobs = fixture.store.claim_jobs("me", 1000, 2000, 7).await.unwrap();
    assert_eq!(jobs.len(), 7);
    assert_eq!((jobs[0].job_id.as_str(), jobs[0].attempts, jobs[0].takeovers), ("job-e0", 1, 0));
    for n in 0..7 {
        let execution = fixture.store.execution(&format!("e{n}").into()).await.unwrap().unwrap().execution;
        assert_eq!((execution.status, execution.started_at), (ExecutionStatus::Running, Some(1000)));
    }
    assert_eq!(fixture.store.counts().await.unwrap(), Counts { pending_jobs: 0, processing_jobs: 7 });
}

async fn orphans_are_put_back(fixture: Fixture) {
    let store = &fixture.store;
    fixture.put(vec![submit("a"), submit_claimed("b"), submit_claimed("c")]).await;
    fixture.put(vec![finished("c", ExecutionStatus::Completed)]).await;
    assert_eq!(store.recover_jobs(3000).await.unwrap(), 1);
    let jobs = store.claim_jobs("me", 3000, 4000, 10).await.unwrap();
    let found: Vec<_> = jobs.iter().map(|job| (job.execution_id.as_str(), job.attempts, job.takeovers)).collect();
    assert_eq!(found, [("a", 1, 0), ("b", 2, 1)]);
    let resumed = store.execution(&"b".into()).await.unwrap().unwrap().execution;
    assert_eq!(resumed.started_at, Some(1000), "when it first started");
}

async fn leases_are_renewed_for_their_owner(fixture: Fixture) {
    fixture.put(vec![submit_claimed("a"), submit_claimed("b"), submit("c")]).await;
    assert_eq!(fixture.store.renew_leases("me", 10_000).await.unwrap(), 2);
    assert_eq!(fixture.store.renew_leases("someone", 10_000).await.unwrap(), 0);
}

async fn cancelling_what_waits_ends_it(fixture: Fixture) {
    let store = &fixture.store;
    let entries = || vec![entry(99, EventKind::ExecutionCancelled)];
    assert_eq!(store.request_cancel(&"e".into(), 5, entries()).await.unwrap(), CancelOutcome::NotFound);
    fixture.put(vec![submit("e"), event("e", 1, EventKind::ExecutionStarted)]).await;
    assert_eq!(store.request_cancel(&"e".into(), 5, entries()).await.unwrap(), CancelOutcome::Cancelled);
    assert_eq!(fixture.status("e").await, ExecutionStatus::Cancelled);
    let timeline = store.events(&"e".into(), 0, 10).await.unwrap();
    assert_eq!(
        timeline.last().map(|event| (event.entry.seq, event.entry.event)),
        Some((2, EventKind::ExecutionCancelled))
    );
    assert_eq!(fixture.seen().len(), 2);
    assert!(store.claim_jobs("me", 10_000, 20_000, 10).await.unwrap().is_empty());
    let again = store.request_cancel(&"e".into(), 6, entries()).await.unwrap();
    assert_eq!(again, CancelOutcome::AlreadyEnded(ExecutionStatus::Cancelled));
    assert!(fixture.put(vec![finished("e", ExecutionStatus::Completed)]).await.superseded);
}

async fn cancelling_what_runs_is_left_to_its_worker(fixture: Fixture) {
    fixture.put(vec![submit_claimed("e")]).await;
    let outcome = fixture.store.request_cancel(&"e".into(), 5, vec![entry(1, EventKind::ExecutionCancelled)]).await;
    assert_eq!(outcome.unwrap(), CancelOutcome::Running);
    assert_eq!(fixture.store.last_seq(&"e".into()).await.unwrap(), 0);
}

async fn cancelling_what_nobody_took_up_again_ends_it(fixture: Fixture) {
    let store = &fixture.store;
    let nodes = [node("e", "a", NodeStatus::Completed, vec![]), node("e", "b", NodeStatus::Running, vec![])];
    fixture.put([submit_claimed("e")].into_iter().chain(nodes).collect()).await;
    store.recover_jobs(3000).await.unwrap();
    assert_eq!(store.request_cancel(&"e".into(), 5, vec![]).await.unwrap(), CancelOutcome::Cancelled);
    let states: Vec<_> = store.nodes(&"e".into()).await.unwrap().iter().map(|node| node.call.status).collect();
    assert_eq!(states, [NodeStatus::Completed, NodeStatus::Cancelled]);
}

async fn a_submission_and_its_cancelling_keep_their_order(fixture: Fixture) {
    let submitted = fixture.store.write(vec![submit("e")], Urgency::RideAlong);
    let outcome = fixture.store.request_cancel(&"e".into(), 5, vec![]).await.unwrap();
    assert_eq!(outcome, CancelOutcome::Cancelled);
    submitted.await.unwrap();
    assert_eq!(fixture.store.stats().commits, 1);
}
