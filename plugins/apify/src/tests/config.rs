use blockyard_sdk::testing;
use serde_json::{Value, json};

use super::{Apify, end, host, output, response};

fn sync(extra: Value) -> Value {
    let mut config = json!({"operation": "runSync", "actorId": "o/a"});
    config.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    config
}

#[test]
fn a_config_that_cannot_be_used_is_located_and_nothing_is_sent() {
    let host = host(|_| response(201, "[]"));
    for (config, pointer) in [
        (sync(json!({"actorId": ""})), "/actorId"),
        (sync(json!({"actorId": "a/b/c"})), "/actorId"),
        (sync(json!({"limit": 0})), "/limit"),
        (sync(json!({"limit": 100_001})), "/limit"),
        (sync(json!({"runOptions": {"memoryMbytes": 300}})), "/runOptions/memoryMbytes"),
        (sync(json!({"runOptions": {"memoryMbytes": 64}})), "/runOptions/memoryMbytes"),
        (sync(json!({"itemOptions": {"fields": ["a"], "outputFields": ["b", "c"]}})), "/itemOptions/outputFields"),
        (sync(json!({"baseUrl": "ftp://x.example"})), "/baseUrl"),
        (sync(json!({"baseUrl": "https://x.example/?a"})), "/baseUrl"),
        (sync(json!({"useItem": "replace", "input": {"a": 1}})), "/input"),
        (json!({"operation": "datasetItems", "datasetId": " "}), "/datasetId"),
        (json!({"operation": "instagram", "search": "x", "directUrls": ["ada"]}), "/search"),
        (json!({"operation": "instagram", "search": " "}), "/search"),
        (json!({"operation": "instagram", "searchType": "user"}), "/searchType"),
        (json!({"operation": "instagram", "searchLimit": 5}), "/searchLimit"),
        (json!({"operation": "instagram", "search": "x", "searchLimit": 251}), "/searchLimit"),
        (json!({"operation": "instagram", "resultsType": "comments", "resultsLimit": 51}), "/resultsLimit"),
        (json!({"operation": "instagram", "resultsLimit": 0}), "/resultsLimit"),
        (json!({"operation": "instagram", "resultsType": "comments", "search": "x"}), "/resultsType"),
        (json!({"operation": "instagram", "resultsType": "comments", "directUrls": ["ada"]}), "/directUrls/0"),
        (json!({"operation": "instagram", "directUrls": ["a b"]}), "/directUrls/0"),
        (json!({"operation": "instagram", "onlyPostsNewerThan": ""}), "/onlyPostsNewerThan"),
    ] {
        let failure = end(&host, config.clone(), json!({})).unwrap_err();
        assert_eq!(
            (failure.code(), &failure.details().unwrap()["pointer"]),
            ("invalid-config", &json!(pointer)),
            "{config}"
        );
    }
    for config in
        [json!({}), json!({"operation": "runs"}), sync(json!({"more": 1})), sync(json!({"runOptions": {"x": 1}}))]
    {
        assert_eq!(end(&host, config, json!({})).unwrap_err().code(), "invalid-config");
    }
    assert_eq!(host.sent().len(), 0);
}

#[test]
fn the_schema_refuses_what_the_block_refuses() {
    let manifest = testing::manifest_of::<Apify>();
    let schema = jsonschema::draft202012::new(&manifest["configSchema"]).unwrap();
    for config in [json!({}), json!({"operation": "run"}), sync(json!({"more": 1})), sync(json!({"limit": 0}))] {
        assert!(!schema.is_valid(&config), "{config}");
    }
    assert!(schema.is_valid(&sync(json!({"runOptions": {"build": "latest"}}))));
}

#[test]
fn input_is_merged_replaced_or_ignored_with_its_digits() {
    let host = host(|sent| response(201, format!("[{}]", String::from_utf8_lossy(sent.body.as_deref().unwrap()))));
    let run = |config: Value, input: &str| {
        let ended = host.within(|| testing::run_text::<Apify>(&config.to_string(), input, "{}")).unwrap();
        let testing::TextOutcome::Done { outputs, .. } = ended else { panic!("{ended:?}") };
        outputs[0].1.clone()
    };
    let fixed = sync(json!({"input": {"a": 1, "b": 2}}));
    assert_eq!(
        run(fixed.clone(), r#"{"b": 12345678901234567890123.50}"#),
        r#"[{"a":1,"b":12345678901234567890123.50}]"#
    );
    assert_eq!(run(fixed.clone(), "null"), r#"[{"a":1,"b":2}]"#);
    assert_eq!(run(fixed, r#"[{"a": "é"}, {}]"#), r#"[[{"a":"é","b":2}],[{"a":1,"b":2}]]"#);
    assert_eq!(run(sync(json!({"useItem": "replace"})), r#"{"z":1,"a":1.0}"#), r#"[{"z":1,"a":1.0}]"#);
    assert_eq!(run(sync(json!({"useItem": "ignore", "input": {"a": 1}})), "[1, 2]"), r#"[{"a":1}]"#);
    assert_eq!(run(sync(json!({})), "[]"), "[]");
}

#[test]
fn an_item_that_is_no_object_is_located() {
    let host = host(|_| response(201, "[]"));
    for (input, pointer) in [(json!("x"), ""), (json!([{}, 5]), "/1"), (json!([[{}]]), "/0")] {
        let failure = end(&host, sync(json!({})), input).unwrap_err();
        assert_eq!((failure.code(), &failure.details().unwrap()["pointer"]), ("invalid-input", &json!(pointer)));
    }
    let replaced = end(&host, sync(json!({"useItem": "replace"})), Value::Null).unwrap_err();
    assert_eq!(replaced.code(), "invalid-input");
    assert_eq!(host.sent().len(), 0);
}

#[test]
fn the_base_url_may_name_the_older_path_and_the_token_is_placed_as_bearer() {
    let host = host(|_| response(201, "[]"));
    for base in
        ["https://p.example/v2", "https://p.example/v2/", "https://p.example/v2/acts/", "https://p.example/v2/actors"]
    {
        assert_eq!(output(&host, sync(json!({"baseUrl": base})), json!({})), json!([]));
        let sent = host.sent().pop().unwrap();
        assert_eq!(sent.url, "https://p.example/v2/actors/o~a/run-sync-get-dataset-items?limit=1000");
        assert_eq!(sent.credentials, [("apify".to_owned(), blockyard_sdk::http::Placement::Bearer)]);
        assert_eq!((sent.timeout_ms, sent.header("content-type")), (Some(360_000), Some("application/json")));
    }
}
