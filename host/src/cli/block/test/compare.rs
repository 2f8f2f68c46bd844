//! What came out against what should have.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::domain::problem::pointer;

/// Most differences told of one case.
const MOST: usize = 10;
/// Longest value shown, in characters.
const SHOWN_CHARS: usize = 200;

/// One place where the two are not the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Difference {
    /// JSON pointer, whose first segment is the port.
    pub(super) pointer: String,
    /// `None` if nothing should be there.
    pub(super) expected: Option<String>,
    /// `None` if nothing is there.
    pub(super) got: Option<String>,
}

/// Where the outputs differ, by port; numbers are compared by their value.
pub(super) fn differences(expected: &Map<String, Value>, got: &Map<String, Value>) -> Vec<Difference> {
    let mut found = Vec::new();
    members(expected, got, "", &mut found);
    found.truncate(MOST);
    found
}

fn compare(expected: &Value, got: &Value, at: &str, found: &mut Vec<Difference>) {
    match (expected, got) {
        (Value::Object(expected), Value::Object(got)) => members(expected, got, at, found),
        (Value::Array(expected), Value::Array(got)) => {
            for index in 0..expected.len().max(got.len()) {
                either(expected.get(index), got.get(index), &pointer(at, index), found);
            }
        }
        _ if same(expected, got) => {}
        _ => found.push(Difference { pointer: at.to_owned(), expected: Some(shown(expected)), got: Some(shown(got)) }),
    }
}

fn members(expected: &Map<String, Value>, got: &Map<String, Value>, at: &str, found: &mut Vec<Difference>) {
    let more = got.keys().filter(|key| !expected.contains_key(*key));
    for key in expected.keys().chain(more) {
        either(expected.get(key), got.get(key), &pointer(at, key), found);
    }
}

fn either(expected: Option<&Value>, got: Option<&Value>, at: &str, found: &mut Vec<Difference>) {
    // Enough is enough, however long the lists are.
    if found.len() >= MOST {
        return;
    }
    match (expected, got) {
        (Some(expected), Some(got)) => compare(expected, got, at, found),
        _ => found.push(Difference { pointer: at.to_owned(), expected: expected.map(shown), got: got.map(shown) }),
    }
}

fn same(expected: &Value, got: &Value) -> bool {
    match (expected, got) {
        (Value::Number(a), Value::Number(b)) => a == b || ((a.is_f64() || b.is_f64()) && a.as_f64() == b.as_f64()),
        _ => expected == got,
    }
}

fn shown(value: &Value) -> String {
    let mut text = value.to_string();
    if let Some((end, _)) = text.char_indices().nth(SHOWN_CHARS) {
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(expected: &Value, got: &Value) -> Vec<(String, Option<String>, Option<String>)> {
        let found = differences(expected.as_object().unwrap(), got.as_object().unwrap());
        found.into_iter().map(|found| (found.pointer, found.expected, found.got)).collect()
    }

    #[test]
    fn numbers_are_the_same_by_value_and_big_ones_to_the_last_digit() {
        let same = json!({"a": [1, 2.0, -0.0, 1e3, {"x": null, "y": "ä"}]});
        assert_eq!(told(&same, &json!({"a": [1.0, 2, 0, 1000, {"y": "ä", "x": null}]})), []);
        let big = 9_007_199_254_740_993_u64;
        assert_eq!(told(&json!({"a": big}), &json!({"a": big + 1})).len(), 1);
        assert_eq!(told(&json!({"a": "1"}), &json!({"a": 1})).len(), 1);
    }

    #[test]
    fn every_place_is_named_by_its_pointer() {
        let text = |text: &str| Some(text.to_owned());
        let found = told(
            &json!({"output": {"a/b": [1, 2, 3], "gone": true}, "silent": 1}),
            &json!({"output": {"a/b": [1, 5], "new": "x"}, "other": {}}),
        );
        let expected = [
            ("/output/a~1b/1".to_owned(), text("2"), text("5")),
            ("/output/a~1b/2".to_owned(), text("3"), None),
            ("/output/gone".to_owned(), text("true"), None),
            ("/output/new".to_owned(), None, text("\"x\"")),
            ("/silent".to_owned(), text("1"), None),
            ("/other".to_owned(), None, text("{}")),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn much_is_cut_short() {
        let long = json!({"output": vec!["ä".repeat(1000); 1000]});
        let found = told(&long, &json!({"output": []}));
        assert_eq!(found.len(), MOST);
        assert_eq!(found[0].1.as_ref().unwrap().chars().count(), SHOWN_CHARS + 1);
    }
}
