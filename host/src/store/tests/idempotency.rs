//! Keys: what they were used for, and firing a schedule with one.

use super::*;
use crate::domain::{AuditEntry, CatchUp, Overlap, Schedule, Timing};

conformance! {
    a_key_is_known_once_it_was_used,
    a_schedule_is_fired_once_with_a_key,
    of_many_with_a_key_one_fires,
}

fn key(fingerprint: &str) -> IdempotencyKey {
    let fingerprint = fingerprint.to_owned();
    IdempotencyKey { user_id: UserId::local(), kind: "job", key: "k\u{1f511}".into(), fingerprint, at: 1 }
}

async fn known(fixture: &Fixture, fingerprint: &str) -> Option<Once<()>> {
    fixture.store.known_key(&key(fingerprint)).await.unwrap()
}

async fn create_schedule(fixture: &Fixture) {
    let schedule = Schedule {
        id: "s".into(),
        user_id: UserId::local(),
        workflow_id: "w".into(),
        version: None,
        timing: Timing::At(5000),
        timezone: "UTC".into(),
        input: Json::null(),
        mode: Mode::Production,
        variables: serde_json::Map::new(),
        catch_up: CatchUp::One,
        overlap: Overlap::Allow,
        active: true,
        next_at: None,
        waiting: Vec::new(),
        last_at: None,
        last_job_id: None,
        last_error: None,
        revision: 1,
        created_at: 1000,
        updated_at: 1000,
    };
    let entry = AuditEntry {
        id: "a".into(),
        at: 1,
        user_id: UserId::local(),
        action: "made".into(),
        subject: "schedule/s".into(),
        details: Json::null(),
    };
    assert_eq!(fixture.store.create_schedule(schedule, entry, None).await.unwrap(), Once::Done(()));
}

async fn fire(fixture: &Fixture, key: IdempotencyKey, job: &str, revision: i64) -> Once<Fired> {
    let firing = Firing { records: vec![submit(job)], last: Some((job.into(), 7)), waiting: Vec::new() };
    let fire =
        FireSchedule { id: "s".into(), revision, next_at: None, error: None, idle: firing.clone(), busy: firing };
    fixture.store.fire_schedule_once(key, job, fire).await.unwrap()
}

async fn a_key_is_known_once_it_was_used(fixture: Fixture) {
    assert_eq!(known(&fixture, "f").await, None);
    let once = fixture.store.write_once(key("f"), "e", vec![submit("e")]).await.unwrap();
    assert_eq!(once, Once::Done(()));
    assert_eq!(known(&fixture, "f").await, Some(Once::Known("e".into())));
    assert_eq!(known(&fixture, "other").await, Some(Once::Reused));
    let elsewhere = IdempotencyKey { kind: "flow", ..key("f") };
    assert_eq!(fixture.store.known_key::<()>(&elsewhere).await.unwrap(), None);
}

async fn a_schedule_is_fired_once_with_a_key(fixture: Fixture) {
    create_schedule(&fixture).await;
    // Changed since it was read: nothing is made, and the key is free for the next look.
    assert_eq!(fire(&fixture, key("f"), "lost", 9).await, Once::Done(Fired::Lost));
    assert_eq!(known(&fixture, "f").await, None);
    assert_eq!(fire(&fixture, key("f"), "j1", 1).await, Once::Done(Fired::Idle));
    assert_eq!(fire(&fixture, key("f"), "j2", 2).await, Once::Known("j1".into()));
    assert_eq!(fire(&fixture, key("other"), "j3", 2).await, Once::Reused);
    assert_eq!(fixture.store.schedule("s").await.unwrap().unwrap().last_job_id, Some("j1".into()));
    for absent in ["lost", "j2", "j3"] {
        assert!(fixture.store.job(&absent.into()).await.unwrap().is_none(), "{absent}");
    }
}

async fn of_many_with_a_key_one_fires(fixture: Fixture) {
    create_schedule(&fixture).await;
    let jobs: Vec<String> = (0..8).map(|n| format!("j{n}")).collect();
    let fired = futures::future::join_all(jobs.iter().map(|job| fire(&fixture, key("f"), job, 1))).await;
    assert_eq!(fired.iter().filter(|fired| **fired == Once::Done(Fired::Idle)).count(), 1, "{fired:?}");
    assert_eq!(fired.iter().filter(|fired| matches!(fired, Once::Known(_))).count(), 7, "{fired:?}");
}
