//! Schedules: kept, changed by one at a time, fired once.

use futures::future::join_all;

use super::*;
use crate::domain::{AuditEntry, CatchUp, JobStatus, Overlap, Schedule, ScheduleError, Timing};

conformance! {
    a_schedule_comes_back_as_it_was,
    a_key_makes_one_schedule,
    schedules_are_listed_newest_first,
    a_change_over_a_change_is_refused,
    each_change_has_its_audit_entry,
    only_what_is_due_is_found,
    of_many_who_fire_one_does,
    job_and_next_due_time_are_written_together,
    a_last_job_that_has_not_ended_decides,
    what_waits_is_found_when_the_last_job_has_ended,
    what_was_changed_since_is_not_fired,
    a_row_of_nonsense_does_not_stop_the_others,
    pages_full_of_nonsense_are_passed_over,
}

fn schedule(id: &str, next_at: Option<i64>) -> Schedule {
    Schedule {
        id: id.into(),
        user_id: UserId::local(),
        workflow_id: "w".into(),
        version: None,
        timing: Timing::of_cron("0 * * * *", "Europe/Berlin").unwrap(),
        timezone: "Europe/Berlin".into(),
        input: json(r#"{"n": 123456789012345678901234567890}"#),
        mode: Mode::Production,
        variables: serde_json::Map::new(),
        catch_up: CatchUp::One,
        overlap: Overlap::Allow,
        active: true,
        next_at,
        waiting: Vec::new(),
        last_at: None,
        last_job_id: None,
        last_error: None,
        revision: 1,
        created_at: 1000,
        updated_at: 1000,
    }
}

fn audited(id: &str) -> AuditEntry {
    AuditEntry {
        id: id.into(),
        at: 1,
        user_id: UserId::local(),
        action: format!("did {id}"),
        subject: "schedule/s".into(),
        details: Json::null(),
    }
}

async fn create(fixture: &Fixture, schedule: Schedule) {
    let entry = audited(&schedule.id);
    assert_eq!(fixture.store.create_schedule(schedule, entry, None).await.unwrap(), Once::Done(()));
}

async fn read(fixture: &Fixture, id: &str) -> Schedule {
    fixture.store.schedule(id).await.unwrap().unwrap()
}

fn firing(job: &str, at: i64) -> Firing {
    Firing { records: vec![submit(job)], last: Some((job.into(), at)), waiting: Vec::new() }
}

fn fire(id: &str, revision: i64, idle: Firing, busy: Firing) -> FireSchedule {
    FireSchedule { id: id.into(), revision, next_at: Some(9000), error: None, idle, busy }
}

async fn due(fixture: &Fixture, now: i64) -> Vec<String> {
    ids(&fixture.store.due_schedules(now, 10, &DueCursor::default()).await.unwrap())
}

fn ids(page: &DueSchedules) -> Vec<String> {
    page.schedules.iter().map(|schedule| schedule.id.clone()).collect()
}

async fn a_schedule_comes_back_as_it_was(fixture: Fixture) {
    let full = Schedule {
        version: Some(7),
        timing: Timing::At(5000),
        timezone: "UTC".into(),
        mode: Mode::Demo,
        variables: serde_json::from_str(r#"{"ü": [1, null]}"#).unwrap(),
        catch_up: CatchUp::All,
        overlap: Overlap::Queue,
        waiting: vec![1, -2, i64::MAX],
        ..schedule("full", Some(5000))
    };
    for schedule in [full, Schedule { active: false, ..schedule("bare", None) }] {
        create(&fixture, schedule.clone()).await;
        assert_eq!(read(&fixture, &schedule.id).await, schedule);
    }
    assert_eq!(fixture.store.schedule("none").await.unwrap(), None);
    assert_eq!(fixture.store.next_due_schedule(4999).await.unwrap(), Some(5000));
}

async fn a_key_makes_one_schedule(fixture: Fixture) {
    let key = |fingerprint: &str| IdempotencyKey {
        user_id: UserId::local(),
        kind: "schedule",
        key: "k".into(),
        fingerprint: fingerprint.into(),
        at: 1,
    };
    let create = async |id: &str, fingerprint: &str| {
        let key = Some(key(fingerprint));
        fixture.store.create_schedule(schedule(id, None), audited(id), key).await.unwrap()
    };
    assert_eq!(create("a", "f").await, Once::Done(()));
    assert_eq!(create("b", "f").await, Once::Known("a".into()));
    assert_eq!(create("c", "other").await, Once::Reused);
    assert_eq!(fixture.store.schedules(&ScheduleFilter { limit: 9, ..Default::default() }).await.unwrap().len(), 1);
}

async fn schedules_are_listed_newest_first(fixture: Fixture) {
    for (id, created_at, active) in [("a", 1, true), ("b", 2, false), ("c", 2, true), ("d", 3, true)] {
        let workflow_id = if id == "d" { "other".to_owned() } else { "w".to_owned() };
        create(&fixture, Schedule { created_at, active, workflow_id, ..schedule(id, None) }).await;
    }
    let list = async |filter: ScheduleFilter| {
        let found = fixture.store.schedules(&filter).await.unwrap();
        found.into_iter().map(|schedule| schedule.id).collect::<Vec<_>>()
    };
    let all = ScheduleFilter { limit: 10, ..ScheduleFilter::default() };
    assert_eq!(list(all.clone()).await, ["d", "c", "b", "a"]);
    assert_eq!(list(ScheduleFilter { limit: 1, ..all.clone() }).await, ["d"]);
    assert_eq!(list(ScheduleFilter { workflow_id: Some("w".into()), ..all.clone() }).await, ["c", "b", "a"]);
    assert_eq!(list(ScheduleFilter { active: Some(false), ..all.clone() }).await, ["b"]);
    assert_eq!(list(ScheduleFilter { user_id: Some("nobody".into()), ..all.clone() }).await, [""; 0]);
    let after = Some(ScheduleFilter::cursor(&read(&fixture, "c").await));
    assert_eq!(list(ScheduleFilter { after, ..all }).await, ["b", "a"]);
}

async fn a_change_over_a_change_is_refused(fixture: Fixture) {
    create(&fixture, schedule("s", Some(5000))).await;
    let read_before = read(&fixture, "s").await;
    let first = Schedule { overlap: Overlap::Skip, updated_at: 2000, ..read_before.clone() };
    assert!(fixture.store.replace_schedule(first.clone(), audited("one")).await.unwrap());
    let second = Schedule { active: false, next_at: None, ..read_before };
    assert!(!fixture.store.replace_schedule(second, audited("two")).await.unwrap());
    assert_eq!(read(&fixture, "s").await, Schedule { revision: 2, ..first });
    assert!(!fixture.store.replace_schedule(schedule("none", None), audited("three")).await.unwrap());
}

async fn each_change_has_its_audit_entry(fixture: Fixture) {
    create(&fixture, schedule("s", None)).await;
    fixture.store.replace_schedule(schedule("s", None), audited("changed")).await.unwrap();
    fixture.store.replace_schedule(schedule("s", None), audited("not changed")).await.unwrap();
    assert!(fixture.store.delete_schedule("s", audited("deleted")).await.unwrap());
    assert!(!fixture.store.delete_schedule("s", audited("gone")).await.unwrap());
    let entries = fixture.store.audit_entries(None, 10).await.unwrap();
    assert_eq!(entries.iter().map(|entry| entry.id.as_str()).collect::<Vec<_>>(), ["s", "deleted", "changed"]);
    assert_eq!(fixture.store.schedule("s").await.unwrap(), None);
}

async fn only_what_is_due_is_found(fixture: Fixture) {
    for (id, next_at) in [("later", Some(3000)), ("b", Some(2000)), ("a", Some(1000)), ("never", None)] {
        create(&fixture, schedule(id, next_at)).await;
    }
    assert_eq!(due(&fixture, 999).await, [""; 0]);
    assert_eq!(due(&fixture, 2000).await, ["a", "b"]);
    let first = fixture.store.due_schedules(2000, 1, &DueCursor::default()).await.unwrap();
    assert_eq!(ids(&first), ["a"]);
    let second = fixture.store.due_schedules(2000, 1, &first.next.unwrap()).await.unwrap();
    assert_eq!(ids(&second), ["b"]);
    let last = fixture.store.due_schedules(2000, 1, &second.next.unwrap()).await.unwrap();
    assert!(last.schedules.is_empty() && last.next.is_none());
    for (now, next) in [(999, Some(1000)), (1000, Some(2000)), (2999, Some(3000)), (3000, None)] {
        assert_eq!(fixture.store.next_due_schedule(now).await.unwrap(), next);
    }
}

async fn of_many_who_fire_one_does(fixture: Fixture) {
    create(&fixture, schedule("s", Some(1000))).await;
    let all = join_all((0..10).map(|n| {
        let firing = firing(&format!("job-{n}"), 1000);
        fixture.store.fire_schedule(fire("s", 1, firing.clone(), firing))
    }));
    let fired: Vec<Fired> = all.await.into_iter().map(Result::unwrap).collect();
    assert_eq!(fired.iter().filter(|fired| **fired == Fired::Idle).count(), 1);
    assert_eq!(fired.iter().filter(|fired| **fired == Fired::Lost).count(), 9);
    assert_eq!(fixture.store.counts().await.unwrap().pending_jobs, 1);
    let schedule = read(&fixture, "s").await;
    assert_eq!((schedule.revision, schedule.next_at, schedule.last_at), (2, Some(9000), Some(1000)));
    // A process that had read it before and died in between has left nothing to repeat.
    assert_eq!(due(&fixture, 1000).await, [""; 0]);
}

async fn job_and_next_due_time_are_written_together(fixture: Fixture) {
    create(&fixture, schedule("s", Some(1000))).await;
    fixture.put(vec![submit("taken")]).await;
    // The second job cannot be written, so nothing is.
    let bad = Firing { records: vec![submit("fine"), submit("taken")], ..firing("taken", 1000) };
    fixture.store.fire_schedule(fire("s", 1, bad.clone(), bad)).await.unwrap_err();
    assert_eq!(read(&fixture, "s").await, schedule("s", Some(1000)));
    assert!(fixture.store.job(&"fine".into()).await.unwrap().is_none());
    let good = firing("good", 1000);
    assert_eq!(fixture.store.fire_schedule(fire("s", 1, good.clone(), good)).await.unwrap(), Fired::Idle);
    assert_eq!(fixture.store.job(&"good".into()).await.unwrap().unwrap().summary.status, JobStatus::Pending);
}

async fn a_last_job_that_has_not_ended_decides(fixture: Fixture) {
    create(&fixture, schedule("s", Some(1000))).await;
    let busy = |waiting: &[i64]| Firing { waiting: waiting.to_vec(), ..Firing::default() };
    let fire = async |revision, job: &str, at| {
        fixture.store.fire_schedule(fire("s", revision, firing(job, at), busy(&[at]))).await.unwrap()
    };
    assert_eq!(fire(1, "one", 1000).await, Fired::Idle);
    assert_eq!(fire(2, "two", 2000).await, Fired::Busy);
    let schedule = read(&fixture, "s").await;
    assert_eq!((schedule.last_job_id, schedule.last_at), (Some("one".into()), Some(1000)));
    assert_eq!(schedule.waiting, [2000]);
    assert!(fixture.store.job(&"two".into()).await.unwrap().is_none());
    fixture.put(vec![finished("one", ExecutionStatus::Failed)]).await;
    assert_eq!(fire(3, "two", 2000).await, Fired::Idle);
    // One that retention has removed has ended.
    fixture.run("DELETE FROM jobs").await;
    assert_eq!(fire(4, "three", 3000).await, Fired::Idle);
    assert_eq!(read(&fixture, "s").await.waiting, [0i64; 0]);
}

async fn what_waits_is_found_when_the_last_job_has_ended(fixture: Fixture) {
    create(&fixture, schedule("s", Some(1000))).await;
    let waits = Firing { waiting: vec![2000], ..firing("one", 1000) };
    fixture.store.fire_schedule(fire("s", 1, waits.clone(), waits)).await.unwrap();
    assert_eq!(due(&fixture, 5000).await, [""; 0]);
    fixture.put(vec![finished("one", ExecutionStatus::Completed)]).await;
    assert_eq!(due(&fixture, 5000).await, ["s"]);
    // Once, though it is due too.
    assert_eq!(due(&fixture, 9000).await, ["s"]);
}

async fn what_was_changed_since_is_not_fired(fixture: Fixture) {
    create(&fixture, schedule("s", Some(1000))).await;
    assert!(fixture.store.replace_schedule(schedule("s", Some(1000)), audited("changed")).await.unwrap());
    let firing = firing("job", 1000);
    let stale = fire("s", 1, firing.clone(), firing.clone());
    assert_eq!(fixture.store.fire_schedule(stale).await.unwrap(), Fired::Lost);
    fixture.store.delete_schedule("s", audited("deleted")).await.unwrap();
    let gone = fire("s", 2, firing.clone(), firing);
    assert_eq!(fixture.store.fire_schedule(gone).await.unwrap(), Fired::Lost);
    assert_eq!(fixture.store.counts().await.unwrap().pending_jobs, 0);
}

async fn a_row_of_nonsense_does_not_stop_the_others(fixture: Fixture) {
    for id in ["bad", "good"] {
        create(&fixture, schedule(id, Some(1000))).await;
    }
    fixture.run("UPDATE schedules SET cron = 'every now and then' WHERE id = 'bad'").await;
    assert_eq!(due(&fixture, 1000).await, ["good"]);
    let error = fixture.store.schedule("bad").await.unwrap_err().to_string();
    assert!(error.contains("schedules, row bad") && error.contains("cron"), "{error}");
    let none = FireSchedule {
        error: Some(ScheduleError { at: 7, message: "no \u{0} luck".into() }),
        next_at: None,
        ..fire("good", 1, Firing::default(), Firing::default())
    };
    assert_eq!(fixture.store.fire_schedule(none).await.unwrap(), Fired::Idle);
    let schedule = read(&fixture, "good").await;
    assert_eq!(schedule.last_error, Some(ScheduleError { at: 7, message: "no \u{0} luck".into() }));
    assert_eq!((schedule.next_at, schedule.last_job_id), (None, None));
}

async fn pages_full_of_nonsense_are_passed_over(fixture: Fixture) {
    // The same due time too: then the id decides.
    for (id, next_at) in [("a", 1000), ("c", 1000), ("b", 1000), ("d", 2000), ("e", 3000)] {
        create(&fixture, Schedule { waiting: vec![1], ..schedule(id, Some(next_at)) }).await;
    }
    fixture.run("UPDATE schedules SET cron = 'every now and then' WHERE id <> 'e'").await;
    let mut after = Some(DueCursor::default());
    let (mut found, mut pages) = (Vec::new(), 0);
    while let Some(from) = after {
        let page = fixture.store.due_schedules(3000, 2, &from).await.unwrap();
        found.extend(ids(&page));
        after = page.next;
        pages += 1;
    }
    assert_eq!((found, pages), (vec!["e".to_owned()], 3));
    assert_eq!(fixture.store.next_due_schedule(3000).await.unwrap(), None, "nothing to wait for that is not due");
}
