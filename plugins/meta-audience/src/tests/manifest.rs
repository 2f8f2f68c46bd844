//! The manifest, its examples, and configs and inputs that cannot be used.

use blockyard_sdk::testing::{self, Host};
use blockyard_sdk::{Failure, codes};
use serde_json::{Value, json};

use super::{AUDIENCE, add, people};
use crate::MetaAudience;

#[test]
fn the_manifest_keeps_to_its_schema() {
    let schema: Value = serde_json::from_str(include_str!("../../../../wit/manifest.schema.json")).unwrap();
    let manifest = testing::manifest_of::<MetaAudience>();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let errors: Vec<_> =
        validator.iter_errors(&manifest).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert_eq!(errors, Vec::<String>::new(), "{manifest:#}");
}

#[test]
fn the_examples_are_true_and_keep_to_the_schemas() {
    testing::check_examples::<MetaAudience>();
    let manifest = testing::manifest_of::<MetaAudience>();
    let config = jsonschema::draft202012::new(&manifest["configSchema"]).unwrap();
    let input = jsonschema::draft202012::new(&manifest["inputSchema"]).unwrap();
    let output = jsonschema::draft202012::new(&manifest["outputs"][0]["schema"]).unwrap();
    for example in manifest["examples"].as_array().unwrap() {
        assert!(config.is_valid(&example["config"]), "{}", example["name"]);
        assert!(input.is_valid(&example["input"]), "{}", example["name"]);
        assert!(output.is_valid(&example["outputs"]["output"]), "{}", example["name"]);
    }
    let defaults = &manifest["configSchema"]["properties"];
    assert_eq!(defaults["batchSize"]["default"], 10_000);
    assert_eq!(defaults["apiVersion"]["default"], "v25.0");
    assert_eq!(defaults["baseUrl"]["default"], "https://graph.facebook.com");
    for wrong in [
        json!({}),
        json!({"operation": "addUsers"}),
        json!({"operation": "createAudience"}),
        add(json!({"batchSize": 0})),
        add(json!({"batchSize": 10_001})),
        add(json!({"audienceId": "act_1"})),
        add(json!({"fields": {"EMAILS": "email"}})),
        add(json!({"fields": {}})),
        add(json!({"apiVersion": "25"})),
        add(json!({"colour": "red"})),
    ] {
        assert!(!config.is_valid(&wrong), "{wrong}");
    }
}

fn failure(config: &Value, input: &Value) -> Failure {
    Host::new().secret("meta").run::<MetaAudience>(config, input, &json!({})).unwrap_err()
}

#[test]
fn a_config_that_cannot_be_used_is_located() {
    let pointers = [
        (json!({}), ""),
        (json!({"operation": "addUsers"}), "/audienceId"),
        (add(json!({"operation": "eraseUsers"})), "/operation"),
        (add(json!({"audienceId": 7})), "/audienceId"),
        (add(json!({"audienceId": "../me"})), "/audienceId"),
        (add(json!({"batchSize": 0})), "/batchSize"),
        (add(json!({"batchSize": 10_001})), "/batchSize"),
        (add(json!({"batchSize": -1})), "/batchSize"),
        (add(json!({"fields": {}})), "/fields"),
        (add(json!({"fields": {"EMAIL": ""}})), "/fields/EMAIL"),
        (add(json!({"fields": {"EMAIL": []}})), "/fields/EMAIL"),
        (add(json!({"defaultCountry": "ü"})), "/defaultCountry"),
        (add(json!({"apiVersion": "v25.0/me"})), "/apiVersion"),
        (json!({"operation": "createAudience"}), "/adAccountId"),
        (json!({"operation": "createAudience", "adAccountId": "act_x"}), "/adAccountId"),
        (json!({"operation": "readAudience", "audienceFields": []}), "/audienceFields"),
        (json!({"operation": "readAudience", "audienceFields": ["a,b"]}), "/audienceFields"),
    ];
    for (config, pointer) in pointers {
        let failure = failure(&config, &people(1));
        assert_eq!(failure.code(), codes::INVALID_CONFIG, "{config}: {failure}");
        assert_eq!(failure.details().unwrap()["pointer"], pointer, "{config}");
    }
}

#[test]
fn input_that_cannot_be_used_is_located() {
    let create = json!({"operation": "createAudience", "adAccountId": "1"});
    let read = json!({"operation": "readAudience"});
    let cases = [
        (add(json!({})), json!([{"email": "a@example.com"}, "b@example.com"]), "/1"),
        (add(json!({})), json!(null), ""),
        (add(json!({"operation": "replaceUsers"})), json!([]), ""),
        (add(json!({"operation": "replaceUsers"})), json!([{"country": "US"}]), ""),
        (create.clone(), json!([{"name": "A"}, {"name": " "}]), "/1/name"),
        (create.clone(), json!({}), "/name"),
        (create, json!("Newsletter"), ""),
        (read.clone(), json!([AUDIENCE, {"name": "A"}]), "/1"),
        (read.clone(), json!({"audience_id": "x"}), "/audience_id"),
        (read.clone(), json!(1.5), ""),
        (read, json!([-1]), "/0"),
    ];
    for (config, input, pointer) in cases {
        let failure = failure(&config, &input);
        assert_eq!(failure.code(), codes::INVALID_INPUT, "{config} {input}: {failure}");
        assert_eq!(failure.details().unwrap()["pointer"], pointer, "{config} {input}");
    }
}

#[test]
fn without_the_secret_nothing_is_sent() {
    let host = Host::new().unset_secret("meta");
    let failure = host.run::<MetaAudience>(&add(json!({})), &people(1), &json!({})).unwrap_err();
    assert_eq!(failure.code(), codes::SECRET_NOT_SET);
    assert!(host.sent().is_empty());
}
