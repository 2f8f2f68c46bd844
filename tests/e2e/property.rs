//! Random graphs: whatever the graph, the engine's outcome is that of the sequential model in `model.rs`.

use std::collections::HashMap;

use blockyard::app::App;
use blockyard::domain::{EventKind, Execution, ExecutionStatus, NodeStatus, TimelineEntry};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use serde_json::{Value, json};

use crate::model::{Edge, Expected, Graph, Node, OnError, outcome};
use crate::support::{Run, config, nodes};
use crate::timeline::{check, patiently, timeline};

/// Cases without `PROPTEST_CASES`.
const CASES: u32 = 80;

#[test]
fn any_graph_runs_as_the_sequential_model_says() {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(CASES);
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 500, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let app = runtime.block_on(engine());
    let seen = std::cell::RefCell::new(HashMap::<&str, u32>::new());
    let ran = runner.run(&graphs(), |graph| {
        let expected = outcome(&graph);
        for kind in kinds(&graph, &expected) {
            *seen.borrow_mut().entry(kind).or_default() += 1;
        }
        runtime.block_on(judge(&app, &graph, &expected)).map_err(TestCaseError::fail)
    });
    if let Err(error) = ran {
        panic!("{error}");
    }
    let seen = seen.into_inner();
    for kind in ["skips", "joins", "continues", "routes", "fails", "completes", "many nodes"] {
        assert!(seen.get(kind).is_some_and(|times| *times >= cases / 20), "hardly any graph {kind}: {seen:?}");
    }
}

async fn engine() -> App {
    let mut config = config(&["probe"]);
    // Fewer than there are ready nodes at times, so that some have to wait for their turn.
    config.execution.node_concurrency = 8;
    App::start(config).await.unwrap_or_else(|error| panic!("{error}"))
}

/// Graphs of up to 200 nodes and 600 edges. Edges lead from lower to higher numbers; the document's order is another.
fn graphs() -> impl Strategy<Value = Graph> {
    let size = prop_oneof![2 => 1..=12usize, 3 => 13..=80usize, 2 => 81..=200usize];
    size.prop_flat_map(|size| {
        let nodes = prop::collection::vec(node(), size);
        let edges = prop::collection::vec(edge(), 0..=size * 3);
        let order = Just((0..size).collect::<Vec<_>>()).prop_shuffle();
        (nodes, edges, order, 0..1000u32)
    })
    .prop_map(|(nodes, edges, order, input)| assemble(nodes, edges, order, json!({"n": input})))
}

fn node() -> impl Strategy<Value = Node> {
    let failing = |on_error, percents: std::ops::Range<u64>| percents.prop_map(move |fails| (on_error, fails));
    let kind = prop_oneof![
        80 => Just((OnError::Fail, 0)),
        1 => failing(OnError::Fail, 20..60),
        10 => failing(OnError::Continue, 20..80),
        10 => failing(OnError::Route, 20..80),
    ];
    (0..u64::MAX, kind).prop_map(|(seed, (on_error, fails))| Node { seed, fails, on_error })
}

type RawEdge = (Index, Index, Option<&'static str>, Option<&'static str>);

fn edge() -> impl Strategy<Value = RawEdge> {
    let port = prop_oneof![Just(None), prop::sample::select(vec!["a", "b", "c", "error"]).prop_map(Some),];
    // A key may be that of another source, too.
    let target_port =
        prop_oneof![3 => Just(None), 1 => prop::sample::select(vec!["x", "y", "n0", "n1"]).prop_map(Some)];
    (any::<Index>(), any::<Index>(), port, target_port)
}

fn assemble(mut nodes: Vec<Node>, raw: Vec<RawEdge>, order: Vec<usize>, input: Value) -> Graph {
    let size = nodes.len();
    let edges: Vec<Edge> = raw
        .into_iter()
        .filter_map(|(one, other, port, target_port)| {
            let target = one.index(size);
            // Mostly from nearby, so that graphs are deep as well as wide.
            let source = target.checked_sub(1 + other.index(size.min(12)))?;
            let routes = nodes[source].on_error == OnError::Route;
            let port = port.map(|port| if port == "error" && !routes { "a" } else { port });
            Some(Edge { source, port, target, target_port })
        })
        .collect();
    for (number, node) in nodes.iter_mut().enumerate() {
        if !edges.iter().any(|edge| edge.source == number && edge.port == Some("error"))
            && node.on_error == OnError::Route
        {
            node.on_error = OnError::Continue;
        }
    }
    Graph { nodes, edges, order, input }
}

fn kinds(graph: &Graph, expected: &Expected) -> Vec<&'static str> {
    let any = |on_error, status| {
        let mut both = graph.nodes.iter().zip(&expected.nodes);
        both.any(|(node, end)| node.on_error == on_error && end.as_ref().is_some_and(|end| end.status == status))
    };
    let skips = expected.nodes.iter().flatten().any(|end| end.status == NodeStatus::Skipped);
    let joins =
        expected.nodes.iter().flatten().any(|end| end.input.as_ref().is_some_and(|input| input.get("n3").is_some()));
    [
        ("skips", skips),
        ("joins", joins),
        ("continues", any(OnError::Continue, NodeStatus::Failed)),
        ("routes", any(OnError::Route, NodeStatus::Failed)),
        ("fails", !expected.fatal.is_empty()),
        ("completes", expected.fatal.is_empty()),
        ("many nodes", graph.nodes.len() > 100),
    ]
    .into_iter()
    .filter_map(|(kind, holds)| holds.then_some(kind))
    .collect()
}

/// Run the graph and compare.
async fn judge(app: &App, graph: &Graph, expected: &Expected) -> Result<(), String> {
    let execution = patiently("a graph", Run::new(app, graph.document(), graph.input.clone()).end()).await;
    judge_end(&execution, expected)?;
    let rows: HashMap<String, _> =
        nodes(app, &execution).await.into_iter().map(|row| (row.node_id.to_string(), row.call)).collect();
    for (number, end) in expected.nodes.iter().enumerate() {
        let id = format!("n{number}");
        match (end, rows.get(&id)) {
            (None, None) => {}
            (None, Some(call)) => return Err(format!("{id} waits for a failed node, yet it is {:?}", call.status)),
            (Some(end), Some(call)) if call.status == end.status => {
                let fired: Vec<_> =
                    call.outputs.0.iter().map(|(port, data)| (port.clone(), data.to_value().unwrap())).collect();
                if fired != end.fired {
                    return Err(format!("{id} fired {fired:?} instead of {:?}", end.fired));
                }
            }
            // A failed execution leaves some undone.
            (Some(_), None) if !expected.fatal.is_empty() => {}
            (Some(_), Some(call)) if !expected.fatal.is_empty() && call.status == NodeStatus::Cancelled => {}
            (Some(end), call) => {
                return Err(format!("{id} is {:?} instead of {:?}", call.map(|c| c.status), end.status));
            }
        }
    }
    let entries = timeline(app, &execution.execution_id).await;
    check(&entries, execution.status)?;
    judge_order(graph, &entries)
}

fn judge_end(execution: &Execution, expected: &Expected) -> Result<(), String> {
    if expected.fatal.is_empty() {
        let output = execution.output.to_value().unwrap();
        return if execution.status == ExecutionStatus::Completed && output == expected.output {
            Ok(())
        } else {
            Err(format!("{:?} {:?} with {output} instead of {}", execution.status, execution.error, expected.output))
        };
    }
    let Some(error) = execution.error.as_ref().filter(|_| execution.status == ExecutionStatus::Failed) else {
        return Err(format!("{:?} instead of failed", execution.status));
    };
    let node = error.node_id.as_deref().unwrap_or_default();
    match expected.fatal.iter().find(|(number, _)| node == format!("n{number}")) {
        Some((_, mixed)) if error.code == "probe" && error.message == format!("node `{node}`: {mixed}") => Ok(()),
        _ => Err(format!("{error:?}, while one of {:?} fails", expected.fatal)),
    }
}

/// Each node starts at most once, and after all that lead to it; each settles at most once.
fn judge_order(graph: &Graph, entries: &[TimelineEntry]) -> Result<(), String> {
    let (mut started, mut settled) = (HashMap::new(), HashMap::new());
    for entry in entries {
        let Some(node) = &entry.node_id else { continue };
        let seen = match entry.event {
            EventKind::NodeStarted => &mut started,
            EventKind::NodeCompleted | EventKind::NodeFailed | EventKind::NodeSkipped => &mut settled,
            _ => continue,
        };
        if seen.insert(node.to_string(), entry.seq).is_some() {
            return Err(format!("{node}: {} twice", entry.event.as_str()));
        }
    }
    for edge in &graph.edges {
        let (source, target) = (format!("n{}", edge.source), format!("n{}", edge.target));
        let began = started.get(&target).or_else(|| settled.get(&target));
        if let Some(began) = began
            && settled.get(&source).is_none_or(|end| end >= began)
        {
            return Err(format!("{target} began at {began}, before {source} had settled"));
        }
    }
    Ok(())
}
