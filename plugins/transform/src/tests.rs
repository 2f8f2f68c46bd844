use blockyard_sdk::testing::{self, TextOutcome};
use blockyard_sdk::{Failure, codes};
use serde_json::{Value, json};

use super::Transform;

fn run(config: Value, input: &str) -> Result<String, Failure> {
    match testing::run_text::<Transform>(&config.to_string(), input, r#"{"variables": {"v": 1}}"#)? {
        TextOutcome::Done { mut outputs, .. } => {
            assert_eq!((outputs.len(), outputs[0].0.as_str()), (1, "output"));
            Ok(outputs.remove(0).1)
        }
        TextOutcome::Suspended { .. } => panic!("a transform never suspends"),
    }
}

fn details(failure: &Failure) -> Value {
    Value::Object(failure.details().unwrap().clone())
}

#[test]
fn the_manifest_keeps_to_its_schema() {
    let schema: Value = serde_json::from_str(include_str!("../../../wit/manifest.schema.json")).unwrap();
    let manifest = testing::manifest_of::<Transform>();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let errors: Vec<_> =
        validator.iter_errors(&manifest).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert_eq!(errors, Vec::<String>::new(), "{manifest:#}");
}

#[test]
fn the_examples_are_true_and_keep_to_the_config_schema() {
    testing::check_examples::<Transform>();
    let manifest = testing::manifest_of::<Transform>();
    let config = &manifest["configSchema"];
    let validator = jsonschema::draft202012::new(config).unwrap();
    for example in manifest["examples"].as_array().unwrap() {
        assert!(validator.is_valid(&example["config"]), "{}", example["name"]);
    }
    for wrong in
        [json!({}), json!({"expression": "1", "mapping": {}}), json!({"mapping": {"a": 1}}), json!({"expresion": "1"})]
    {
        assert!(!validator.is_valid(&wrong), "{wrong}");
    }
    let properties = &config["properties"];
    assert_eq!(properties["expression"]["x-expression"], true);
    assert_eq!(properties["mapping"]["additionalProperties"]["x-expression"], true);
    assert_eq!(properties["evaluate"]["items"]["x-expression"], true);
}

#[test]
fn an_expression_sees_the_input_and_the_variables() {
    assert_eq!(
        run(json!({"expression": "{'z': input.a + variables.v, 'a': input}"}), r#"{"a": 9007199254740993}"#).unwrap(),
        r#"{"z":9007199254740994,"a":{"a": 9007199254740993}}"#
    );
    assert_eq!(run(json!({"expression": "{'n': input.n + 1}"}), r#"{"n": 0}"#).unwrap(), r#"{"n":1}"#);
}

#[test]
fn a_mapping_makes_an_object_of_each_item_in_order() {
    let config = json!({"mapping": {"z\"": "item.n", "i": "index", "of": "input|length", "v": "variables.v", "up": "item.s|upper"}});
    let output = run(config, r#"[{"n": 1.50, "s": "é"}, {"n": [ 1 ], "s": "x"}]"#).unwrap();
    assert_eq!(output, r#"[{"z\"":1.50,"i":0,"of":2,"v":1,"up":"É"},{"z\"":[ 1 ],"i":1,"of":2,"v":1,"up":"X"}]"#);
}

#[test]
fn a_mapping_takes_any_shape_of_item() {
    let config = json!({"mapping": {"x": "item"}});
    for (input, expected) in
        [("[]", "[]"), ("5", r#"{"x":5}"#), (" [[1], null] ", r#"[{"x":[1]},{"x":null}]"#), ("{}", r#"{"x":{}}"#)]
    {
        assert_eq!(run(config.clone(), input).unwrap(), expected);
    }
    assert_eq!(run(json!({"mapping": {}}), "[1]").unwrap(), "[{}]");
}

#[test]
fn an_undefined_field_is_named_with_its_item() {
    let failure = run(json!({"mapping": {"e": "item.email|upper"}}), r#"[{"email": "a"}, {"mail": "b"}]"#).unwrap_err();
    assert_eq!(failure.message(), "the expression `item.email|upper`: `item.email` is undefined (item 1)");
    assert_eq!(failure.code(), codes::EXPRESSION_ERROR);
    let expected = json!({"pointer": "/mapping/e", "path": "item.email", "index": 1, "expression": "item.email|upper"});
    assert_eq!(details(&failure), expected);
    let plain = run(json!({"mapping": {"e": "item.email"}}), r#"[{"mail": "b"}]"#).unwrap_err();
    assert_eq!(details(&plain)["path"], "item.email");
}

#[test]
fn the_host_evaluates_several_expressions_at_once() {
    let input = r#"{"input": {"n": 2}, "nodes": {"a-b": {"x": [1, 2]}}, "item": "i"}"#;
    let config = json!({"evaluate": ["input.n * 2", "nodes['a-b'].x", "item ~ variables.v", "1 == 1.0"]});
    assert_eq!(run(config, input).unwrap(), r#"[4,[1, 2],"i1",true]"#);
    assert_eq!(run(json!({"evaluate": []}), "{}").unwrap(), "[]");
    assert_eq!(run(json!({"evaluate": ["variables.v"]}), r#"{"variables": {"v": 7}}"#).unwrap(), "[7]");
}

#[test]
fn a_failed_expression_of_several_is_numbered() {
    let failure = run(json!({"evaluate": ["1", "nodes.x.y"]}), r#"{"nodes": {}}"#).unwrap_err();
    assert_eq!(failure.code(), codes::EXPRESSION_ERROR);
    assert_eq!((&details(&failure)["index"], &details(&failure)["path"]), (&json!(1), &json!("nodes.x")));
    let failure = run(json!({"evaluate": ["1 +"]}), "{}").unwrap_err();
    assert_eq!((failure.code(), &details(&failure)["index"]), (codes::INVALID_CONFIG, &json!(0)));
    assert_eq!(details(&failure)["expression"], "1 +");
    assert_eq!(run(json!({"evaluate": []}), "[]").unwrap_err().code(), codes::INVALID_INPUT);
}

#[test]
fn the_host_looks_into_expressions() {
    let config = json!({"check": ["nodes['a-b'].x + input.n", "1 +", "a b"]});
    let output: Value = serde_json::from_str(&run(config, "null").unwrap()).unwrap();
    assert_eq!(output[0], json!({"error": null, "references": [["nodes", "a-b", "x"], ["input", "n"]]}));
    assert!(output[1]["error"]["message"].is_string());
    assert_eq!(output[2]["error"]["offset"], 2);
}

#[test]
fn a_config_that_cannot_be_used_is_located() {
    let pointers = [
        (json!({}), ""),
        (json!({"expression": "1", "check": []}), ""),
        (json!({"expression": "input|"}), "/expression"),
        (json!({"mapping": {"a/b": "item."}}), "/mapping/a~1b"),
        (json!({"mapping": {"a": 1}}), "/mapping/a"),
        (json!({"evaluate": ["1", 2]}), "/evaluate/1"),
    ];
    for (config, pointer) in pointers {
        let failure = run(config.clone(), "{}").unwrap_err();
        assert_eq!(
            (failure.code(), &details(&failure)["pointer"]),
            (codes::INVALID_CONFIG, &json!(pointer)),
            "{config}"
        );
    }
    let twice = testing::run_text::<Transform>(r#"{"mapping": {"a": "1", "a": "2"}}"#, "{}", "{}").unwrap_err();
    assert_eq!(twice.code(), codes::INVALID_CONFIG);
}

#[test]
fn results_that_are_no_json_and_broken_input_are_errors() {
    for expression in ["1/0", "1e308 * 10", "range"] {
        assert_eq!(run(json!({"expression": expression}), "0").unwrap_err().code(), codes::EXPRESSION_ERROR);
    }
    for input in ["", "[1", "{\"a\": tru}", "1 1"] {
        assert_eq!(run(json!({"expression": "1"}), input).unwrap_err().code(), codes::INVALID_INPUT, "{input}");
    }
}
