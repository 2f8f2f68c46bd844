//! The benchmark's workflows answer as their description says.

use blockyard::domain::ExecutionStatus;
use serde_json::{Value, json};

use crate::support::{Run, app, data_json, events, graph};

async fn output(document: Value, input: Value) -> Value {
    let app = app(&[]).await;
    let execution = Run::new(&app, document, input).end().await;
    assert_eq!(execution.status, ExecutionStatus::Completed, "{:?}", execution.error);
    execution.output.to_value().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn w1_filters_shapes_and_branches_a_hundred_leads() {
    assert_eq!(output(data_json("w1.json"), data_json("w1-input.json")).await, data_json("w1-expected.json"));
}

#[tokio::test(flavor = "multi_thread")]
async fn w3_counts_through_forty_steps() {
    assert_eq!(output(data_json("w3.json"), json!({"n": 0})).await, json!({"n": 40}));
}

#[tokio::test(flavor = "multi_thread")]
async fn w4_keeps_a_thousand_items_in_order() {
    let items: Vec<Value> = (0..1000).map(|i| json!({"id": i, "value": i})).collect();
    let expected: Vec<Value> = (0..1000).map(|i| json!({"id": i, "double": 2 * i})).collect();
    assert_eq!(output(data_json("w4.json"), Value::Array(items)).await, Value::Array(expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn w5_runs_a_thousand_nodes_side_by_side() {
    let mut nodes = vec![json!({"id": "start", "type": "core.transform", "config": {"expression": "input"}})];
    let wide = (0..998)
        .map(|i| json!({"id": format!("n{i}"), "type": "core.transform", "config": {"expression": "{'n': 1}"}}));
    nodes.extend(wide);
    nodes.push(json!({"id": "end", "type": "core.transform", "config": {"expression": "input|length"}}));
    let edges: Vec<String> = (0..998).flat_map(|i| [format!("start>n{i}"), format!("n{i}>end")]).collect();
    let edges: Vec<&str> = edges.iter().map(String::as_str).collect();
    assert_eq!(output(graph(Value::Array(nodes), &edges), json!({})).await, json!(998));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_timeline_of_w1_is_in_order() {
    let app = app(&[]).await;
    let execution = Run::new(&app, data_json("w1.json"), data_json("w1-input.json")).end().await;
    let names: Vec<_> =
        events(&app, &execution).await.into_iter().map(|(name, node)| format!("{name} {node}")).collect();
    let expected = [
        "execution.started ",
        "node.started qualified",
        "node.completed qualified",
        "node.started shaped",
        "node.completed shaped",
        "node.started sized",
        "node.completed sized",
        "node.skipped small",
        "node.started bulk",
        "node.completed bulk",
        "execution.completed ",
    ];
    assert_eq!(names, expected);
}
