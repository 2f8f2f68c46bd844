use blockyard_sdk::testing::{self, Ended, TextOutcome};
use blockyard_sdk::{Failure, codes};
use serde_json::{Value, json};

use super::Filter;

fn run(config: Value, input: &str) -> Result<Vec<(String, String)>, Failure> {
    match testing::run_text::<Filter>(&config.to_string(), input, "{}")? {
        TextOutcome::Done { outputs, .. } => Ok(outputs),
        TextOutcome::Suspended { .. } => panic!("a filter never suspends"),
    }
}

fn sides(config: Value, input: &str) -> (String, String) {
    let outputs = run(config, input).unwrap();
    match outputs.as_slice() {
        [(kept, items), (rejected, others)] if kept == "kept" && rejected == "rejected" => {
            (items.clone(), others.clone())
        }
        other => panic!("{other:?}"),
    }
}

fn positive() -> Value {
    json!({"conditions": [{"field": "n", "operator": "gt", "value": 0}]})
}

fn failure(config: Value, input: &str) -> (String, Value) {
    let failure = run(config, input).unwrap_err();
    (failure.code().to_owned(), Value::Object(failure.details().unwrap().clone()))
}

#[test]
fn the_manifest_keeps_to_its_schema() {
    let schema: Value = serde_json::from_str(include_str!("../../../wit/manifest.schema.json")).unwrap();
    let manifest = testing::manifest_of::<Filter>();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let errors: Vec<_> =
        validator.iter_errors(&manifest).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert_eq!(errors, Vec::<String>::new(), "{manifest:#}");
}

#[test]
fn the_examples_are_true_and_keep_to_the_config_schema() {
    testing::check_examples::<Filter>();
    let manifest = testing::manifest_of::<Filter>();
    let validator = jsonschema::draft202012::new(&manifest["configSchema"]).unwrap();
    for example in manifest["examples"].as_array().unwrap() {
        assert!(validator.is_valid(&example["config"]), "{}", example["name"]);
    }
    for wrong in [
        json!({}),
        json!({"where": "x", "conditions": []}),
        json!({"conditions": [{"operator": "like"}]}),
        json!({"where": "x", "y": 1}),
    ] {
        assert!(!validator.is_valid(&wrong), "{wrong}");
    }
    assert_eq!(manifest["configSchema"]["properties"]["where"]["x-expression"], true);
    assert_eq!(manifest["stateless"], true);
}

#[test]
fn items_leave_byte_for_byte() {
    let input = r#" [ {"n": 1.50, "big": 123456789012345678901234567890, "s": "\u00e9"} ,{ "z":0,"n":-1 },
        {"a":[ ],"n":2} ] "#;
    let (kept, rejected) = sides(positive(), input);
    assert_eq!(kept, r#"[{"n": 1.50, "big": 123456789012345678901234567890, "s": "\u00e9"},{"a":[ ],"n":2}]"#);
    assert_eq!(rejected, r#"[{ "z":0,"n":-1 }]"#);
}

#[test]
fn both_ports_fire_for_a_list_even_if_it_is_empty() {
    assert_eq!(sides(positive(), "[]"), ("[]".to_owned(), "[]".to_owned()));
    assert_eq!(sides(positive(), "[ [{\"n\": 1}], 5, null, \"n\", {\"n\": 1} ]").0, "[{\"n\": 1}]");
}

#[test]
fn a_single_item_leaves_through_one_port() {
    assert_eq!(run(positive(), " {\"n\": 1} ").unwrap(), [("kept".to_owned(), " {\"n\": 1} ".to_owned())]);
    assert_eq!(run(positive(), "{\"n\": 0}").unwrap(), [("rejected".to_owned(), "{\"n\": 0}".to_owned())]);
    assert_eq!(run(positive(), "null").unwrap()[0].0, "rejected");
}

#[test]
fn duplicates_and_escaped_keys_are_read_as_json_says() {
    let (kept, _) = sides(positive(), r#"[{"n": -1, "n": 1}, {"n": 1, "n": -1}, {"\u006e": 1}]"#);
    assert_eq!(kept, r#"[{"n": -1, "n": 1},{"\u006e": 1}]"#);
}

#[test]
fn the_run_is_counted() {
    let ended = testing::run::<Filter>(&positive(), &json!([{"n": 1}, {"n": 0}, {}]), &json!({})).unwrap();
    let Ended::Done { metadata, .. } = ended else { panic!("{ended:?}") };
    assert_eq!(metadata, json!({"total": 3, "kept": 1, "rejected": 2}));
}

#[test]
fn an_expression_sees_item_index_and_variables() {
    let config = json!({"where": "item.n >= variables.min and index > 0"});
    let context = json!({"variables": {"min": 2}, "attempt": 1});
    let ended = testing::run::<Filter>(&config, &json!([{"n": 5}, {"n": 1}, {"n": 2}]), &context).unwrap();
    assert_eq!(ended.output("kept").unwrap(), &json!([{"n": 2}]));
}

#[test]
fn an_undefined_field_in_an_expression_is_named_with_its_item() {
    let failure = run(json!({"where": "item.n > 1"}), r#"[{"n": 2}, {"m": 2}]"#).unwrap_err();
    assert_eq!(failure.code(), codes::EXPRESSION_ERROR);
    assert_eq!(failure.message(), "the expression `item.n > 1`: `item.n` is undefined (item 1)");
    let details = json!({"pointer": "/where", "path": "item.n", "index": 1, "expression": "item.n > 1"});
    assert_eq!(Value::Object(failure.details().unwrap().clone()), details);
}

#[test]
fn a_config_that_cannot_be_used_is_located() {
    let pointers = [
        (json!({}), ""),
        (json!({"where": "a", "conditions": []}), ""),
        (json!({"where": "item."}), "/where"),
        (json!({"where": "item|nofilter"}), "/where"),
        (json!({"conditions": [{"field": "a", "operator": "like", "value": 1}]}), "/conditions/0/operator"),
        (json!({"conditions": [{"operator": "exists"}, {"operator": "matches", "value": "["}]}), "/conditions/1/value"),
        (json!({"conditions": [{"operator": "in", "value": "x"}]}), "/conditions/0/value"),
        (json!({"conditions": {}}), "/conditions"),
        (json!({"conditions": [], "match": "none"}), "/match"),
        (json!([]), ""),
    ];
    for (config, pointer) in pointers {
        let (code, details) = failure(config.clone(), "[1]");
        assert_eq!((code.as_str(), &details["pointer"]), (codes::INVALID_CONFIG, &json!(pointer)), "{config}");
    }
    let failure = run(json!({"conditions": [], "min": 1}), "[]").unwrap_err();
    assert!(failure.message().contains("`min`"), "{failure}");
}

#[test]
fn input_that_is_no_json_is_refused() {
    for config in [positive(), json!({"where": "true"})] {
        for input in ["", "[", "[1,]", "[1] 2", "{\"n\"}", "[{\"n\": 01}]", "{} {}"] {
            assert_eq!(failure(config.clone(), input).0, codes::INVALID_INPUT, "{input}");
        }
    }
}
