//! Batches, order and partial failures.

use std::cell::Cell;

use blockyard_sdk::codes;
use blockyard_sdk::http::Placement;
use blockyard_sdk::testing::{Ended, Host};
use serde_json::{Value, json};

use super::{answer, done, embed, embedder, host, run};
use crate::Mixedbread;

fn config(more: Value) -> Value {
    let mut config = json!({"operation": "embeddings"});
    if let (Some(config), Value::Object(more)) = (config.as_object_mut(), more) {
        config.extend(more);
    }
    config
}

#[test]
fn a_long_list_goes_in_batches_and_comes_back_in_order() {
    let host = embedder();
    let texts: Vec<_> = (0..600).map(|number| "x".repeat(number % 50 + 1)).collect();
    let (output, metadata) = done(run(&host, &config(json!({})), &json!(texts)));
    let sizes: Vec<_> = host.sent().iter().map(|sent| sent.json()["input"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [256, 256, 88]);
    for (index, result) in output.as_array().unwrap().iter().enumerate() {
        assert_eq!(*result, json!({"index": index, "embedding": [index % 50 + 1]}));
    }
    let expected = json!({"model": "m", "dimensions": 1, "usage": {"prompt_tokens": 600, "total_tokens": 600},
        "requests": 3, "items": 600, "failed": 0});
    assert_eq!(metadata, expected);
    assert_eq!(host.sent()[0].credentials, [("mixedbread".to_owned(), Placement::Bearer)]);
}

#[test]
fn a_batch_stays_below_the_size_of_a_request() {
    let host = embedder();
    let texts = vec!["é".repeat(64_000); 70];
    let (output, _) = done(run(&host, &config(json!({})), &json!(texts)));
    assert_eq!(output.as_array().unwrap().len(), 70);
    let largest = host.sent().iter().map(|sent| sent.body.as_ref().unwrap().len()).max().unwrap();
    assert!(host.sent().len() > 1 && largest < 8_000_000, "{largest}");
}

#[test]
fn what_is_left_out_is_not_sent() {
    let host = embedder();
    let (output, _) = done(run(&host, &config(json!({"baseUrl": "https://proxy.example/mx/"})), &json!("ab")));
    assert_eq!(output, json!({"index": 0, "embedding": [2]}));
    let sent = &host.sent()[0];
    assert_eq!(sent.url, "https://proxy.example/mx/v1/embeddings");
    let body = json!({"model": "mixedbread-ai/mxbai-embed-large-v1", "input": ["ab"], "normalized": true,
        "encoding_format": "float"});
    assert_eq!(sent.json(), body);
    let all =
        json!({"dimensions": 512, "prompt": "p", "normalized": false, "encodingFormat": ["ubinary"], "model": "m/x"});
    run(&host, &config(all), &json!("ab")).unwrap();
    let body = json!({"model": "m/x", "input": ["ab"], "normalized": false, "encoding_format": ["ubinary"],
        "dimensions": 512, "prompt": "p"});
    assert_eq!(host.sent()[1].json(), body);
}

#[test]
fn embeddings_leave_as_they_came() {
    let long = "[0.10000000000000000001,-1e-30, 12345678901234567890123]";
    for text in [long, "\"AAAA//8=\"", r#"{"float": [1.0], "base64": "AA=="}"#] {
        let host = host(200, &[], format!(r#"{{"data": [{{"index": 0, "embedding": {text}}}], "dimensions": null}}"#));
        let ended = host.within(|| {
            blockyard_sdk::testing::run_text::<Mixedbread>(r#"{"operation": "embeddings"}"#, "\"a\"", "{}").unwrap()
        });
        let blockyard_sdk::testing::TextOutcome::Done { outputs, .. } = ended else { panic!("{ended:?}") };
        assert_eq!(outputs[0].1, format!(r#"{{"index":0,"embedding":{text}}}"#));
    }
}

#[test]
fn the_input_may_stand_beside_its_embedding() {
    let input = json!([{"text": "ab", "id": 9_007_199_254_740_993_u64}, "abc"]);
    let (output, _) = done(run(&embedder(), &config(json!({"returnInput": true})), &input));
    assert_eq!((&output[0]["input"], &output[1]["input"]), (&input[0], &input[1]));
}

#[test]
fn an_empty_list_gives_an_empty_list_without_a_request() {
    let host = Host::new().secret("mixedbread");
    assert_eq!(done(run(&host, &config(json!({})), &json!([]))).0, json!([]));
}

#[test]
fn items_without_a_text_are_located_before_anything_is_sent() {
    let host = Host::new().secret("mixedbread");
    let path = json!({"textField": "post.captions.0"});
    let cases = [
        (json!({}), json!(["a", ""]), "/1"),
        (json!({}), json!(" \n"), ""),
        (json!({}), json!([{"text": "a"}, {"title": "b"}]), "/1/text"),
        (json!({}), json!({"text": 7}), "/text"),
        (json!({}), json!([null]), "/0"),
        (json!({}), json!([["a"]]), "/0"),
        (json!({}), json!(["é".repeat(64_001)]), "/0"),
        (path, json!([{"post": {"captions": ["a"]}}, {"post": {"captions": []}}]), "/1/post/captions/0"),
    ];
    for (more, input, pointer) in cases {
        let failure = run(&host, &config(more), &input).unwrap_err();
        assert_eq!(failure.code(), codes::INVALID_INPUT);
        assert_eq!(failure.details().unwrap()["pointer"], pointer);
    }
    assert!(host.sent().is_empty());
    assert_eq!(
        done(run(&embedder(), &config(json!({})), &json!(["é".repeat(64_000)]))).0[0]["embedding"],
        json!([128_000])
    );
}

#[test]
fn a_refused_batch_stands_in_the_places_of_its_texts() {
    let host = || {
        Host::new().secret("mixedbread").respond(|sent| {
            let bad = sent.json()["input"][0] == "bad";
            Ok(if bad { answer(422, &[], json!({"detail": "no"})) } else { embed(&sent.json()) })
        })
    };
    let input = json!(["a", "b", "bad", "c", "d"]);
    let (output, metadata) = done(run(&host(), &config(json!({"batchSize": 2})), &input));
    let error = json!({"error": {"code": "invalid-request", "message": "no", "details": {"status": 422}}});
    let embedded = |index: usize| json!({"index": index, "embedding": [1]});
    assert_eq!(output, json!([embedded(0), embedded(1), error, error, embedded(4)]));
    assert_eq!((&metadata["failed"], &metadata["items"]), (&json!(2), &json!(5)));
    let strict = config(json!({"batchSize": 2, "onItemError": "fail"}));
    assert_eq!(run(&host(), &strict, &input).unwrap_err().code(), codes::INVALID_REQUEST);
    assert_eq!(run(&host(), &config(json!({})), &json!(["bad"])).unwrap_err().code(), codes::INVALID_REQUEST);
}

#[test]
fn a_rate_limit_waits_and_finished_batches_are_not_paid_twice() {
    let limited = Cell::new(true);
    let host = Host::new().secret("mixedbread").respond(move |sent| {
        if sent.json()["input"][0] == "b" && limited.replace(false) {
            return Ok(answer(429, &[("retry-after-ms", "250"), ("retry-after", "9")], "{}"));
        }
        Ok(embed(&sent.json()))
    });
    let config = config(json!({"batchSize": 1}));
    let input = json!(["a", "b", "c"]);
    let Ended::Suspended { after_ms, state } = run(&host, &config, &input).unwrap() else { panic!("it waits") };
    assert_eq!(after_ms, 250);
    let (output, metadata) = done(host.run::<Mixedbread>(&config, &input, &json!({"state": state})));
    assert_eq!(output.as_array().unwrap().len(), 3);
    assert_eq!((host.sent().len(), &metadata["usage"]["total_tokens"]), (4, &json!(3)));
}

#[test]
fn an_answer_that_does_not_fit_the_texts_is_unexpected() {
    let data = [
        json!([]),
        json!([{"index": 1, "embedding": [1]}]),
        json!([{"index": 0, "embedding": [1]}, {"index": 0, "embedding": [1]}]),
        json!([{"index": 0, "embedding": [1]}, {"index": 1, "embedding": [1]}]),
        json!([{"index": 0, "embedding": null}]),
        json!([{"index": 0, "embedding": 7}]),
        json!([{"index": -1, "embedding": [1]}]),
        json!([{"index": 0}]),
        json!({"index": 0}),
        json!(null),
    ];
    for data in data {
        let failure = run(&host(200, &[], json!({"data": data})), &config(json!({})), &json!("a")).unwrap_err();
        assert_eq!((failure.code(), failure.is_retryable()), (codes::UNEXPECTED_RESPONSE, false), "{data}");
    }
}
