//! Answers with as many nested arrays as its config's `levels` says.

use blockyard_guests::{Behaviour, Guest, number};
use blockyard_sdk::{Context, Failure, Outcome, export_block};
use serde_json::Value;

struct DeepJson;

impl Behaviour for DeepJson {
    const TYPE: &'static str = "test.deep-json";

    fn act(config: &Value, _input: Value, _context: &Context) -> Result<Outcome<Value>, Failure> {
        let levels = number(config, "levels", 1);
        Ok(Outcome::done((0..levels).fold(Value::Null, |inner, _| Value::Array(vec![inner]))))
    }
}

export_block!(Guest<DeepJson>);
