//! Answers with nested arrays.

use blockyard_guests::{Behaviour, Guest};
use blockyard_sdk::{Context, Failure, Outcome, export_block};
use serde_json::Value;

struct DeepJson;

impl Behaviour for DeepJson {
    const TYPE: &'static str = "test.deep-json";

    fn act(_config: &Value, _input: Value, _context: &Context) -> Result<Outcome<Value>, Failure> {
        let mut value = Value::Null;
        for _ in 0..100 {
            value = Value::Array(vec![value]);
        }
        Ok(Outcome::done(Value::Array(vec![value])))
    }
}

export_block!(Guest<DeepJson>);
