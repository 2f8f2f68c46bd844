//! Flows: what advancing them comes to.

mod parents;

use super::*;
use crate::domain::{ExecutionError, FlowId, FlowStatus, JobId, JobStatus};

conformance! {
    progress_is_told_job_by_job,
    advancing_again_changes_nothing,
    advancing_side_by_side_tells_each_job_once,
    numbers_that_were_lost_are_counted_anew,
    cancelling_a_flow_ends_all_that_nobody_works_on,
    flows_that_fell_behind_are_found,
    flows_are_listed_newest_first,
}

/// A job of a test's flow: its id, its parent's, and whether its failure is its parent's.
type Node = (&'static str, &'static str, bool);

/// Two levels below a root.
const TREE: [Node; 5] = [("r", "", false), ("m", "r", true), ("m1", "m", true), ("m2", "m", true), ("n", "r", false)];

fn flow_records(flow: &str, nodes: &[Node], change: impl Fn(&mut Submission)) -> Vec<Record> {
    let created = Record::Flow(Box::new(NewFlow {
        id: flow.into(),
        user_id: UserId::local(),
        name: format!("flow {flow}"),
        root_id: nodes[0].0.into(),
        total: nodes.len() as u32,
        entry: entry(1, EventKind::FlowCreated),
    }));
    let jobs = nodes.iter().map(|(id, parent, fail_parent)| {
        let place = FlowPlace {
            flow_id: flow.into(),
            parent_id: (!parent.is_empty()).then(|| (*parent).into()),
            fail_parent: *fail_parent,
            waits: nodes.iter().any(|(_, other, _)| other == id),
        };
        let mut submission = Submission { place: Some(place), input: Json::null(), ..submission(id) };
        change(&mut submission);
        Record::Submission(Box::new(submission))
    });
    std::iter::once(created).chain(jobs).collect()
}

async fn make(fixture: &Fixture, nodes: &[Node]) {
    fixture.put(flow_records("f", nodes, |_| {})).await;
}

async fn end(fixture: &Fixture, id: &str, output: Stored) {
    let Record::Finished(mut end) = finished(id, ExecutionStatus::Completed) else { panic!() };
    end.output = output;
    fixture.put(vec![Record::Finished(end)]).await;
}

async fn complete(fixture: &Fixture, id: &str, output: &str) {
    end(fixture, id, Stored::Json(json(output))).await;
}

fn failure(id: &str) -> ExecutionError {
    ExecutionError { code: "boom".into(), message: format!("{id} é"), node_id: None, details: Json::null() }
}

async fn fail(fixture: &Fixture, id: &str) {
    let Record::Finished(mut end) = finished(id, ExecutionStatus::Failed) else { panic!() };
    end.error = Some(failure(id));
    fixture.put(vec![Record::Finished(end)]).await;
}

async fn advance(fixture: &Fixture) -> Advanced {
    fixture.store.advance_flow(&"f".into(), 5000, |_, output| output.clone()).await.unwrap()
}

/// The jobs that advancing told of, as `id status`.
async fn told(fixture: &Fixture) -> Vec<String> {
    let told = advance(fixture).await.told;
    told.iter().map(|(id, status)| format!("{id} {}", status.as_str())).collect()
}

async fn job(fixture: &Fixture, id: &str) -> JobSummary {
    fixture.store.job(&id.into()).await.unwrap().unwrap().summary
}

async fn input(fixture: &Fixture, id: &str) -> serde_json::Value {
    fixture.store.execution(&id.into()).await.unwrap().unwrap().execution.input.to_value().unwrap()
}

async fn flow(fixture: &Fixture) -> FlowRow {
    fixture.store.flow(&"f".into()).await.unwrap().unwrap()
}

/// Status, total, completed, failed, and whether it has ended.
async fn numbers(fixture: &Fixture) -> (FlowStatus, u32, u32, u32, bool) {
    let row = flow(fixture).await;
    (row.status, row.total, row.completed, row.failed, row.ended_at.is_some())
}

/// The flow's events after the first, which must be numbered densely and told to those who follow.
async fn events(fixture: &Fixture) -> Vec<Event> {
    let events = fixture.store.flow_events(&"f".into(), 0, 10_000).await.unwrap();
    let numbers: Vec<u64> = events.iter().map(|event| event.entry.seq).collect();
    assert_eq!(numbers, (1..=events.len() as u64).collect::<Vec<_>>());
    let seen = fixture.seen().iter().filter(|event| event.topic == crate::domain::Topic::Flow("f".into())).count();
    assert_eq!(seen, events.len());
    assert_eq!(events[0].entry.event, EventKind::FlowCreated);
    events[1..].to_vec()
}

fn data(event: &Event) -> serde_json::Value {
    event.entry.data.as_ref().unwrap().to_value().unwrap()
}

async fn claimable(fixture: &Fixture) -> Vec<String> {
    let claimed = fixture.store.claim_jobs(claim(6000, 100)).await.unwrap();
    claimed.jobs.iter().map(|job| job.job_id.to_string()).collect()
}

async fn progress_is_told_job_by_job(fixture: Fixture) {
    let ids: Vec<&'static str> = (0..50).map(|n| &*format!("c{n:02}").leak()).collect();
    let children = ids.iter().map(|id| (*id, "r", true));
    make(&fixture, &[("r", "", false)].into_iter().chain(children).collect::<Vec<_>>()).await;
    // Some alone, some together.
    for (n, id) in ids.iter().enumerate() {
        complete(&fixture, id, "null").await;
        if n % 3 == 0 || n == 49 {
            advance(&fixture).await;
        }
    }
    complete(&fixture, "r", "null").await;
    advance(&fixture).await;
    let events = events(&fixture).await;
    let progress: Vec<f64> = events.iter().map(|event| event.entry.progress).collect();
    assert_eq!((progress.len(), progress[0], progress[24]), (52, 1.96, 49.02));
    assert!(progress[..51].is_sorted_by(|a, b| a < b), "{progress:?}");
    assert_eq!(data(&events[7]), serde_json::json!({"jobId": "c07", "status": "completed", "result": {"value": null}}));
}

async fn advancing_again_changes_nothing(fixture: Fixture) {
    make(&fixture, &TREE).await;
    assert_eq!(advance(&fixture).await, Advanced::default());
    complete(&fixture, "n", "1").await;
    advance(&fixture).await;
    let before = (flow(&fixture).await, fixture.seen().len());
    for _ in 0..3 {
        assert_eq!(advance(&fixture).await, Advanced::default());
    }
    assert_eq!((flow(&fixture).await, fixture.seen().len()), before);
    let none = fixture.store.advance_flow(&"none".into(), 1, |_, output| output.clone()).await.unwrap();
    assert_eq!(none, Advanced::default());
}

async fn advancing_side_by_side_tells_each_job_once(fixture: Fixture) {
    let ids: Vec<&'static str> = (0..20).map(|n| &*format!("c{n:02}").leak()).collect();
    let children = ids.iter().map(|id| (*id, "r", true));
    make(&fixture, &[("r", "", false)].into_iter().chain(children).collect::<Vec<_>>()).await;
    let ends = ids.iter().map(async |id| {
        complete(&fixture, id, "1").await;
        let (one, other) = tokio::join!(advance(&fixture), advance(&fixture));
        (one.told.len() + other.told.len(), usize::from(one.released) + usize::from(other.released))
    });
    let counts = futures::future::join_all(ends).await;
    let (told, released) = counts.iter().fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
    assert_eq!((told, released), (20, 1));
    assert_eq!(numbers(&fixture).await, (FlowStatus::Running, 21, 20, 0, false));
    assert_eq!(events(&fixture).await.len(), 20);
}

async fn numbers_that_were_lost_are_counted_anew(fixture: Fixture) {
    make(&fixture, &TREE).await;
    complete(&fixture, "n", "1").await;
    advance(&fixture).await;
    fixture.run("UPDATE flows SET completed = 77, failed = 5, total = 1, status = 'pending'").await;
    complete(&fixture, "m1", "1").await;
    advance(&fixture).await;
    assert_eq!(numbers(&fixture).await, (FlowStatus::Running, 5, 2, 0, false));
}

async fn cancelling_a_flow_ends_all_that_nobody_works_on(fixture: Fixture) {
    make(&fixture, &TREE).await;
    complete(&fixture, "m1", "1").await;
    let taken = fixture.store.claim_jobs(claim(1000, 1)).await.unwrap().jobs;
    assert_eq!(taken[0].job_id.as_str(), "m2");
    let cancel = async || fixture.store.cancel_flow(&"f".into(), 3000).await.unwrap().unwrap();
    let cancelled: Vec<JobId> = ["m", "n", "r"].map(JobId::from).to_vec();
    assert_eq!(cancel().await, FlowCancel { cancelled, running: vec!["m2".into()] });
    assert_eq!(fixture.status("r").await, ExecutionStatus::Cancelled);
    assert_eq!(told(&fixture).await, ["m1 completed", "m cancelled", "n cancelled", "r cancelled"]);
    assert_eq!(numbers(&fixture).await, (FlowStatus::Cancelled, 5, 1, 3, false));
    fixture.put(vec![finished("m2", ExecutionStatus::Cancelled)]).await;
    advance(&fixture).await;
    assert_eq!(numbers(&fixture).await, (FlowStatus::Cancelled, 5, 1, 4, true));
    assert_eq!(cancel().await, FlowCancel::default());
    let none = fixture.store.cancel_flow(&"none".into(), 1).await;
    assert_eq!(none.unwrap(), None);
}

async fn flows_that_fell_behind_are_found(fixture: Fixture) {
    let behind =
        async |after: &str, limit| -> Vec<(FlowId, JobId)> { fixture.store.flows_behind(after, limit).await.unwrap() };
    make(&fixture, &TREE).await;
    fixture.put(vec![submit("of no flow"), finished("of no flow", ExecutionStatus::Completed)]).await;
    assert!(behind("", 10).await.is_empty());
    for (flow, root, child) in [("g", "g1", "g2"), ("h", "h1", "h2")] {
        fixture.put(flow_records(flow, &[(root, "", false), (child, root, true)], |_| {})).await;
        complete(&fixture, child, "1").await;
    }
    complete(&fixture, "n", "1").await;
    let (f, g, h) = (("f".into(), "n".into()), ("g".into(), "g1".into()), ("h".into(), "h1".into()));
    assert_eq!(behind("", 10).await, [f.clone(), g.clone(), h.clone()]);
    assert_eq!(behind("", 2).await, [f, g]);
    assert_eq!(behind("g", 10).await, std::slice::from_ref(&h));
    for flow in ["f", "g"] {
        fixture.store.advance_flow(&flow.into(), 5000, |_, output| output.clone()).await.unwrap();
    }
    // As if the word of the child's end had come without what follows from it.
    fixture.run("UPDATE jobs SET flow_told = 1 WHERE id = 'h2'").await;
    assert_eq!(behind("", 10).await, [h]);
    let advanced = fixture.store.advance_flow(&"h".into(), 5000, |_, output| output.clone()).await.unwrap();
    assert!(advanced.released);
    assert!(behind("", 10).await.is_empty());
}

async fn flows_are_listed_newest_first(fixture: Fixture) {
    for (flow, root, child) in [("f1", "f1r", "f1c"), ("f2", "f2r", "f2c"), ("f3", "f3r", "f3c")] {
        fixture.put(flow_records(flow, &[(root, "", false), (child, root, true)], |_| {})).await;
    }
    fixture.store.claim_jobs(claim(2000, 1)).await.unwrap();
    fixture.put(vec![finished("f2c", ExecutionStatus::Failed)]).await;
    fixture.store.advance_flow(&"f2".into(), 5000, |_, output| output.clone()).await.unwrap();
    let listed = async |filter: FlowFilter| -> Vec<String> {
        fixture.store.flows(&filter).await.unwrap().iter().map(|row| row.id.to_string()).collect()
    };
    let all = FlowFilter { limit: 10, ..FlowFilter::default() };
    assert_eq!(listed(all.clone()).await, ["f3", "f2", "f1"]);
    let after = fixture.store.flow(&"f3".into()).await.unwrap().unwrap().cursor();
    assert_eq!(listed(FlowFilter { limit: 1, after: Some(after), ..all.clone() }).await, ["f2"]);
    for (status, found) in [(FlowStatus::Pending, "f3"), (FlowStatus::Running, "f1"), (FlowStatus::Failed, "f2")] {
        let filter = FlowFilter { status: Some(status), user_id: Some(UserId::local()), ..all.clone() };
        assert_eq!(listed(filter).await, [found], "{status:?}");
    }
    assert!(listed(FlowFilter { user_id: Some("another".into()), ..all }).await.is_empty());
}

/// Two processes that end the jobs of one flow, and tell it, at the same time.
#[tokio::test]
async fn two_processes_tell_each_job_once() {
    let url = Postgres::shared().database().await;
    let (one, other) = (Fixture::open(&config(&url), None).await, Fixture::open(&config(&url), None).await);
    let ids: Vec<&'static str> = (0..40).map(|n| &*format!("c{n:02}").leak()).collect();
    let children = ids.iter().map(|id| (*id, "r", true));
    make(&one, &[("r", "", false)].into_iter().chain(children).collect::<Vec<_>>()).await;
    let ends = ids.iter().enumerate().map(async |(n, id)| {
        let (this, that) = if n % 2 == 0 { (&one, &other) } else { (&other, &one) };
        complete(this, id, "1").await;
        let (this, that) = tokio::join!(advance(this), advance(that));
        (this.told.len() + that.told.len(), usize::from(this.released) + usize::from(that.released))
    });
    let counts = futures::future::join_all(ends).await;
    let (told, released) = counts.iter().fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
    assert_eq!((told, released), (40, 1));
    assert_eq!(numbers(&one).await, (FlowStatus::Running, 41, 40, 0, false));
    let events = one.store.flow_events(&"f".into(), 0, 100).await.unwrap();
    assert!(events.iter().map(|event| event.entry.seq).eq(1..=41));
}
