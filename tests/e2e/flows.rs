//! Flows: parents that run on what came of their children, through failures, cancelling and restarts.

use std::collections::HashSet;
use std::sync::Arc;

use blockyard::app::App;
use blockyard::domain::{Event, EventKind, Flow, FlowId, FlowStatus, JobStatus, JobType, UserId};
use blockyard::jobs::{FlowCancelled, FlowNode, FlowSubmit, FlowSubmitted};
use blockyard::store::Store;
use serde_json::{Value, json};

use crate::server::Server;
use crate::support::{app, config_in_file, config_on_disk, graph};
use crate::timeline::patiently;

/// A job that hands its input on, after a while.
fn data(ms: u64, input: Value) -> Value {
    let nodes = json!([{"id": "it", "type": "test.pause", "config": {"ms": ms}}]);
    json!({"workflowDefinition": graph(nodes, &[]), "input": input})
}

/// A job that fails.
fn failing() -> Value {
    let nodes = json!([{"id": "it", "type": "core.transform", "config": {"expression": "1 // input"}}]);
    json!({"workflowDefinition": graph(nodes, &[]), "input": 0})
}

/// A job that goes on for ten minutes.
fn endless() -> Value {
    let nodes = json!([{"id": "it", "type": "test.suspends", "config": {"times": 1, "ms": 600_000}}]);
    json!({"workflowDefinition": graph(nodes, &[])})
}

fn node(data: Value, fail_parent: bool, children: Vec<FlowNode>) -> FlowNode {
    FlowNode {
        name: None,
        job_type: JobType::Workflow,
        payload: data.into(),
        queue: None,
        priority: 0,
        delay_ms: 0,
        max_attempts: None,
        fail_parent,
        children,
    }
}

async fn start(app: &App, root: FlowNode) -> FlowId {
    let submit = FlowSubmit { name: "a flow".to_owned(), user_id: UserId::local(), root };
    match app.queue.submit_flow(&submit, None).await.unwrap() {
        FlowSubmitted::New(id) => id,
        other => panic!("{other:?}"),
    }
}

/// Look until the flow is so.
async fn until(app: &App, id: &FlowId, so: impl Fn(&Flow) -> bool) -> Flow {
    let looking = async {
        loop {
            let flow = app.queue.flow(id).await.unwrap().unwrap();
            if so(&flow) {
                return flow;
            }
            tokio::task::yield_now().await;
        }
    };
    patiently("the flow", looking).await
}

async fn ended(app: &App, id: &FlowId) -> Flow {
    until(app, id, |flow| flow.ended_at.is_some()).await
}

/// The events of an ended flow, which tell of each job once, in steps that only go up.
async fn events(store: &Store, flow: &FlowId, jobs: usize) -> Vec<Event> {
    let events = store.flow_events(flow, 0, 10_000).await.unwrap();
    let kinds: Vec<EventKind> = events.iter().map(|event| event.entry.event).collect();
    assert_eq!((kinds[0], kinds.len()), (EventKind::FlowCreated, jobs + 2), "{kinds:?}");
    assert!(kinds[1..=jobs].iter().all(|kind| *kind == EventKind::FlowProgress), "{kinds:?}");
    assert!(events.iter().map(|event| event.entry.seq).eq(1..=jobs as u64 + 2));
    let progress: Vec<f64> = events.iter().map(|event| event.entry.progress).collect();
    assert!(progress[..=jobs].is_sorted_by(|a, b| a < b), "{progress:?}");
    assert_eq!((progress[jobs], progress[jobs + 1]), (100.0, 100.0));
    let told: HashSet<String> = events[1..=jobs].iter().map(|event| told(event)["jobId"].to_string()).collect();
    assert_eq!(told.len(), jobs);
    events
}

fn told(event: &Event) -> Value {
    event.entry.data.as_ref().unwrap().to_value().unwrap()
}

fn result(flow: &Flow, job: usize) -> Value {
    flow.jobs[job].result.as_ref().unwrap().to_value().unwrap()
}

fn states(flow: &Flow) -> Vec<JobStatus> {
    flow.jobs.iter().map(|job| job.status).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parent_gets_what_came_of_fifty_children_in_three_queues() {
    let app = app(&["pause"]).await;
    let children = (0..50u64).map(|n| {
        let queue = ["default", "search", "workflow"][n as usize % 3].to_owned();
        let data = if n % 10 == 9 { failing() } else { data(n % 7, json!(n)) };
        FlowNode { queue: Some(queue), ..node(data, false, Vec::new()) }
    });
    let id = start(&app, node(data(0, json!({"own": true})), true, children.collect())).await;
    let flow = ended(&app, &id).await;
    assert_eq!((flow.status, flow.total, flow.completed, flow.failed), (FlowStatus::Completed, 51, 46, 5));
    let given = result(&flow, 0);
    assert_eq!(given["own"], true);
    for (n, job) in flow.jobs[1..].iter().enumerate() {
        let (value, failure) = (&given["childrenValues"][job.id.as_str()], &given["childrenFailures"][job.id.as_str()]);
        if n % 10 == 9 {
            assert_eq!((value, failure["nodeId"].as_str()), (&Value::Null, Some("it")), "{n}");
        } else {
            assert_eq!((value, failure), (&json!({"value": n}), &Value::Null), "{n}");
        }
    }
    let events = events(&app.store, &id, 51).await;
    assert_eq!(told(&events[51])["jobId"], flow.jobs[0].id.as_str());
    assert_eq!(events[52].entry.event, EventKind::FlowCompleted);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_goes_up_unless_it_is_told_not_to() {
    let app = app(&["pause"]).await;
    let broken =
        node(data(0, json!(1)), false, vec![node(failing(), true, vec![]), node(data(50, json!(2)), true, vec![])]);
    let id = start(&app, node(data(0, json!(null)), true, vec![broken])).await;
    let flow = ended(&app, &id).await;
    let failed = [JobStatus::Completed, JobStatus::Failed, JobStatus::Failed, JobStatus::Completed];
    assert_eq!((flow.status, states(&flow)), (FlowStatus::Completed, failed.to_vec()));
    let given = result(&flow, 0);
    assert_eq!(given["childrenFailures"][flow.jobs[1].id.as_str()]["nodeId"], "it");
    assert_eq!(flow.jobs[1].error, flow.jobs[2].error);

    let broken = node(data(0, json!(1)), true, vec![node(failing(), true, vec![])]);
    let id = start(&app, node(data(0, json!(null)), true, vec![broken, node(data(50, json!(2)), true, vec![])])).await;
    let flow = ended(&app, &id).await;
    let failed = [JobStatus::Failed, JobStatus::Failed, JobStatus::Failed, JobStatus::Completed];
    assert_eq!((flow.status, states(&flow)), (FlowStatus::Failed, failed.to_vec()));
    assert_eq!(events(&app.store, &id, 4).await.last().unwrap().entry.event, EventKind::FlowFailed);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn results_go_up_through_all_levels() {
    let app = app(&["pause"]).await;
    let mut tree = node(data(0, json!("the leaf")), true, vec![]);
    for level in 0..15 {
        tree = node(data(0, json!({"level": level})), true, vec![tree]);
    }
    let id = start(&app, tree).await;
    let flow = ended(&app, &id).await;
    assert_eq!((flow.status, flow.completed), (FlowStatus::Completed, 16));
    let mut given = result(&flow, 0);
    for (level, child) in flow.jobs[1..].iter().enumerate() {
        assert_eq!((given["level"].as_u64(), &given["childrenFailures"]), (Some(14 - level as u64), &json!({})));
        given = given["childrenValues"][child.id.as_str()].take();
    }
    assert_eq!(given, json!({"value": "the leaf"}));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_stops_what_runs_and_what_waits() {
    let app = app(&["pause", "suspends"]).await;
    let inner = node(data(0, json!(null)), true, vec![node(endless(), true, vec![])]);
    let children = vec![inner, node(endless(), true, vec![]), node(data(0, json!(1)), true, vec![])];
    let id = start(&app, node(data(0, json!(null)), true, children)).await;
    until(&app, &id, |flow| flow.completed == 1 && states(flow)[2..4] == [JobStatus::Processing; 2]).await;
    assert_eq!(patiently("the end", app.queue.cancel_flow(&id)).await.unwrap(), FlowCancelled::Accepted);
    let flow = ended(&app, &id).await;
    let cancelled = [[JobStatus::Cancelled; 4].as_slice(), &[JobStatus::Completed]].concat();
    assert_eq!((flow.status, states(&flow)), (FlowStatus::Cancelled, cancelled));
    assert_eq!(events(&app.store, &id, 5).await.last().unwrap().entry.event, EventKind::FlowCancelled);
    assert_eq!(app.queue.cancel_flow(&id).await.unwrap(), FlowCancelled::AlreadyEnded);
    assert_eq!(app.store.counts().await.unwrap().processing_jobs, 0);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_is_cancelled_counts_as_a_failure() {
    let app = app(&["pause", "suspends"]).await;
    let children = vec![node(endless(), false, vec![]), node(data(0, json!(1)), true, vec![])];
    let id = start(&app, node(data(0, json!(null)), true, children)).await;
    let flow = until(&app, &id, |flow| states(flow)[1] == JobStatus::Processing).await;
    let child = &flow.jobs[1].id;
    patiently("the end", app.queue.cancel_job(child)).await.unwrap();
    let flow = ended(&app, &id).await;
    assert_eq!((flow.status, flow.completed, flow.failed), (FlowStatus::Completed, 2, 1));
    assert_eq!(result(&flow, 0)["childrenFailures"][child.as_str()]["code"], "cancelled");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_goes_on_in_the_next_process() {
    let (mut config, _directory) = config_on_disk(&["pause"]);
    config.execution.execution_concurrency = 2;
    config.execution.shutdown_grace = std::time::Duration::from_millis(1);
    let app = App::start(config.clone()).await.unwrap();
    let children = (0..12).map(|n| node(data(30, json!(n)), true, vec![]));
    let id = start(&app, node(data(0, json!(null)), true, children.collect())).await;
    for completed in [2, 5, 9] {
        let app = if completed == 2 { app.clone() } else { App::start(config.clone()).await.unwrap() };
        until(&app, &id, |flow| flow.completed >= completed).await;
        patiently("the stop", app.stop()).await;
    }
    let app = App::start(config).await.unwrap();
    let flow = ended(&app, &id).await;
    assert_eq!((flow.status, flow.completed), (FlowStatus::Completed, 13));
    events(&app.store, &id, 13).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_survives_the_death_of_its_process() {
    let (config, _directory) = config_in_file(&[]);
    let url = config.database.url.clone();
    let server = Server::start(&url, &["pause"]).await;
    let children: Vec<Value> = (0..12).map(|n| json!({"type": "WORKFLOW", "data": data(40, json!(n))})).collect();
    let flow = json!({"name": "a flow", "type": "WORKFLOW", "data": data(0, json!(null)), "children": children});
    let (status, accepted) = server.post("/flows", &flow).await;
    assert_eq!(status, 202, "{accepted}");
    let path = format!("/flows/{}", accepted["flowId"].as_str().unwrap());
    let completed = async |server: &Server, most: u64| {
        let asking = async {
            while server.get(&path).await.1["completed"].as_u64().unwrap() < most {
                tokio::task::yield_now().await;
            }
        };
        patiently("the flow", asking).await;
    };
    completed(&server, 1).await;
    server.kill().await;
    let server = Server::start(&url, &["pause"]).await;
    completed(&server, 13).await;
    server.terminate().await;
    let store = Store::open(&config.database, Arc::new(|_| {})).await.unwrap();
    events(&store, &accepted["flowId"].as_str().unwrap().into(), 13).await;
    store.close().await.unwrap();
}
