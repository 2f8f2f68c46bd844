//! Plain paths are looked up natively; what they find has to be what the expression language finds.

use blockyard::domain::Json;
use blockyard::orchestrator::path::{Lookup, Path, lookup};
use minijinja::value::Serde;
use minijinja::{Environment, ErrorKind, UndefinedBehavior, Value as Jinja};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use serde_json::{Map, Value, json};

const CASES: u32 = 1500;

/// Few enough that paths meet members, odd enough to find differences.
const KEYS: [&str; 14] =
    ["a", "b", "_c1", "items", "keys", "length", "not", "true", "none", "0", "a b", "a-b", "é", ""];

#[derive(Debug, Default)]
struct Seen {
    found: u32,
    undefined: u32,
    left_to_the_language: u32,
}

#[test]
fn plain_paths_find_what_the_expression_language_finds() {
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[3; 32]));
    let seen = std::cell::RefCell::new(Seen::default());
    let ran = runner.run(&(document(), steps()), |(document, steps)| {
        compare(&document, &expression(&document, &steps), &mut seen.borrow_mut()).map_err(TestCaseError::fail)
    });
    if let Err(error) = ran {
        panic!("{error}");
    }
    let seen = seen.into_inner();
    assert!(seen.found > 300 && seen.undefined > 300 && seen.left_to_the_language > 20, "{seen:?}");
}

#[test]
fn odd_paths_find_what_the_expression_language_finds() {
    let document = json!({
        "list": [1, [2, {"x": null}]], "text": "abc", "n": -0.0, "big": u64::MAX, "small": i64::MIN, "é": 1, "not": {"and": 2},
        "1": "one", "true": "yes", "items": 5, "first": [true],
    });
    let mut seen = Seen::default();
    for expression in [
        "input",
        "input.list[1][1].x",
        "input.list[01]",
        "input.list[2]",
        "input.list['0']",
        "input.list.0",
        "input.text.length",
        "input.text[0]",
        "input.text['0']",
        "input.n",
        "input.big",
        "input.small",
        "input['é']",
        "input.not.and",
        "input['1']",
        "input[1]",
        "input.true",
        "input['true']",
        "input.items",
        "input.list.items",
        "input.first[0]",
        "input.list[1][1].x.y",
        "input.list[1][1].x[0]",
        "input.big.x",
        "input.nothing",
        "input[\"text\"]",
        "input['a\"b']",
        " input . text ",
        "input.list [0]",
        "input.list[ 0 ]",
        "input['text'].x",
        "input.list[18446744073709551616]",
        "nodes",
        "item",
        "index",
    ] {
        compare(&document, expression, &mut seen).unwrap_or_else(|difference| panic!("{difference}"));
    }
}

/// Ask both.
fn compare(document: &Value, expression: &str, seen: &mut Seen) -> Result<(), String> {
    let Some(path) = Path::parse(expression) else {
        seen.left_to_the_language += 1;
        return Ok(());
    };
    if path.root != "input" {
        return Ok(());
    }
    let text = Json::from(document);
    let native = match lookup(text.as_str(), &path.steps) {
        Lookup::Found(found) => Some(serde_json::from_str::<Value>(found).unwrap()),
        Lookup::Undefined(_) => None,
        Lookup::NotPlain => {
            seen.left_to_the_language += 1;
            return Ok(());
        }
    };
    let wanted = evaluate(document, expression)?;
    if native != wanted {
        return Err(format!("`{expression}` in {document}: natively {native:?}, in the language {wanted:?}"));
    }
    match native {
        Some(_) => seen.found += 1,
        None => seen.undefined += 1,
    }
    Ok(())
}

/// The language's answer; `None` if it is undefined.
fn evaluate(document: &Value, expression: &str) -> Result<Option<Value>, String> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let compiled = environment.compile_expression(expression);
    let compiled = compiled.map_err(|error| format!("`{expression}` is no expression: {error}"))?;
    match compiled.eval(Jinja::from_pairs([("input", Jinja::from(Serde(document)))])) {
        Ok(value) if value.is_undefined() => Ok(None),
        Ok(value) => Ok(Some(serde_json::to_value(&value).unwrap())),
        Err(error) if error.kind() == ErrorKind::UndefinedError => Ok(None),
        Err(error) => Err(format!("`{expression}` in {document}: {error}")),
    }
}

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e6..1e6f64).prop_map(Value::from),
        "[a-zé\"\\\\]{0,4}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 5, |inner| {
        let member = (prop::sample::select(KEYS.to_vec()), inner.clone());
        prop_oneof![
            1 => prop::collection::vec(inner, 0..5).prop_map(Value::from),
            2 => prop::collection::vec(member, 0..6).prop_map(|members| {
                Value::Object(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>())
            }),
        ]
    })
}

/// How to choose each step: whether to take one that exists, which one, and how to write it.
type Choice = (bool, prop::sample::Index, u8);

fn steps() -> impl Strategy<Value = Vec<Choice>> {
    prop::collection::vec((prop::bool::weighted(0.85), any::<prop::sample::Index>(), any::<u8>()), 0..6)
}

/// A path that leads into `document` for a while, at least.
fn expression(document: &Value, choices: &[Choice]) -> String {
    let mut text = "input".to_owned();
    let mut here = Some(document);
    for (exists, which, spelling) in choices {
        let step = match here.filter(|_| *exists) {
            Some(Value::Array(items)) if !items.is_empty() => Value::from(which.index(items.len())),
            Some(Value::Object(members)) if !members.is_empty() => {
                Value::from(members.keys().nth(which.index(members.len())).unwrap().as_str())
            }
            _ if spelling % 3 == 0 => Value::from(which.index(3)),
            _ => Value::from(KEYS[which.index(KEYS.len())]),
        };
        here = match &step {
            Value::String(key) => here.and_then(|here| here.get(key)),
            index => here.and_then(|here| here.get(usize::try_from(index.as_u64().unwrap_or_default()).unwrap())),
        };
        match &step {
            Value::String(key) => match spelling % 4 {
                0 => text.push_str(&format!("[\"{key}\"]")),
                1 => text.push_str(&format!("['{key}']")),
                _ if key.chars().all(|c| c.is_ascii_alphabetic()) && !key.is_empty() => {
                    text.push_str(&format!(".{key}"))
                }
                _ => text.push_str(&format!("['{key}']")),
            },
            index => text.push_str(&format!("[{index}]")),
        }
    }
    text
}
