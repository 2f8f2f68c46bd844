//! Jobs: claims, leases, limits, putting off, cancelling, keys.

use super::*;
use crate::domain::{JobId, JobStatus};

conformance! {
    claims_go_by_priority_and_age,
    a_claim_marks_job_and_execution,
    a_claim_takes_from_the_queues_it_names_alone,
    delayed_jobs_wait_for_their_time,
    a_clock_that_was_set_back_keeps_nothing_waiting,
    a_full_queue_gives_no_more,
    a_user_with_enough_at_work_gets_no_more,
    orphans_are_put_back,
    takeovers_count_from_the_last_node_that_ended,
    leases_that_ended_are_taken_over,
    leases_are_renewed_for_their_owner,
    what_is_released_counts_as_no_attempt,
    what_is_put_off_comes_back_at_its_time,
    what_is_put_off_and_unwanted_ends,
    what_cannot_be_read_keeps_nobody_waiting,
    who_works_on_it_keeps_it_however_late_the_lease,
    a_dead_job_is_parked,
    cancelling_what_waits_ends_it,
    cancelling_what_runs_is_left_to_its_worker,
    cancelling_what_nobody_took_up_again_ends_it,
    a_submission_and_its_cancelling_keep_their_order,
    a_key_makes_one_thing,
    jobs_are_listed_newest_first,
}

async fn submit_with(fixture: &Fixture, id: &str, change: impl FnOnce(&mut Submission)) {
    let mut submission = submission(id);
    change(&mut submission);
    fixture.put(vec![Record::Submission(Box::new(submission))]).await;
}

async fn claimed(fixture: &Fixture, request: ClaimRequest) -> Vec<String> {
    let claimed = fixture.store.claim_jobs(request).await.unwrap();
    claimed.jobs.iter().map(|job| job.job_id.to_string()).collect()
}

async fn job_status(fixture: &Fixture, id: &str) -> JobStatus {
    fixture.store.job(&id.into()).await.unwrap().unwrap().summary.status
}

const ENDED: CancelOutcome = CancelOutcome::Cancelled { flow_id: None };

async fn claims_go_by_priority_and_age(fixture: Fixture) {
    for (id, priority, created_at) in [("old", 0, 10), ("young", 0, 20), ("urgent", 5, 30)] {
        submit_with(&fixture, id, |job| (job.priority, job.created_at) = (priority, created_at)).await;
    }
    assert_eq!(claimed(&fixture, claim(1000, 2)).await, ["urgent", "old"]);
    assert_eq!(claimed(&fixture, claim(1000, 10)).await, ["young"]);
    assert!(claimed(&fixture, claim(1000, 10)).await.is_empty());
}

async fn a_claim_marks_job_and_execution(fixture: Fixture) {
    for n in 0..7 {
        submit_with(&fixture, &format!("e{n}"), |job| job.created_at = n).await;
    }
    let jobs = fixture.store.claim_jobs(claim(1000, 7)).await.unwrap().jobs;
    assert_eq!(jobs.len(), 7);
    assert_eq!((jobs[0].job_id.as_str(), jobs[0].attempts, jobs[0].takeovers), ("e0", 1, 0));
    for n in 0..7 {
        let execution = fixture.store.execution(&format!("e{n}").into()).await.unwrap().unwrap().execution;
        assert_eq!((execution.status, execution.started_at), (ExecutionStatus::Running, Some(1000)));
        assert_eq!(execution.job_id.as_str(), format!("e{n}"));
    }
    assert_eq!(fixture.store.counts().await.unwrap(), Counts { pending_jobs: 0, processing_jobs: 7 });
}

async fn a_claim_takes_from_the_queues_it_names_alone(fixture: Fixture) {
    submit_with(&fixture, "here", |_| {}).await;
    submit_with(&fixture, "there", |job| job.queue = "search".into()).await;
    assert_eq!(claimed(&fixture, claim(1000, 10)).await, ["here"]);
    assert_eq!(job_status(&fixture, "there").await, JobStatus::Pending);
}

async fn delayed_jobs_wait_for_their_time(fixture: Fixture) {
    submit_with(&fixture, "later", |job| job.run_at = 5000).await;
    submit_with(&fixture, "much later", |job| job.run_at = 9000).await;
    assert_eq!(job_status(&fixture, "later").await, JobStatus::Delayed);
    let claimed_at = async |now| {
        let claimed = fixture.store.claim_jobs(claim(now, 10)).await.unwrap();
        (claimed.jobs.len(), claimed.next_due)
    };
    assert_eq!(claimed_at(4999).await, (0, Some(5000)));
    assert_eq!(claimed_at(5000).await, (1, Some(9000)));
    assert_eq!(claimed_at(10_000).await, (1, None));
}

async fn a_clock_that_was_set_back_keeps_nothing_waiting(fixture: Fixture) {
    submit_with(&fixture, "e", |job| (job.created_at, job.run_at) = (50_000, 50_000)).await;
    assert_eq!(claimed(&fixture, claim(1000, 10)).await, ["e"]);
}

async fn a_full_queue_gives_no_more(fixture: Fixture) {
    for n in 0..5 {
        submit_with(&fixture, &format!("e{n}"), |_| {}).await;
    }
    submit_with(&fixture, "other", |job| job.queue = "search".into()).await;
    let request = || ClaimRequest {
        queues: vec![
            QueueLimit { name: "default".into(), at_most: Some(2) },
            QueueLimit { name: "search".into(), at_most: None },
        ],
        ..claim(1000, 10)
    };
    let first = fixture.store.claim_jobs(request()).await.unwrap();
    assert_eq!((first.jobs.len(), first.held_back), (3, true));
    assert!(claimed(&fixture, request()).await.is_empty());
    let event = vec![finished("e0", ExecutionStatus::Completed)];
    fixture.put(event).await;
    assert_eq!(claimed(&fixture, request()).await, ["e2"]);
    for id in ["e1", "e2"] {
        fixture.put(vec![finished(id, ExecutionStatus::Completed)]).await;
    }
    let last = fixture.store.claim_jobs(request()).await.unwrap();
    assert_eq!((last.jobs.len(), last.held_back), (2, false), "full, and nobody waits");
}

async fn a_user_with_enough_at_work_gets_no_more(fixture: Fixture) {
    for n in 0..20 {
        submit_with(&fixture, &format!("a{n:02}"), |job| (job.user_id, job.priority) = ("greedy".into(), 9)).await;
    }
    submit_with(&fixture, "b", |job| job.user_id = "modest".into()).await;
    let request = || ClaimRequest { per_user: Some(3), ..claim(1000, 10) };
    let first = fixture.store.claim_jobs(request()).await.unwrap();
    let ids: Vec<_> = first.jobs.iter().map(|job| job.job_id.as_str()).collect();
    assert_eq!((ids, first.held_back), (vec!["a00", "a01", "a02", "b"], true));
    assert!(claimed(&fixture, request()).await.is_empty());
    fixture.put(vec![finished("a01", ExecutionStatus::Failed)]).await;
    assert_eq!(claimed(&fixture, request()).await, ["a03"]);
}

async fn orphans_are_put_back(fixture: Fixture) {
    let store = &fixture.store;
    fixture.put(vec![submit("a"), submit_claimed("b"), submit_claimed("c")]).await;
    fixture.put(vec![finished("c", ExecutionStatus::Completed)]).await;
    assert_eq!(store.take_over(3000, true, Vec::new()).await.unwrap(), 1);
    let jobs = store.claim_jobs(claim(3000, 10)).await.unwrap().jobs;
    let found: Vec<_> = jobs.iter().map(|job| (job.job_id.as_str(), job.attempts, job.takeovers)).collect();
    assert_eq!(found, [("a", 1, 0), ("b", 1, 1)]);
    let resumed = store.execution(&"b".into()).await.unwrap().unwrap().execution;
    assert_eq!(resumed.started_at, Some(1000), "when it first started");
}

async fn takeovers_count_from_the_last_node_that_ended(fixture: Fixture) {
    fixture.put(vec![submit_claimed("e")]).await;
    let mut counted = Vec::new();
    for round in 0..6 {
        if round == 3 {
            let Record::Node { execution_id, mut node } = node("e", "n", NodeStatus::Completed, vec![]) else {
                panic!()
            };
            node.call.end_time = Some(1);
            fixture.put(vec![Record::Node { execution_id, node }]).await;
        }
        fixture.store.take_over(3000, true, Vec::new()).await.unwrap();
        counted.push(fixture.store.claim_jobs(claim(3000, 1)).await.unwrap().jobs[0].takeovers);
    }
    assert_eq!(counted, [1, 2, 3, 1, 2, 3]);
}

async fn leases_that_ended_are_taken_over(fixture: Fixture) {
    fixture.put(vec![submit_claimed("a")]).await;
    assert_eq!(fixture.store.take_over(9000, false, Vec::new()).await.unwrap(), 0, "it holds until then");
    assert_eq!(fixture.store.take_over(9001, false, Vec::new()).await.unwrap(), 1);
    assert_eq!(job_status(&fixture, "a").await, JobStatus::Pending);
}

async fn leases_are_renewed_for_their_owner(fixture: Fixture) {
    fixture.put(vec![submit_claimed("a"), submit_claimed("b"), submit("c")]).await;
    let ids = || -> Vec<JobId> { ["a", "b", "c", "none"].map(JobId::from).to_vec() };
    let clock = clock(5000);
    let mine = fixture.store.renew_leases("me", ids(), 15_000, &clock).await.unwrap();
    assert_eq!((mine.lost, mine.cancel), (vec!["c".into(), "none".into()], vec![]));
    assert_eq!(fixture.store.take_over(15_000, false, Vec::new()).await.unwrap(), 0);
    assert_eq!(fixture.store.renew_leases("someone", ids(), 15_000, &clock).await.unwrap().lost.len(), 4);
    assert_eq!(fixture.store.renew_leases("me", Vec::new(), 1, &clock).await.unwrap(), Renewed::default());
    fixture.store.request_cancel(&"b".into(), 5).await.unwrap();
    assert_eq!(fixture.store.renew_leases("me", ids(), 15_000, &clock).await.unwrap().cancel, ["b".into()]);
}

async fn what_is_released_counts_as_no_attempt(fixture: Fixture) {
    fixture.put(vec![submit_claimed("a"), submit_claimed("b")]).await;
    assert_eq!(fixture.store.release_jobs("someone", 2000).await.unwrap(), 0);
    assert_eq!(fixture.store.release_jobs("me", 2000).await.unwrap(), 2);
    let jobs = fixture.store.claim_jobs(claim(2000, 10)).await.unwrap().jobs;
    let found: Vec<_> = jobs.iter().map(|job| (job.attempts, job.takeovers)).collect();
    assert_eq!(found, [(1, 0), (1, 0)]);
}

async fn what_is_put_off_comes_back_at_its_time(fixture: Fixture) {
    fixture.put(vec![submit_claimed("e"), event("e", 1, EventKind::ExecutionStarted)]).await;
    let put_off = |owner: &str| Postponed {
        job_id: "e".into(),
        owner: owner.into(),
        now: 2000,
        run_at: 5000,
        free: false,
        entry: Some(entry(77, EventKind::ExecutionRetrying)),
    };
    assert!(!fixture.store.postpone_job(put_off("someone")).await.unwrap());
    assert!(fixture.store.postpone_job(put_off("me")).await.unwrap());
    assert_eq!(job_status(&fixture, "e").await, JobStatus::Delayed);
    assert_eq!(fixture.store.last_seq(&"e".into()).await.unwrap(), 2);
    assert!(claimed(&fixture, claim(4999, 1)).await.is_empty());
    let jobs = fixture.store.claim_jobs(claim(5000, 1)).await.unwrap().jobs;
    assert_eq!((jobs[0].attempts, jobs[0].takeovers), (2, 0));
}

async fn what_is_put_off_and_unwanted_ends(fixture: Fixture) {
    let store = &fixture.store;
    fixture.put(vec![submit_claimed("e"), event("e", 1, EventKind::ExecutionStarted)]).await;
    assert_eq!(store.request_cancel(&"e".into(), 5).await.unwrap(), CancelOutcome::Running);
    let put_off = Postponed {
        job_id: "e".into(),
        owner: "me".into(),
        now: 2000,
        run_at: 5000,
        free: false,
        entry: Some(entry(77, EventKind::ExecutionRetrying)),
    };
    assert!(store.postpone_job(put_off).await.unwrap());
    assert_eq!(job_status(&fixture, "e").await, JobStatus::Cancelled);
    assert_eq!(fixture.status("e").await, ExecutionStatus::Cancelled);
    let told: Vec<_> = store.events(&"e".into(), 0, 10).await.unwrap().iter().map(|event| event.entry.event).collect();
    assert_eq!(told, [EventKind::ExecutionStarted, EventKind::ExecutionCancelled]);
}

async fn what_cannot_be_read_keeps_nobody_waiting(fixture: Fixture) {
    let store = &fixture.store;
    fixture.put(vec![submit("a"), submit("b"), submit("c"), event("a", 1, EventKind::ExecutionStarted)]).await;
    fixture.put(vec![event("b", 1, EventKind::ExecutionStarted)]).await;
    fixture.run("UPDATE jobs SET type = 'LATER' WHERE id = 'a'").await;
    fixture.run("UPDATE jobs SET user_id = '' WHERE id = 'a'").await;
    const FIRST: &str =
        "UPDATE events SET event = 'execution.later' WHERE position = (SELECT MIN(position) FROM events)";
    fixture.run(FIRST).await;
    assert_eq!(claimed(&fixture, claim(1000, 10)).await, ["b", "c"]);
    let events = store.all_events(0, 1).await.unwrap();
    assert_eq!(events.len(), 1, "what follows is found, however few are asked for");
    assert_eq!(events[0].topic, crate::domain::Topic::Execution("b".into()));
}

async fn who_works_on_it_keeps_it_however_late_the_lease(fixture: Fixture) {
    fixture.put(vec![submit_claimed("a"), submit_claimed("b")]).await;
    assert_eq!(fixture.store.take_over(9001, false, vec!["a".into()]).await.unwrap(), 1);
    assert_eq!(job_status(&fixture, "a").await, JobStatus::Processing);
    assert_eq!(job_status(&fixture, "b").await, JobStatus::Pending);
}

async fn a_dead_job_is_parked(fixture: Fixture) {
    fixture.put(vec![submit_claimed("stored")]).await;
    for records in [vec![], vec![submit_claimed("new")]] {
        let id = if records.is_empty() { "stored" } else { "new" };
        let Record::Finished(mut end) = finished(id, ExecutionStatus::Failed) else { panic!() };
        end.dead = true;
        fixture.put(records.into_iter().chain([Record::Finished(end)]).collect()).await;
        assert_eq!(job_status(&fixture, id).await, JobStatus::Dead);
        assert_eq!(fixture.status(id).await, ExecutionStatus::Failed);
    }
}

async fn cancelling_what_waits_ends_it(fixture: Fixture) {
    let store = &fixture.store;
    assert_eq!(store.request_cancel(&"e".into(), 5).await.unwrap(), CancelOutcome::NotFound);
    fixture.put(vec![submit("e"), event("e", 1, EventKind::ExecutionStarted)]).await;
    assert_eq!(store.request_cancel(&"e".into(), 5).await.unwrap(), ENDED);
    assert_eq!(fixture.status("e").await, ExecutionStatus::Cancelled);
    let timeline = store.events(&"e".into(), 0, 10).await.unwrap();
    assert_eq!(
        timeline.last().map(|event| (event.entry.seq, event.entry.event)),
        Some((2, EventKind::ExecutionCancelled))
    );
    assert_eq!(fixture.seen().len(), 2);
    assert!(claimed(&fixture, claim(10_000, 10)).await.is_empty());
    let again = store.request_cancel(&"e".into(), 6).await.unwrap();
    assert_eq!(again, CancelOutcome::AlreadyEnded(JobStatus::Cancelled));
    assert!(fixture.put(vec![finished("e", ExecutionStatus::Completed)]).await.superseded);
}

async fn cancelling_what_runs_is_left_to_its_worker(fixture: Fixture) {
    fixture.put(vec![submit_claimed("e")]).await;
    let outcome = fixture.store.request_cancel(&"e".into(), 5).await;
    assert_eq!(outcome.unwrap(), CancelOutcome::Running);
    assert_eq!(fixture.store.last_seq(&"e".into()).await.unwrap(), 0);
    fixture.store.take_over(0, true, Vec::new()).await.unwrap();
    let jobs = fixture.store.claim_jobs(claim(1000, 1)).await.unwrap().jobs;
    assert!(jobs[0].cancel, "the wish outlives the worker");
}

async fn cancelling_what_nobody_took_up_again_ends_it(fixture: Fixture) {
    let store = &fixture.store;
    let nodes = [node("e", "a", NodeStatus::Completed, vec![]), node("e", "b", NodeStatus::Running, vec![])];
    fixture.put([submit_claimed("e")].into_iter().chain(nodes).collect()).await;
    store.take_over(3000, true, Vec::new()).await.unwrap();
    assert_eq!(store.request_cancel(&"e".into(), 5).await.unwrap(), ENDED);
    let states: Vec<_> = store.nodes(&"e".into()).await.unwrap().iter().map(|node| node.call.status).collect();
    assert_eq!(states, [NodeStatus::Completed, NodeStatus::Cancelled]);
}

async fn a_submission_and_its_cancelling_keep_their_order(fixture: Fixture) {
    let submitted = fixture.store.write(vec![submit("e")], Urgency::RideAlong);
    let outcome = fixture.store.request_cancel(&"e".into(), 5).await.unwrap();
    assert_eq!(outcome, ENDED);
    submitted.await.unwrap();
    assert_eq!(fixture.store.stats().commits, 1);
}

async fn a_key_makes_one_thing(fixture: Fixture) {
    let key = |user: &str, kind, fingerprint: &str| IdempotencyKey {
        user_id: user.into(),
        kind,
        key: "a \u{0} key é".into(),
        fingerprint: fingerprint.into(),
        at: 1,
    };
    let make = async |key, id: &str| fixture.store.write_once(key, id, vec![submit(id)]).await.unwrap();
    assert_eq!(make(key("u", "job", "f"), "one").await, Once::Done(()));
    assert_eq!(make(key("u", "job", "f"), "two").await, Once::Known("one".into()));
    assert_eq!(make(key("u", "job", "another"), "three").await, Once::Reused);
    assert_eq!(make(key("v", "job", "f"), "four").await, Once::Done(()));
    assert_eq!(make(key("u", "flow", "f"), "five").await, Once::Done(()));
    for (id, there) in [("one", true), ("two", false), ("three", false), ("four", true), ("five", true)] {
        assert_eq!(fixture.store.job(&id.into()).await.unwrap().is_some(), there, "{id}");
    }
}

async fn jobs_are_listed_newest_first(fixture: Fixture) {
    for n in 0..4 {
        submit_with(&fixture, &format!("j{n}"), |job| {
            job.queue = if n % 2 == 0 { "search".into() } else { "default".into() };
            job.payload = Some(json(r#"{"n":1}"#));
            job.name = Some("né".into());
        })
        .await;
    }
    let listed = async |filter: JobFilter| -> Vec<String> {
        fixture.store.jobs(&filter).await.unwrap().iter().map(|job| job.id.to_string()).collect()
    };
    let all = JobFilter { limit: 10, ..JobFilter::default() };
    assert_eq!(listed(all.clone()).await, ["j3", "j2", "j1", "j0"]);
    assert_eq!(listed(JobFilter { before: Some("j2".into()), limit: 1, ..all.clone() }).await, ["j1"]);
    assert_eq!(listed(JobFilter { queue: Some("search".into()), ..all.clone() }).await, ["j2", "j0"]);
    assert!(listed(JobFilter { status: Some(JobStatus::Failed), ..all }).await.is_empty());
    let row = fixture.store.job(&"j0".into()).await.unwrap().unwrap();
    assert_eq!((row.summary.name.as_deref(), row.payload), (Some("né"), Some(json(r#"{"n":1}"#))));
    assert_eq!((row.summary.progress(), row.summary.status), (0.0, JobStatus::Pending));
}
