//! Schedulers with a clock of their own, alone and side by side.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use blockyard_test_postgres::Postgres;
use serde_json::json;

use super::*;
use crate::blocks::Catalogue;
use crate::capabilities::Capabilities;
use crate::capabilities::http::{HttpClient, SystemResolver};
use crate::capabilities::vault::Vault;
use crate::config::{DatabaseConfig, ExecutionConfig, HttpConfig, JobsConfig, RuntimeConfig, SecretsConfig};
use crate::domain::sources::{Clock, Random};
use crate::domain::{
    AuditEntry, CatchUp, ExecutionStatus, JobId, JobStatus, Json, Mode, Overlap, Schedule, Sources, Timing, UserId,
};
use crate::events::Hub;
use crate::orchestrator::Orchestrator;
use crate::runtime::Runtime;
use crate::store::{Finished, JobFilter, NewVersion, Once, Record, Store, Stored, Urgency};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
/// 2027-01-15T08:00:00Z
const EIGHT: i64 = 1_800_000_000_000;

/// A clock that stands until it is set, shared by all who look at it.
#[derive(Clone)]
struct Hands(Arc<AtomicI64>);

impl Clock for Hands {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// Numbers that differ between processes, so that their ids do.
struct Counter(AtomicI64);

impl Random for Counter {
    fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst).unsigned_abs()
    }
}

/// One process that fires schedules; it works on no jobs.
struct Process {
    queue: Queue,
    store: Store,
    clock: Hands,
}

impl Process {
    async fn start(url: &str, clock: Hands, number: i64) -> Self {
        let random = Counter(AtomicI64::new(number << 40));
        let (sources, hub) = (Sources::new(Arc::new(clock.clone()), Arc::new(random)), Hub::default());
        let database = DatabaseConfig { url: url.to_owned(), ..DatabaseConfig::default() };
        let store = Store::open(&database, hub.on_commit()).await.unwrap();
        let cache_dir = std::env::temp_dir().join(format!("blockyard-tests-{}", rustix::process::geteuid().as_raw()));
        let runtime = RuntimeConfig { cache_dir: Some(cache_dir), max_instances: 4, ..RuntimeConfig::default() };
        let secrets = SecretsConfig::default();
        let vault = Vault::open(store.clone(), &secrets, sources.clone(), [].into_iter()).await.unwrap();
        let http = HttpClient::new(HttpConfig::default(), Arc::new(SystemResolver)).unwrap();
        let capabilities = Capabilities { http, vault };
        let catalogue = Catalogue::with_builtins(Runtime::new(runtime, sources.clone(), capabilities).unwrap());
        let execution = ExecutionConfig::default();
        let orchestrator =
            Orchestrator::new(store.clone(), catalogue.await.unwrap(), execution.clone(), sources.clone()).unwrap();
        let queue = Queue::new(store.clone(), hub, orchestrator, execution, JobsConfig::default(), sources);
        Self { queue, store, clock }
    }

    async fn alone() -> Self {
        let process = Self::start("sqlite::memory:", Hands(Arc::new(AtomicI64::new(EIGHT))), 1).await;
        process.save_workflow("w").await;
        process
    }

    async fn save_workflow(&self, id: &str) {
        let document: Json =
            json!({"workflowId": id, "nodes": [{"id": "n", "type": "core.transform", "config": {"expression": "1"}}]})
                .into();
        let version = NewVersion {
            workflow_id: id.to_owned(),
            user_id: UserId::local(),
            name: id.to_owned(),
            uploaded: Default::default(),
            document_digest: format!("sha256:{id}"),
            document,
            at: EIGHT,
        };
        self.store.create_workflow(version).await.unwrap();
    }

    async fn save(&self, schedule: Schedule) {
        let entry = AuditEntry {
            id: schedule.id.clone(),
            at: 0,
            user_id: UserId::local(),
            action: String::new(),
            subject: String::new(),
            details: Json::null(),
        };
        self.store.create_schedule(schedule, entry, None).await.unwrap();
    }

    /// Set the clock and look once; how many schedules fired.
    async fn at(&self, now: i64) -> usize {
        self.clock.0.store(now, Ordering::SeqCst);
        self.queue.fire_schedules().await.unwrap().fired
    }

    /// The due times of all jobs, in the order in which they were made.
    async fn due_times(&self) -> Vec<i64> {
        let mut jobs = self.store.jobs(&JobFilter { limit: 100_000, ..JobFilter::default() }).await.unwrap();
        jobs.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        let mut times = Vec::new();
        for job in jobs {
            let execution = self.store.execution(&(&job.id).into()).await.unwrap().unwrap().execution;
            let metadata = execution.metadata.to_value().unwrap();
            assert!(metadata["scheduleId"].is_string());
            times.push(metadata["dueAt"].as_i64().unwrap());
        }
        times
    }

    async fn end(&self, job_id: &JobId) {
        let finished = Finished {
            execution_id: job_id.into(),
            status: ExecutionStatus::Failed,
            output: Stored::Json(Json::null()),
            error: None,
            dead: false,
            at: 1,
        };
        self.store.write(vec![Record::Finished(Box::new(finished))], Urgency::Now).await.unwrap();
    }

    async fn read(&self, id: &str) -> Schedule {
        self.store.schedule(id).await.unwrap().unwrap()
    }
}

/// Hourly, from [`EIGHT`] on.
fn schedule(id: &str) -> Schedule {
    Schedule {
        id: id.to_owned(),
        user_id: UserId::local(),
        workflow_id: "w".to_owned(),
        version: None,
        timing: Timing::of_cron("0 * * * *", "UTC").unwrap(),
        timezone: "UTC".to_owned(),
        input: Json::parse(r#"{"big": 123456789012345678901234567890}"#.to_owned()).unwrap(),
        mode: Mode::Production,
        variables: serde_json::Map::new(),
        catch_up: CatchUp::One,
        overlap: Overlap::Allow,
        active: true,
        next_at: Some(EIGHT),
        waiting: Vec::new(),
        last_at: None,
        last_job_id: None,
        last_error: None,
        revision: 1,
        created_at: 0,
        updated_at: 0,
    }
}

fn hours(hours: impl IntoIterator<Item = i64>) -> Vec<i64> {
    hours.into_iter().map(|hour| EIGHT + hour * HOUR).collect()
}

#[tokio::test]
async fn each_due_time_makes_one_job_however_the_clock_goes() {
    let process = Process::alone().await;
    process.save(schedule("s")).await;
    assert_eq!(process.at(EIGHT - 1).await, 0);
    assert_eq!(process.at(EIGHT).await, 1);
    assert_eq!(process.at(EIGHT + 30_000).await, 0);
    // Back, and there again.
    assert_eq!(process.at(EIGHT - 5 * HOUR).await, 0);
    assert_eq!(process.at(EIGHT).await, 0);
    assert_eq!(process.at(EIGHT + HOUR + MINUTE).await, 1);
    assert_eq!(process.due_times().await, hours([0, 1]));
    // Far forward: one for all that was missed.
    assert_eq!(process.at(EIGHT + 1000 * HOUR + 10 * MINUTE).await, 1);
    assert_eq!(process.due_times().await, hours([0, 1, 1000]));
    let schedule = process.read("s").await;
    assert_eq!((schedule.next_at, schedule.last_at), (Some(EIGHT + 1001 * HOUR), Some(EIGHT + 1000 * HOUR)));
    let job = process.store.job(&schedule.last_job_id.unwrap()).await.unwrap().unwrap().summary;
    assert_eq!((job.status, job.queue.as_str()), (JobStatus::Pending, "workflow"));
    let execution = process.store.execution(&(&job.id).into()).await.unwrap().unwrap().execution;
    assert_eq!(execution.input.as_str(), r#"{"big": 123456789012345678901234567890}"#);
}

#[tokio::test]
async fn ten_thousand_missed_times_make_a_thousand_jobs_at_most() {
    let process = Process::alone().await;
    process.save(Schedule { catch_up: CatchUp::All, ..schedule("s") }).await;
    assert_eq!(process.at(EIGHT + 10_000 * HOUR + 2 * MINUTE).await, 1);
    assert_eq!(process.store.counts().await.unwrap().pending_jobs, 1000);
    assert_eq!(process.read("s").await.next_at, Some(EIGHT + 10_001 * HOUR));
    assert_eq!(process.at(EIGHT + 10_000 * HOUR + 3 * MINUTE).await, 0);
}

#[tokio::test]
async fn a_schedule_that_skips_leaves_out_what_comes_too_early() {
    let process = Process::alone().await;
    process.save(Schedule { overlap: Overlap::Skip, ..schedule("s") }).await;
    for hour in 0..3 {
        assert_eq!(process.at(EIGHT + hour * HOUR).await, 1);
    }
    assert_eq!(process.due_times().await, hours([0]));
    process.end(&process.read("s").await.last_job_id.unwrap()).await;
    assert_eq!(process.at(EIGHT + 2 * HOUR + MINUTE).await, 0);
    process.at(EIGHT + 3 * HOUR).await;
    assert_eq!(process.due_times().await, hours([0, 3]));
}

#[tokio::test]
async fn a_schedule_that_queues_fires_one_after_the_other() {
    let process = Process::alone().await;
    process.save(Schedule { overlap: Overlap::Queue, ..schedule("s") }).await;
    for hour in 0..4 {
        process.at(EIGHT + hour * HOUR).await;
    }
    assert_eq!(process.read("s").await.waiting, hours(1..4));
    for done in 1..4 {
        assert_eq!(process.at(EIGHT + 3 * HOUR + MINUTE).await, 0, "its job has not ended");
        process.end(&process.read("s").await.last_job_id.unwrap()).await;
        assert_eq!(process.at(EIGHT + 3 * HOUR + MINUTE).await, 1);
        assert_eq!(process.due_times().await, hours(0..=done));
    }
    assert_eq!(process.read("s").await.waiting, [0i64; 0]);
    // The line has its end.
    for hour in 4..120 {
        process.at(EIGHT + hour * HOUR).await;
    }
    assert_eq!(process.read("s").await.waiting, hours(4..104));
}

#[tokio::test]
async fn a_workflow_that_is_gone_is_noted_and_the_schedule_stays() {
    let process = Process::alone().await;
    process.save(Schedule { workflow_id: "gone".to_owned(), ..schedule("bad") }).await;
    process.save(Schedule { version: Some(9), ..schedule("old") }).await;
    process.save(schedule("good")).await;
    assert_eq!(process.at(EIGHT).await, 3);
    assert_eq!(process.due_times().await, hours([0]));
    for (id, what) in [("bad", "no workflow `gone`"), ("old", "version 9")] {
        let schedule = process.read(id).await;
        let error = schedule.last_error.unwrap();
        assert!(error.at == EIGHT && error.message.contains(what), "{error:?}");
        assert_eq!((schedule.next_at, schedule.active), (Some(EIGHT + HOUR), true));
    }
    // It comes back.
    let fixed = Schedule { workflow_id: "w".to_owned(), ..process.read("bad").await };
    let entry = AuditEntry {
        id: "fixed".to_owned(),
        at: 0,
        user_id: UserId::local(),
        action: String::new(),
        subject: String::new(),
        details: Json::null(),
    };
    assert!(process.store.replace_schedule(fixed, entry).await.unwrap());
    process.at(EIGHT + HOUR).await;
    assert_eq!(process.read("bad").await.last_error, None);
    assert_eq!(process.due_times().await, hours([0, 1, 1]));
}

#[tokio::test]
async fn schedules_made_for_one_moment_are_all_fired() {
    let process = Process::alone().await;
    for n in 0..250 {
        let once = Schedule { timing: Timing::At(EIGHT), ..schedule(&format!("s{n}")) };
        process.save(once).await;
    }
    assert_eq!(process.at(EIGHT + 1).await, 250);
    assert_eq!(process.due_times().await, vec![EIGHT; 250]);
    assert_eq!(process.queue.fire_schedules().await.unwrap(), FiredSchedules { fired: 0, next_at: None });
}

#[tokio::test]
async fn summer_and_winter_time_fire_as_the_zone_says() {
    let process = Process::alone().await;
    // 2027-03-27T01:30:00Z and 2027-10-30T00:30:00Z, both 02:30 in Berlin.
    let (spring, autumn) = (1_806_111_000_000, 1_824_856_200_000);
    let timing = Timing::of_cron("30 2 * * *", "Europe/Berlin").unwrap();
    let daily = Schedule { timing, timezone: "Europe/Berlin".to_owned(), ..schedule("daily") };
    process.save(Schedule { next_at: Some(spring), ..daily }).await;
    for quarter in 0..200 {
        process.at(spring + quarter * 15 * MINUTE).await;
    }
    // The second at 03:00, half an hour early by the count of hours; the third at 02:30 again.
    let found = process.due_times().await;
    assert_eq!(found, [0, 23 * HOUR + 30 * MINUTE, 47 * HOUR].map(|after| spring + after));
    // All summer is caught up with one job, the last.
    process.at(autumn + MINUTE).await;
    for quarter in 0..200 {
        process.at(autumn + quarter * 15 * MINUTE).await;
    }
    let found = process.due_times().await;
    assert_eq!(found[3..], [0, 24 * HOUR, 49 * HOUR].map(|after| autumn + after));
}

#[tokio::test]
async fn two_schedulers_on_one_database_fire_each_due_time_once() {
    let url = Postgres::shared().database().await;
    let clock = Hands(Arc::new(AtomicI64::new(EIGHT)));
    let (one, other) = (Process::start(&url, clock.clone(), 1).await, Process::start(&url, clock, 2).await);
    one.save_workflow("w").await;
    for n in 0..5 {
        one.save(Schedule { catch_up: CatchUp::All, ..schedule(&format!("s{n}")) }).await;
    }
    let mut fired = [0, 0];
    for hour in 0..20 {
        let (a, b, c) =
            tokio::join!(one.at(EIGHT + hour * HOUR), other.at(EIGHT + hour * HOUR), one.at(EIGHT + hour * HOUR));
        assert_eq!(a + b + c, 5, "{hour}");
        fired = [fired[0] + a + c, fired[1] + b];
    }
    assert!(fired.iter().sum::<usize>() == 100, "{fired:?}");
    let mut expected: Vec<i64> = (0..20).flat_map(|hour| [EIGHT + hour * HOUR; 5]).collect();
    expected.sort_unstable();
    let mut found = other.due_times().await;
    found.sort_unstable();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_schedule_can_be_run_at_any_time() {
    let process = Process::alone().await;
    process.save(Schedule { overlap: Overlap::Skip, active: false, next_at: None, ..schedule("s") }).await;
    process.clock.0.store(EIGHT + 7, Ordering::SeqCst);
    let run = async || match process.queue.run_schedule("s", None).await {
        Ok(Once::Done(job)) => job,
        other => panic!("{other:?}"),
    };
    let (first, second) = (run().await, run().await);
    assert_ne!(first.job_id, second.job_id);
    assert_eq!(process.due_times().await, [EIGHT + 7, EIGHT + 7]);
    let schedule = process.read("s").await;
    assert_eq!((schedule.next_at, schedule.last_job_id), (None, Some(second.job_id)));
    assert!(matches!(process.queue.run_schedule("none", None).await, Err(RunScheduleError::Unknown)));
}

#[tokio::test]
async fn schedules_that_cannot_be_read_or_fired_keep_none_from_firing() {
    let process = Process::alone().await;
    // More than are looked at together, and due before the others.
    for n in 0..150 {
        process.save(schedule(&format!("a{n}"))).await;
    }
    process.save(schedule("good")).await;
    process.store.spoil("UPDATE schedules SET timezone = 'Nowhere' WHERE id <> 'good'").await;
    assert_eq!(process.at(EIGHT).await, 1);
    assert_eq!(process.due_times().await, hours([0]));
    // What stays due is no reason to look again at once.
    let looked = process.queue.fire_schedules().await.unwrap();
    assert_eq!(looked, FiredSchedules { fired: 0, next_at: Some(EIGHT + HOUR) });
    process.save_workflow("odd").await;
    process.store.spoil("UPDATE documents SET body = '{' WHERE digest = 'sha256:odd'").await;
    process.store.spoil("UPDATE schedules SET timezone = 'UTC', workflow_id = 'odd' WHERE id <> 'good'").await;
    process.clock.0.store(EIGHT + HOUR, Ordering::SeqCst);
    process.queue.fire_schedules().await.unwrap_err();
    assert_eq!(process.due_times().await, hours([0, 1]));
}
