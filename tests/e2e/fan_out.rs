//! `forEach`: one call an item, put together in item order, whatever some of them come to.

use std::sync::Arc;

use blockyard::app::App;
use blockyard::domain::{EventKind, Execution, ExecutionStatus, NodeStatus};
use serde_json::{Value, json};

use crate::support::{Run, app, graph, node};
use crate::timeline::{count, patiently, timeline};

/// A node called `each` that fans out over the execution's input.
fn each(block: &str, config: Value, settings: Value) -> Value {
    let mut for_each = json!({"items": "{{ input }}"});
    for_each.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    json!({"id": "each", "type": block, "config": config, "forEach": for_each})
}

async fn end(app: &App, node: Value, input: Value) -> Arc<Execution> {
    patiently("the end", Run::new(app, graph(json!([node]), &[]), input).end()).await
}

async fn output(app: &App, node: Value, input: Value) -> Value {
    let execution = end(app, node, input).await;
    assert_eq!(execution.status, ExecutionStatus::Completed, "{:?}", execution.error);
    execution.output.to_value().unwrap()
}

fn inputs(results: &Value) -> Vec<&Value> {
    results.as_array().unwrap().iter().map(|result| &result["input"]).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_item_fails_its_node_is_left_out_or_is_reported_as_asked() {
    let app = app(&["effect"]).await;
    let items = json!([{"n": 0}, {"n": 1, "fail": true}, {"n": 2}, {"n": 3, "fail": true}]);
    let run = |on_item_error: &str| each("test.effect", json!({}), json!({"onItemError": on_item_error}));

    let failed = end(&app, run("fail"), items.clone()).await;
    let error = failed.error.as_ref().unwrap();
    assert_eq!((failed.status, error.code.as_str()), (ExecutionStatus::Failed, "asked-to"));
    let index = error.details.to_value().unwrap()["index"].as_u64().unwrap();
    assert!([1, 3].contains(&index), "{error:?}");
    assert_eq!(error.message, format!("node `each`: item {index}: the input asks for it"));

    let skipped = output(&app, run("skip"), items.clone()).await;
    assert_eq!(inputs(&skipped), [&items[0], &items[2]]);

    let collected = output(&app, run("collect"), items.clone()).await;
    assert_eq!(inputs(&collected["results"]), [&items[0], &items[2]]);
    let error = json!({"code": "asked-to", "message": "the input asks for it", "details": null});
    assert_eq!(collected["failures"], json!([{"index": 1, "error": error}, {"index": 3, "error": error}]));

    let good = json!([{"n": 5}]);
    let collected = output(&app, run("collect"), good.clone()).await;
    assert_eq!((inputs(&collected["results"]), &collected["failures"]), (vec![&good[0]], &json!([])));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_items_at_all_fire_an_empty_list_and_what_is_no_list_fails() {
    let app = app(&["pause", "effect"]).await;
    let pause = || each("test.pause", json!({}), json!({}));
    assert_eq!(output(&app, pause(), json!([])).await, json!([]));
    let collecting = each("test.pause", json!({}), json!({"onItemError": "collect"}));
    assert_eq!(output(&app, collecting, json!([])).await, json!({"results": [], "failures": []}));
    for (input, found) in [(json!({"a": []}), "an object"), (json!("[]"), "a string"), (json!(7), "a plain value")] {
        let execution = end(&app, pause(), input).await;
        let error = execution.error.as_ref().unwrap();
        assert_eq!(error.code, "invalid-items");
        assert_eq!(error.message, format!("node `each`: `forEach.items` must yield a list, it yields {found}"));
    }
    // All of them left out is not the same as none: what follows runs with an empty list.
    let all_fail = each("test.effect", json!({}), json!({"onItemError": "skip"}));
    assert_eq!(output(&app, all_fail, json!([{"fail": true}])).await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn items_run_side_by_side_up_to_the_bound_and_come_back_in_their_order() {
    let app = app(&["pause"]).await;
    // Later ones are quicker.
    let items: Vec<Value> = (0..12).map(|n| json!({"n": n, "ms": 60 - 5 * n})).collect();
    let node_of_items = each("test.pause", json!({"ms": "{{ item.ms }}"}), json!({"concurrency": 3}));
    let execution = end(&app, node_of_items, json!(items)).await;
    assert_eq!(execution.output.to_value().unwrap(), json!(items));
    let row = node(&app, &execution, "each").await;
    let calls: Vec<Value> = row.items.unwrap().decode().unwrap();
    assert!(calls.iter().all(|call| call["status"] == "completed"));
    let time = |call: &Value, key: &str| call[key].as_i64().unwrap();
    let at_once = |moment: i64| {
        calls.iter().filter(|call| time(call, "startTime") <= moment && moment < time(call, "endTime")).count()
    };
    let most = calls.iter().map(|call| at_once(time(call, "startTime"))).max().unwrap();
    assert_eq!(most, 3, "{calls:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_of_a_fan_out_see_the_item_its_index_and_the_nodes_input() {
    let app = app(&["echo"]).await;
    let config = json!({"all": "{{ item }} of {{ input.people|length }}", "index": "{{ index }}", "name": "{{ item.name|upper }}"});
    let mut echo = each("test.echo", config, json!({}));
    echo["forEach"]["items"] = json!("{{ input.people }}");
    let result = output(&app, echo, json!({"people": [{"name": "Ada"}, {"name": "Bob"}]})).await;
    let expected = json!([
        {"config": {"all": "{\"name\":\"Ada\"} of 2", "index": 0, "name": "ADA"}, "input": {"name": "Ada"}},
        {"config": {"all": "{\"name\":\"Bob\"} of 2", "index": 1, "name": "BOB"}, "input": {"name": "Bob"}},
    ]);
    assert_eq!(result, expected);
    let undefined = each("test.echo", json!({"x": "{{ item.name }}"}), json!({"onItemError": "collect"}));
    let result = output(&app, undefined, json!([{"name": 1}, {}])).await;
    assert_eq!(result["failures"][0]["index"], 1);
    assert_eq!(result["failures"][0]["error"]["message"], "`item.name` is undefined in `{{ item.name }}`");
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_and_the_time_limit_are_for_each_item() {
    let app = app(&["flaky", "pause"]).await;
    let mut flaky = each("test.flaky", json!({"until": "{{ item }}"}), json!({}));
    flaky["retry"] = json!({"maxAttempts": 3, "initialDelayMs": 1});
    let execution = end(&app, flaky.clone(), json!([1, 3, 2])).await;
    assert_eq!(execution.output.to_value().unwrap(), json!([{"attempt": 1}, {"attempt": 3}, {"attempt": 2}]));
    let row = node(&app, &execution, "each").await;
    assert_eq!(row.call.retry_count, 3);
    let entries = timeline(&app, &execution.execution_id).await;
    assert_eq!(count(&entries, EventKind::NodeRetrying, "each"), 0, "items are no events of their own");
    let execution = end(&app, flaky, json!([1, 4])).await;
    assert_eq!(execution.error.as_ref().unwrap().message, "node `each`: item 1: attempt 3");

    let mut slow = each("test.pause", json!({"ms": "{{ item }}"}), json!({"onItemError": "collect", "concurrency": 2}));
    slow["timeoutMs"] = json!(400);
    // Longer than 400 ms together, none but the last by itself.
    let result = output(&app, slow, json!([150, 150, 150, 150, 150, 150, 60_000])).await;
    assert_eq!(result["results"].as_array().unwrap().len(), 6);
    assert_eq!(
        (&result["failures"][0]["index"], &result["failures"][0]["error"]["code"]),
        (&json!(6), &json!("timeout"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_port_fires_once_with_its_data_in_item_order() {
    let app = app(&[]).await;
    let branch = json!({"branches": [{"port": "big", "when": "input > 10"}]});
    let document = graph(
        json!([
            each("core.branch", branch, json!({})),
            {"id": "big", "type": "core.transform", "config": {"expression": "input"}},
            {"id": "small", "type": "core.transform", "config": {"expression": "input"}},
        ]),
        &["each.big>big", "each.default>small"],
    );
    let execution = patiently("the end", Run::new(&app, document.clone(), json!([30, 1, 20, 2])).end()).await;
    assert_eq!(execution.output.to_value().unwrap(), json!({"big": [30, 20], "small": [1, 2]}));
    let execution = patiently("the end", Run::new(&app, document, json!([30])).end()).await;
    assert_eq!(node(&app, &execution, "small").await.call.status, NodeStatus::Skipped);
}
