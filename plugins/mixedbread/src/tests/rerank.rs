//! Order, limits and the shapes of the input.

use blockyard_sdk::codes;
use blockyard_sdk::testing::Host;
use serde_json::{Value, json};

use super::{done, host, run};

fn config(more: Value) -> Value {
    let mut config = json!({"operation": "rerank", "query": "bicycles"});
    if let (Some(config), Value::Object(more)) = (config.as_object_mut(), more) {
        config.extend(more);
    }
    config
}

fn ranks(list: &[(u64, f64)]) -> Value {
    let data: Vec<_> =
        list.iter().map(|(index, score)| json!({"index": index, "score": score, "input": null})).collect();
    json!({"model": "m", "data": data, "usage": {"prompt_tokens": 4, "total_tokens": 5}, "top_k": 3, "return_input": false})
}

#[test]
fn results_are_sorted_and_scores_are_not_clamped() {
    let host = host(200, &[], ranks(&[(0, -3.5), (2, 7.25), (1, 0.5), (3, 0.5)]));
    let (output, metadata) = done(run(&host, &config(json!({})), &json!(["a", {"b": 1}, ["c"], "d"])));
    let expected = json!([
        {"index": 2, "score": 7.25, "input": ["c"]},
        {"index": 1, "score": 0.5, "input": {"b": 1}},
        {"index": 3, "score": 0.5, "input": "d"},
        {"index": 0, "score": -3.5, "input": "a"}
    ]);
    assert_eq!(output, expected);
    assert_eq!(metadata, json!({"model": "m", "usage": {"prompt_tokens": 4, "total_tokens": 5}, "items": 4}));
    let body = json!({"model": "mixedbread-ai/mxbai-rerank-large-v2", "query": "bicycles",
        "input": ["a", {"b": 1}, ["c"], "d"], "rewrite_query": false});
    assert_eq!(host.sent()[0].json(), body);
}

#[test]
fn the_best_are_kept_and_items_may_be_left_out() {
    let host = host(200, &[], ranks(&[(1, 0.9), (0, 0.1)]));
    let options = json!({"topK": 1, "returnInput": false, "rankFields": ["b"], "rewriteQuery": true});
    let (output, _) = done(run(&host, &config(options), &json!([{"b": 1}, {"b": 2}])));
    assert_eq!(output, json!([{"index": 1, "score": 0.9}]));
    let body = host.sent()[0].json();
    assert_eq!(
        (&body["top_k"], &body["rank_fields"], &body["rewrite_query"]),
        (&json!(1), &json!(["b"]), &json!(true))
    );
}

#[test]
fn the_inputs_own_query_goes_before_the_configs() {
    let host = host(200, &[], ranks(&[(0, 0.9)]));
    let (output, _) = done(run(&host, &config(json!({})), &json!({"query": "own", "items": ["a"]})));
    assert_eq!(output[0]["index"], 0);
    run(&host, &config(json!({})), &json!({"query": null, "items": ["a"]})).unwrap();
    let queries: Vec<_> = host.sent().iter().map(|sent| sent.json()["query"].clone()).collect();
    assert_eq!(queries, [json!("own"), json!("bicycles")]);
}

#[test]
fn one_item_is_scored_alone_and_a_text_field_sends_only_the_text() {
    let host = host(200, &[], ranks(&[(0, 0.9)]));
    let item = json!({"bio": {"text": "Builds frames"}, "email": "ada@example.com"});
    let (output, _) = done(run(&host, &config(json!({"textField": "bio.text"})), &item));
    assert_eq!(output, json!({"index": 0, "score": 0.9, "input": item}));
    assert_eq!(host.sent()[0].json()["input"], json!(["Builds frames"]));
}

#[test]
fn at_most_a_thousand_items_are_ranked() {
    let host = Host::new().secret("mixedbread");
    let many = vec!["a"; 1_001];
    for (input, pointer) in [(json!(many), ""), (json!({"query": "q", "items": many}), "/items")] {
        let failure = run(&host, &config(json!({})), &input).unwrap_err();
        assert_eq!((failure.code(), &failure.details().unwrap()["pointer"]), (codes::INVALID_INPUT, &json!(pointer)));
    }
    assert_eq!(done(run(&host, &config(json!({})), &json!([]))).0, json!([]));
    assert!(host.sent().is_empty());
    let full = super::host(200, &[], ranks(&[(999, 1.0)]));
    assert_eq!(done(run(&full, &config(json!({})), &json!(vec!["a"; 1_000]))).0[0]["index"], 999);
}

#[test]
fn items_that_cannot_be_ranked_are_located() {
    let host = Host::new().secret("mixedbread");
    let cases = [
        (json!({}), json!(["a", 7]), "/1"),
        (json!({}), json!(null), ""),
        (json!({}), json!({"query": 7, "items": ["a"]}), "/query"),
        (json!({}), json!({"query": " ", "items": ["a"]}), "/query"),
        (json!({}), json!({"items": [true]}), "/items/0"),
        (json!({"textField": "t"}), json!([{"t": "a"}, {}]), "/1/t"),
    ];
    for (more, input, pointer) in cases {
        let failure = run(&host, &config(more), &input).unwrap_err();
        assert_eq!(
            (failure.code(), &failure.details().unwrap()["pointer"]),
            (codes::INVALID_INPUT, &json!(pointer)),
            "{input}"
        );
    }
}

#[test]
fn ranks_of_items_that_were_not_sent_are_unexpected() {
    for list in [&[(2, 0.5)][..], &[(0, 0.5), (0, 0.4)], &[(u64::MAX, 0.5)]] {
        let failure = run(&host(200, &[], ranks(list)), &config(json!({})), &json!(["a", "b"])).unwrap_err();
        assert_eq!(failure.code(), codes::UNEXPECTED_RESPONSE, "{list:?}");
    }
    for score in [json!(null), json!("0.5"), json!([])] {
        let body = json!({"data": [{"index": 0, "score": score}]});
        let failure = run(&host(200, &[], body), &config(json!({})), &json!(["a"])).unwrap_err();
        assert_eq!(failure.code(), codes::UNEXPECTED_RESPONSE);
    }
    let failure = run(&host(200, &[], ranks(&[])), &config(json!({})), &json!("a")).unwrap_err();
    assert_eq!(failure.code(), codes::UNEXPECTED_RESPONSE);
}
