//! The manifest, its examples, and configs that cannot be used.

use blockyard_sdk::codes;
use blockyard_sdk::testing::{self, Host};
use serde_json::{Value, json};

use super::run;
use crate::Mixedbread;

#[test]
fn the_manifest_keeps_to_its_schema() {
    let schema: Value = serde_json::from_str(include_str!("../../../../wit/manifest.schema.json")).unwrap();
    let manifest = testing::manifest_of::<Mixedbread>();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let errors: Vec<_> =
        validator.iter_errors(&manifest).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert_eq!(errors, Vec::<String>::new(), "{manifest:#}");
}

#[test]
fn the_examples_are_true_and_keep_to_the_schemas() {
    testing::check_examples::<Mixedbread>();
    let manifest = testing::manifest_of::<Mixedbread>();
    let config = jsonschema::draft202012::new(&manifest["configSchema"]).unwrap();
    let input = jsonschema::draft202012::new(&manifest["inputSchema"]).unwrap();
    for example in manifest["examples"].as_array().unwrap() {
        assert!(config.is_valid(&example["config"]), "{}", example["name"]);
        assert!(input.is_valid(&example["input"]), "{}", example["name"]);
    }
    let defaults = &manifest["configSchema"]["properties"];
    assert_eq!((&defaults["batchSize"]["default"], &defaults["normalized"]["default"]), (&json!(256), &json!(true)));
    assert_eq!(defaults["encodingFormat"]["default"], "float");
    assert_eq!(defaults["searchOptions"]["properties"]["scoreThreshold"]["maximum"], 1.0);
    for wrong in [
        json!({}),
        json!({"operation": "embeddings", "batchSize": 257}),
        json!({"operation": "embeddings", "dimensions": 0}),
        json!({"operation": "embeddings", "encodingFormat": "double"}),
        json!({"operation": "rerank", "topK": -1}),
        json!({"operation": "rerank", "rankFields": []}),
        json!({"operation": "search"}),
        json!({"operation": "search", "storeIdentifiers": []}),
        json!({"operation": "search", "storeIdentifiers": ["a"], "searchOptions": {"score_threshold": 1}}),
        json!({"operation": "embeddings", "top_n": 1}),
    ] {
        assert!(!config.is_valid(&wrong), "{wrong}");
    }
}

#[test]
fn a_config_that_cannot_be_used_is_located() {
    let long = "x".repeat(32_001);
    let cases = [
        (json!({}), ""),
        (json!({"operation": "chat"}), "/operation"),
        (json!({"operation": "embeddings", "batchSize": 0}), "/batchSize"),
        (json!({"operation": "embeddings", "batchSize": 257}), "/batchSize"),
        (json!({"operation": "embeddings", "dimensions": 0}), "/dimensions"),
        (json!({"operation": "embeddings", "dimensions": 1e99}), "/dimensions"),
        (json!({"operation": "embeddings", "model": ""}), "/model"),
        (json!({"operation": "embeddings", "prompt": long}), "/prompt"),
        (json!({"operation": "embeddings", "encodingFormat": []}), "/encodingFormat"),
        (json!({"operation": "embeddings", "encodingFormat": ["float", "double"]}), "/encodingFormat/1"),
        (json!({"operation": "rerank"}), "/query"),
        (json!({"operation": "rerank", "query": ""}), "/query"),
        (json!({"operation": "rerank", "query": "q", "topK": 0}), "/topK"),
        (json!({"operation": "rerank", "query": "q", "topK": -1}), "/topK"),
        (json!({"operation": "rerank", "query": "q", "rankFields": []}), "/rankFields"),
        (json!({"operation": "search"}), "/storeIdentifiers"),
        (json!({"operation": "search", "storeIdentifiers": vec!["s"; 17]}), "/storeIdentifiers"),
        (
            json!({"operation": "search", "storeIdentifiers": ["s"], "searchOptions": {"scoreThreshold": 2}}),
            "/searchOptions/scoreThreshold",
        ),
    ];
    let host = Host::new().secret("mixedbread");
    for (config, pointer) in cases {
        let failure = run(&host, &config, &json!(["a"])).unwrap_err();
        assert_eq!(failure.code(), codes::INVALID_CONFIG, "{config}: {failure}");
        assert_eq!(failure.details().unwrap()["pointer"], pointer, "{config}");
    }
    assert!(host.sent().is_empty());
}

#[test]
fn without_the_secret_nothing_is_sent() {
    let failure = run(&Host::new(), &json!({"operation": "embeddings"}), &json!("a")).unwrap_err();
    assert_eq!(failure.code(), codes::SECRET_NOT_GRANTED);
}
