//! Jobs: types side by side, who goes first, who waits, and what becomes of them.

use std::time::Duration;

use blockyard::app::App;
use blockyard::config::Config;
use blockyard::domain::{EventKind, ExecutionId, JobId, JobStatus, JobType, Json, UserId};
use blockyard::jobs::{Begin, Cancelled, JobOptions, Ticket};
use serde_json::{Value, json};

use crate::support::{app, config, config_on_disk, graph};
use crate::timeline::{happened, patiently};

async fn started(config: Config) -> App {
    App::start(config).await.unwrap_or_else(|error| panic!("{error}"))
}

async fn submit(app: &App, job_type: JobType, payload: Value, change: impl FnOnce(&mut JobOptions)) -> Ticket {
    let prepared = app.queue.prepare(job_type, &Json::from(payload), &UserId::local()).await;
    let mut submit = prepared.unwrap_or_else(|error| panic!("{error}"));
    change(&mut submit.job);
    let ticket = app.queue.submit(submit).unwrap();
    ticket.accepted().await.unwrap();
    ticket
}

fn pause(ms: u64) -> Value {
    json!({"block": "test.pause", "config": {"ms": ms}, "input": null})
}

async fn ended(app: &App, mut ticket: Ticket) -> blockyard::domain::Job {
    patiently("the end", ticket.ended()).await.expect("it ends in this process");
    app.queue.job(&ticket.job_id).await.unwrap().unwrap()
}

async fn start_position(app: &App, id: &ExecutionId) -> i64 {
    let events = app.store.events(id, 0, 100).await.unwrap();
    events.iter().find(|event| event.entry.event == EventKind::NodeStarted).unwrap().position
}

#[tokio::test(flavor = "multi_thread")]
async fn three_types_run_side_by_side_in_mode_demo() {
    let app = app(&[]).await;
    let workflow = graph(json!([{"id": "it", "type": "core.transform", "config": {"expression": "input + 1"}}]), &[]);
    let people = json!([{"email": "mary@example.com"}]);
    let requests = [
        (JobType::Search, json!({"source": "instagram", "query": "#harbour", "mode": "demo"})),
        (
            JobType::UploadToMeta,
            json!({"audienceId": "23850000000000001", "people": people, "operation": "remove", "mode": "demo"}),
        ),
        (JobType::Workflow, json!({"workflowDefinition": workflow, "input": 1, "mode": "demo"})),
    ];
    let run =
        requests.map(async |(job_type, payload)| ended(&app, submit(&app, job_type, payload, |_| {}).await).await);
    let jobs = futures::future::join_all(run).await;
    let results: Vec<Value> = jobs.iter().map(|job| job.result.to_value().unwrap()).collect();
    assert!(jobs.iter().all(|job| job.status == JobStatus::Completed), "{jobs:?}");
    assert_eq!(jobs.iter().map(|job| job.queue.as_str()).collect::<Vec<_>>(), ["search", "upload", "workflow"]);
    assert_eq!(results[0]["posts"][0]["username"], "ada.example");
    assert_eq!(results[1]["audience_id"], "23850000000000001");
    assert_eq!(results[2], 2);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn higher_priorities_go_first() {
    let mut config = config(&["pause"]);
    config.execution.execution_concurrency = 1;
    let app = started(config).await;
    app.queue.pause("default", true, &UserId::local()).await.unwrap();
    let mut tickets = Vec::new();
    for priority in [0, 5, -5, 9] {
        tickets.push((priority, submit(&app, JobType::Block, pause(1), |job| job.priority = priority).await));
    }
    app.queue.pause("default", false, &UserId::local()).await.unwrap();
    let mut order = Vec::new();
    for (priority, mut ticket) in tickets {
        patiently("the end", ticket.ended()).await.unwrap();
        order.push((start_position(&app, &ticket.execution_id).await, priority));
    }
    order.sort_unstable();
    assert_eq!(order.iter().map(|(_, priority)| *priority).collect::<Vec<_>>(), [9, 5, 0, -5]);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delayed_job_begins_when_it_is_due() {
    let app = app(&["pause"]).await;
    let ticket = submit(&app, JobType::Block, pause(0), |job| job.begin = Begin::After(300)).await;
    assert_eq!(ticket.status, JobStatus::Delayed);
    let job = ended(&app, ticket).await;
    assert_eq!(job.status, JobStatus::Completed);
    assert_eq!(job.run_at - job.created_at, 300);
    assert!(job.started_at.unwrap() >= job.run_at, "{job:?}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_keeps_to_its_concurrency() {
    let mut config = config(&["pause"]);
    config.jobs.queue_concurrency.insert("search".to_owned(), 2);
    let app = started(config).await;
    let mut tickets = Vec::new();
    for _ in 0..12 {
        tickets.push(submit(&app, JobType::Block, pause(20), |job| job.queue = "search".to_owned()).await);
    }
    let mut times = Vec::new();
    for ticket in tickets {
        let job = ended(&app, ticket).await;
        assert_eq!(job.status, JobStatus::Completed);
        // Their steps, as what happened first and last in the one log of events.
        let events = app.store.events(&job.execution_id.unwrap(), 0, 100).await.unwrap();
        let place = |kind| events.iter().find(|event| event.entry.event == kind).unwrap().position;
        times.push((place(EventKind::NodeStarted), place(EventKind::ExecutionCompleted)));
    }
    for (start, _) in &times {
        let at_once = times.iter().filter(|(from, to)| from <= start && start < to).count();
        assert!(at_once <= 2, "{at_once} at once: {times:?}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_either_cancels_both() {
    let app = app(&["suspends"]).await;
    let endless = || json!({"block": "test.suspends", "config": {"times": 1, "ms": 600_000}});
    for by_job in [true, false] {
        let ticket = submit(&app, JobType::Block, endless(), |_| {}).await;
        let id = ticket.execution_id.clone();
        happened(&app, &id, EventKind::NodeWaiting, "block").await;
        let progress = app.queue.job_progress(&ticket.job_id).await.unwrap().unwrap();
        assert_eq!((progress.status, progress.current_step.as_deref()), (JobStatus::Processing, Some("block")));
        assert_eq!((progress.completed_nodes, progress.total_nodes), (0, Some(1)));
        assert!(progress.execution_time.is_some() && progress.error.is_none());
        let cancelled = match by_job {
            true => patiently("the cancellation", app.queue.cancel_job(&ticket.job_id)).await,
            false => patiently("the cancellation", app.queue.cancel(&id)).await,
        };
        assert!(matches!(cancelled.unwrap(), Cancelled::Accepted));
        let job = app.queue.job(&ticket.job_id).await.unwrap().unwrap();
        assert_eq!(job.status, JobStatus::Cancelled);
        assert_eq!(job.timeline.last().unwrap().event, EventKind::JobCancelled);
        let execution = app.store.execution(&id).await.unwrap().unwrap().execution;
        assert_eq!(execution.status.as_str(), "cancelled");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_goes_from_5_over_95_to_100() {
    let app = app(&["pause"]).await;
    let node = |id: &str| json!({"id": id, "name": format!("Step {id}"), "type": "test.pause", "config": {"ms": 1}});
    let document = graph(json!([node("a"), node("b"), node("c")]), &["a>b", "b>c"]);
    let ticket = submit(&app, JobType::Workflow, json!({"workflowDefinition": document}), |_| {}).await;
    let job = ended(&app, ticket).await;
    let told: Vec<(EventKind, f64)> = job.timeline.iter().map(|entry| (entry.event, entry.progress)).collect();
    let progress: Vec<f64> = told.iter().map(|(_, progress)| *progress).collect();
    assert!(progress.starts_with(&[0.0, 5.0]) && progress.ends_with(&[95.0, 100.0]), "{told:?}");
    assert!(progress.is_sorted(), "{told:?}");
    assert!(progress.contains(&35.0) && progress.contains(&65.0), "{told:?}");
    let last = app.queue.job_progress(&job.id).await.unwrap().unwrap();
    assert_eq!((last.progress, last.completed_nodes, last.total_nodes, last.current_step), (100.0, 3, Some(3), None));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_outlives_a_restart() {
    let (config, _directory) = config_on_disk(&["pause"]);
    let app = started(config.clone()).await;
    app.queue.pause("default", true, &UserId::local()).await.unwrap();
    let ticket = submit(&app, JobType::Block, pause(0), |_| {}).await;
    let id: JobId = ticket.job_id.clone();
    patiently("the stop", app.stop()).await;
    let app = started(config).await;
    let second = submit(&app, JobType::Block, pause(0), |_| {}).await;
    assert_eq!(second.status, JobStatus::Pending);
    // Another queue's job goes through the claiming meanwhile.
    let other = submit(&app, JobType::Block, pause(0), |job| {
        job.queue = "upload".to_owned();
        job.begin = Begin::After(20);
    });
    assert_eq!(ended(&app, other.await).await.status, JobStatus::Completed);
    for id in [&id, &second.job_id] {
        assert_eq!(app.queue.job(id).await.unwrap().unwrap().status, JobStatus::Pending);
    }
    app.queue.pause("default", false, &UserId::local()).await.unwrap();
    happened(&app, &ExecutionId::from(&id), EventKind::ExecutionCompleted, "").await;
    assert_eq!(ended(&app, second).await.status, JobStatus::Completed);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_old_goes_and_what_runs_stays() {
    let mut config = config(&["pause"]);
    config.jobs.retention = Duration::from_millis(1);
    let app = started(config).await;
    let done = submit(&app, JobType::Block, pause(0), |_| {}).await;
    let job = ended(&app, done).await;
    let running = submit(&app, JobType::Block, pause(600_000), |_| {}).await;
    happened(&app, &running.execution_id, EventKind::NodeStarted, "block").await;
    let gone = async {
        // Until the clock has gone on.
        while app.queue.sweep().await.unwrap() == 0 {
            tokio::task::yield_now().await;
        }
    };
    patiently("the sweep", gone).await;
    assert!(app.queue.job(&job.id).await.unwrap().is_none());
    assert!(app.queue.job(&running.job_id).await.unwrap().is_some());
    patiently("the cancellation", app.queue.cancel_job(&running.job_id)).await.unwrap();
    app.stop().await;
}
