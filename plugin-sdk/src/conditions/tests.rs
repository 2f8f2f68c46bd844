use serde_json::{Value, json};

use super::*;
use crate::codes;

fn compile(conditions: Value) -> Result<Conditions, Failure> {
    let conditions: Vec<Condition> = serde_json::from_str(&conditions.to_string()).unwrap();
    Conditions::compile(&conditions, Match::All, "/conditions")
}

fn holds(operator: &str, value: &str, document: &str) -> bool {
    let text = format!(r#"[{{"field": "f", "operator": "{operator}", "value": {value}}}]"#);
    let conditions: Vec<Condition> = serde_json::from_str(&text).unwrap();
    Conditions::compile(&conditions, Match::All, "").unwrap().hold(document).unwrap()
}

fn with_field(field: &str, document: &str) -> bool {
    compile(json!([{"field": field, "operator": "eq", "value": 1}])).unwrap().hold(document).unwrap()
}

#[test]
fn every_operator_matches_does_not_match_and_takes_a_mismatch() {
    // operator, value, a field that matches, one that does not, one of another type, and whether that one and a
    // missing field match.
    let cases = [
        ("eq", "1", "1.0", "2", "\"1\"", false, false),
        ("ne", "1", "2", "1.0", "\"1\"", true, true),
        ("gt", "1", "1.5", "1", "\"2\"", false, false),
        ("gte", "\"b\"", "\"b\"", "\"a\"", "7", false, false),
        ("lt", "1", "-1", "1", "null", false, false),
        ("lte", "1", "1e0", "2", "[]", false, false),
        ("in", "[1, \"a\", null]", "null", "3", "{}", false, false),
        ("notIn", "[1, \"a\"]", "\"b\"", "1.0", "{}", true, true),
        ("contains", "\"ell\"", "\"hello\"", "\"help\"", "5", false, false),
        ("notContains", "[1]", "[2]", "[[1]]", "5", true, true),
        ("startsWith", "\"he\"", "\"hello\"", "\"ohe\"", "5", false, false),
        ("endsWith", "\"lo\"", "\"hello\"", "\"lol\"", "5", false, false),
        ("matches", "\"^\\\\d+$\"", "\"123\"", "\"12a\"", "123", false, false),
        ("exists", "null", "null", "", "5", true, false),
        ("notExists", "null", "", "5", "null", false, true),
        ("isEmpty", "null", "{}", "\" \"", "0", false, true),
        ("isNotEmpty", "null", "[0]", "\"\"", "false", true, false),
        ("between", "[1, 5]", "5", "5.1", "\"3\"", false, false),
    ];
    for (operator, value, matching, other, mismatch, mismatch_holds, missing_holds) in cases {
        let document = |field: &str| if field.is_empty() { "{}".to_owned() } else { format!(r#"{{"f": {field}}}"#) };
        assert!(holds(operator, value, &document(matching)), "{operator} {value} {matching}");
        assert!(!holds(operator, value, &document(other)), "{operator} {value} {other}");
        assert_eq!(holds(operator, value, &document(mismatch)), mismatch_holds, "{operator} {value} {mismatch}");
        assert_eq!(holds(operator, value, "{}"), missing_holds, "{operator} {value} missing");
        assert_eq!(holds(operator, value, "[7]"), missing_holds, "{operator} {value} on a list");
    }
}

#[test]
fn numbers_compare_exactly() {
    assert!(!holds("eq", "9007199254740993", r#"{"f": 9007199254740992}"#));
    assert!(!holds("eq", "9007199254740993", r#"{"f": 9007199254740992.0}"#));
    assert!(holds("gt", "9007199254740992.0", r#"{"f": 9007199254740993}"#));
    assert!(!holds("eq", "18446744073709551617", r#"{"f": 18446744073709551616}"#));
    assert!(holds("lt", "1e400", r#"{"f": 99999999999999999999999999999999999999999999}"#));
    assert!(holds("eq", "0", r#"{"f": -0.0}"#));
    assert!(holds("gt", "-1.5", r#"{"f": -1}"#) && holds("lt", "1.5", r#"{"f": 1}"#));
    assert!(holds("between", "[0.5, 1e3]", r#"{"f": 1000}"#));
}

#[test]
fn equality_is_deep() {
    assert!(holds("eq", r#"{"a": [1, {"b": null}], "c": 2}"#, r#"{"f": {"c": 2.0, "a": [1, {"b": null}]}}"#));
    assert!(!holds("eq", r#"{"a": 1}"#, r#"{"f": {"a": 1, "b": 1}}"#));
    assert!(!holds("eq", "[1, 2]", r#"{"f": [2, 1]}"#));
    assert!(holds("eq", r#"{"a": 2}"#, r#"{"f": {"a": 1, "a": 2}}"#));
    assert!(holds("contains", r#"{"k": 1}"#, r#"{"f": [0, {"k": 1.0}]}"#));
    assert!(holds("contains", "\"k\\u00e9\"", r#"{"f": {"ké": 0}}"#));
    assert!(holds("in", "[[1], {\"a\": 1}]", r#"{"f": {"a": 1}}"#));
    assert!(!holds("eq", "null", "{}"));
}

#[test]
fn text_may_be_escaped_on_either_side() {
    assert!(holds("eq", r#""caf\u00e9 😀\n""#, r#"{"f": "café \ud83d\ude00\n"}"#));
    assert!(holds("startsWith", "\"\\\"\"", r#"{"f": "\u0022x"}"#));
    assert!(holds("matches", "\"(?i)^ÄÖ\\\\w$\"", r#"{"f": "äöü"}"#));
    assert!(!holds("eq", "\"\u{fffd}\"", r#"{"f": "\ud800"}"#));
}

#[test]
fn fields_are_found_by_path() {
    assert!(with_field("a.b.0.c", r#"{"a": {"b": [{"c": 1}]}}"#));
    assert!(with_field("a.0", r#"{"a": {"0": 1}}"#));
    assert!(with_field("1", "[0, 1]"));
    assert!(!with_field("01", "[0, 1]") && !with_field("-1", "[1]") && !with_field("+0", "[1]"));
    assert!(with_field(r"a\.b", r#"{"a.b": 1, "a": {"b": 2}}"#));
    assert!(with_field(r"a\\.b", r#"{"a\\": {"b": 1}}"#));
    assert!(with_field("", "1"));
    assert!(with_field(".", r#"{"": {"": 1}}"#));
    assert!(with_field("ключ.😀", r#"{"ключ": {"\ud83d\ude00": 1}}"#));
    assert!(!with_field("a.b", r#"{"a": "b"}"#) && !with_field("a.b", "null"));
}

#[test]
fn of_equal_keys_the_last_counts() {
    assert!(with_field("a", r#"{"a": 2, "a": 1}"#));
    assert!(!with_field("a", r#"{"a": 1, "\u0061": 2}"#));
    assert!(!with_field("a.b", r#"{"a": {"b": 1}, "a": {"c": 1}}"#));
    assert!(!with_field("a.b", r#"{"a": {"b": 1}, "a": null}"#));
    assert!(with_field("a.b", r#"{"a": 0, "a": {"b": 1}}"#));
}

#[test]
fn several_conditions_share_one_pass() {
    let wanted = json!([
        {"field": "a.x", "operator": "eq", "value": 1},
        {"field": "a", "operator": "exists"},
        {"field": "a.y", "operator": "gt", "value": 1},
        {"field": "a.x", "operator": "lt", "value": 2},
        {"field": "", "operator": "isNotEmpty"}
    ]);
    let conditions = compile(wanted).unwrap();
    assert!(conditions.hold(r#"{"z": [[]], "a": {"y": 2, "x": 1}}"#).unwrap());
    assert!(!conditions.hold(r#"{"a": {"y": 1, "x": 1}}"#).unwrap());
}

#[test]
fn no_conditions_hold_all_and_not_any() {
    for (matching, held) in [(Match::All, true), (Match::Any, false)] {
        assert_eq!(Conditions::compile(&[], matching, "").unwrap().hold("1").unwrap(), held);
    }
}

#[test]
fn values_that_the_operator_cannot_use_are_located() {
    let wrong = [
        json!({"operator": "eq"}),
        json!({"operator": "in", "value": "abc"}),
        json!({"operator": "notIn", "value": null}),
        json!({"operator": "between", "value": [1]}),
        json!({"operator": "between", "value": [1, "b"]}),
        json!({"operator": "between", "value": [[], []]}),
        json!({"operator": "startsWith", "value": 5}),
        json!({"operator": "matches", "value": "("}),
        json!({"operator": "matches", "value": "(a{1000}){1000}"}),
    ];
    for condition in wrong {
        let failure = compile(json!([{"field": "f", "operator": "exists"}, condition])).unwrap_err();
        assert_eq!(failure.code(), codes::INVALID_CONFIG, "{condition}");
        assert_eq!(failure.details().unwrap()["pointer"], "/conditions/1/value", "{condition}");
    }
}

#[test]
fn regular_expressions_take_linear_time() {
    let document = json!({ "f": "a".repeat(20_000) + "!" }).to_string();
    assert!(!holds("matches", "\"^(a+)+$\"", &document));
    assert!(!holds("matches", "\"(a|aa)+$\"", &document));
}

#[test]
fn deep_and_broken_documents_do_no_harm() {
    let deep = format!(r#"{{"f": {}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert!(!holds("eq", "[[]]", &deep));
    assert!(holds("isNotEmpty", "null", &deep));
    let conditions = compile(json!([{"field": "f", "operator": "exists"}])).unwrap();
    for broken in ["", "{", r#"{"f"}"#, r#"{"f": 1"#, r#"{"f": 1}}"#, "[1,]", "nul"] {
        assert!(conditions.hold(broken).is_err(), "{broken}");
    }
}
