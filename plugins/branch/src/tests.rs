use blockyard_sdk::testing::{self, TextOutcome};
use blockyard_sdk::{Failure, codes};
use serde_json::{Value, json};

use super::Branch;

fn run(config: Value, input: &str) -> Result<Vec<(String, String)>, Failure> {
    match testing::run_text::<Branch>(&config.to_string(), input, r#"{"variables": {"limit": 10}}"#)? {
        TextOutcome::Done { outputs, .. } => Ok(outputs),
        TextOutcome::Suspended { .. } => panic!("a branch never suspends"),
    }
}

fn ports(config: Value, input: &str) -> Vec<String> {
    run(config, input).unwrap().into_iter().map(|(port, _)| port).collect()
}

#[test]
fn the_manifest_keeps_to_its_schema() {
    let schema: Value = serde_json::from_str(include_str!("../../../wit/manifest.schema.json")).unwrap();
    let manifest = testing::manifest_of::<Branch>();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let errors: Vec<_> =
        validator.iter_errors(&manifest).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert_eq!(errors, Vec::<String>::new(), "{manifest:#}");
    assert_eq!(manifest["outputs"]["portsFrom"], "/branches/*/port");
    assert_eq!(manifest["outputs"]["also"][0]["port"], "default");
}

#[test]
fn the_examples_are_true_and_keep_to_the_config_schema() {
    testing::check_examples::<Branch>();
    let manifest = testing::manifest_of::<Branch>();
    let validator = jsonschema::draft202012::new(&manifest["configSchema"]).unwrap();
    for example in manifest["examples"].as_array().unwrap() {
        assert!(validator.is_valid(&example["config"]), "{}", example["name"]);
    }
    let wrong = [
        json!({}),
        json!({"branches": [{"port": "a"}]}),
        json!({"branches": [{"port": "default", "when": "1"}]}),
        json!({"branches": [{"port": "a b", "when": "1"}]}),
        json!({"branches": [{"port": "a", "when": "1", "conditions": []}]}),
        json!({"branches": [], "mode": "none"}),
    ];
    for config in wrong {
        assert!(!validator.is_valid(&config), "{config}");
    }
    assert_eq!(manifest["configSchema"]["properties"]["branches"]["items"]["properties"]["when"]["x-expression"], true);
}

#[test]
fn data_passes_byte_for_byte() {
    let input = r#" { "n" : 1.50, "big": 123456789012345678901234567890, "n": 2 } "#;
    let config =
        json!({"mode": "all", "branches": [{"port": "a", "when": "input.n == 2"}, {"port": "b", "when": "true"}]});
    assert_eq!(run(config, input).unwrap(), [("a".to_owned(), input.to_owned()), ("b".to_owned(), input.to_owned())]);
}

#[test]
fn the_first_match_wins_and_later_ones_are_not_evaluated() {
    let config = json!({"branches": [
        {"port": "no", "conditions": [{"field": "n", "operator": "gt", "value": 5}]},
        {"port": "yes", "match": "any", "conditions": [{"field": "n", "operator": "eq", "value": 5}, {"field": "m", "operator": "exists"}]},
        {"port": "never", "when": "input.missing"}
    ]});
    assert_eq!(ports(config, r#"{"n": 5}"#), ["yes"]);
}

#[test]
fn without_a_match_the_default_fires_alone() {
    for mode in ["first", "all"] {
        let config = json!({"mode": mode, "branches": [{"port": "a", "when": "input|length > variables.limit"}]});
        assert_eq!(ports(config, "[1, 2]"), ["default"]);
    }
    assert_eq!(ports(json!({"branches": []}), "null"), ["default"]);
}

#[test]
fn the_input_of_a_benchmark_goes_in_bulk() {
    let config = json!({"branches": [{"port": "bulk", "when": "input|length > 10"}]});
    let many = Value::from(vec![json!({"id": 1}); 11]).to_string();
    assert_eq!(ports(config.clone(), &many), ["bulk"]);
    assert_eq!(ports(config, "[]"), ["default"]);
}

#[test]
fn a_config_that_cannot_be_used_is_located() {
    let pointers = [
        (json!({"branches": [{"port": "a", "when": "1"}, {"port": "a", "when": "1"}]}), "/branches/1/port"),
        (json!({"branches": [{"port": "error", "when": "1"}]}), "/branches/0/port"),
        (json!({"branches": [{"port": "default", "when": "1"}]}), "/branches/0/port"),
        (json!({"branches": [{"port": "", "when": "1"}]}), "/branches/0/port"),
        (json!({"branches": [{"port": "é", "when": "1"}]}), "/branches/0/port"),
        (json!({"branches": [{"port": "a".repeat(65), "when": "1"}]}), "/branches/0/port"),
        (json!({"branches": [{"port": "a"}]}), "/branches/0"),
        (json!({"branches": [{"port": "a", "when": "1", "conditions": []}]}), "/branches/0"),
        (json!({"branches": [{"port": "a", "when": "1"}, {"port": "b", "when": "1 +"}]}), "/branches/1/when"),
        (
            json!({"branches": [{"port": "a", "conditions": [{"operator": "between", "value": [1]}]}]}),
            "/branches/0/conditions/0/value",
        ),
        (json!({"branches": [{"port": "a", "when": 1}]}), "/branches/0/when"),
        (json!({}), ""),
    ];
    for (config, pointer) in pointers {
        let failure = run(config.clone(), "[1]").unwrap_err();
        assert_eq!(failure.code(), codes::INVALID_CONFIG, "{config}");
        assert_eq!(failure.details().unwrap()["pointer"], pointer, "{config}");
    }
}

#[test]
fn undefined_is_an_error_that_names_the_path() {
    let failure =
        run(json!({"branches": [{"port": "a", "when": "input.rows[0].x > 1"}]}), r#"{"rows": [{}]}"#).unwrap_err();
    assert_eq!(failure.code(), codes::EXPRESSION_ERROR);
    let details = failure.details().unwrap();
    assert_eq!((&details["path"], &details["pointer"]), (&json!("input.rows[0].x"), &json!("/branches/0/when")));
}

#[test]
fn input_that_is_no_json_is_refused_where_it_is_read() {
    for branch in [json!({"port": "a", "when": "input"}), json!({"port": "a", "conditions": [{"operator": "exists"}]})]
    {
        assert_eq!(run(json!({"branches": [branch]}), "[1,").unwrap_err().code(), codes::INVALID_INPUT);
    }
}
