//! Queries, options and what comes back.

use blockyard_sdk::codes;
use blockyard_sdk::testing::Host;
use serde_json::{Value, json};

use super::{answer, done, host, run};

fn config(more: Value) -> Value {
    let mut config = json!({"operation": "search", "storeIdentifiers": ["handbook"]});
    if let (Some(config), Value::Object(more)) = (config.as_object_mut(), more) {
        config.extend(more);
    }
    config
}

#[test]
fn queries_come_from_the_items_or_else_from_the_config() {
    let host = host(200, &[], json!({"data": []}));
    let input = json!(["a", {"query": "b"}, {"name": "no query"}, null]);
    let (output, metadata) = done(run(&host, &config(json!({"query": "default"})), &input));
    let queries: Vec<_> = output.as_array().unwrap().iter().map(|found| found["query"].clone()).collect();
    assert_eq!(queries, ["a", "b", "default", "default"]);
    assert_eq!(metadata, json!({"items": 4, "failed": 0}));
    assert_eq!(host.sent()[0].json(), json!({"query": "a", "store_identifiers": ["handbook"]}));
    assert_eq!(host.sent()[0].url, "https://api.mixedbread.com/v1/stores/search");
}

#[test]
fn options_are_sent_by_the_vendors_names() {
    let host = host(200, &[], json!({"data": []}));
    let options = json!({"scoreThreshold": 0.25, "rewriteQuery": true, "rerank": {"model": "m", "top_k": 3},
        "agentic": false, "returnMetadata": true, "applySearchRules": false});
    let filters = json!({"all": [{"key": "n", "operator": "gt", "value": 9_007_199_254_740_993_u64}]});
    let more =
        json!({"topK": 3, "filters": filters, "fileIds": ["f"], "searchOptions": options, "textField": "ask.it"});
    run(&host, &config(more), &json!({"ask": {"it": "q"}})).unwrap();
    let expected = json!({"query": "q", "store_identifiers": ["handbook"], "top_k": 3, "filters": filters,
        "file_ids": ["f"], "search_options": {"score_threshold": 0.25, "rewrite_query": true,
        "rerank": {"model": "m", "top_k": 3}, "agentic": false, "return_metadata": true, "apply_search_rules": false}});
    assert_eq!(host.sent()[0].json(), expected);
}

#[test]
fn chunks_leave_as_they_came() {
    let chunk = json!({"type": "image_url", "score": 1.5, "new": {"deep": [12_345_678_901_234_567_890_u64]}});
    let (output, _) = done(run(&host(200, &[], json!({"data": [chunk]})), &config(json!({})), &json!("q")));
    assert_eq!(output, json!({"query": "q", "data": [chunk]}));
}

#[test]
fn a_query_that_fails_stands_in_its_place() {
    let host = Host::new().secret("mixedbread").respond(|sent| {
        let bad = sent.json()["query"] == "bad";
        Ok(if bad { answer(404, &[], json!({"message": "no store"})) } else { answer(200, &[], json!({"data": []})) })
    });
    let (output, _) = done(run(&host, &config(json!({})), &json!(["a", "bad"])));
    assert_eq!(output[0], json!({"query": "a", "data": []}));
    assert_eq!(output[1]["error"]["code"], codes::NOT_FOUND);
}

#[test]
fn an_item_without_a_query_is_located() {
    let host = Host::new().secret("mixedbread");
    let cases =
        [(json!([{"query": 7}]), "/0/query"), (json!([{}]), "/0/query"), (json!(null), ""), (json!([""]), "/0")];
    for (input, pointer) in cases {
        let failure = run(&host, &config(json!({})), &input).unwrap_err();
        assert_eq!(
            (failure.code(), &failure.details().unwrap()["pointer"]),
            (codes::INVALID_INPUT, &json!(pointer)),
            "{input}"
        );
    }
    assert_eq!(done(run(&host, &config(json!({})), &json!([]))).0, json!([]));
}
