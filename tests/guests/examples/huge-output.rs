//! Answers with 100 MB.

use blockyard_guests::{Behaviour, Guest};
use blockyard_sdk::{Context, Failure, Outcome, export_block};
use serde_json::Value;

struct HugeOutput;

impl Behaviour for HugeOutput {
    const TYPE: &'static str = "test.huge-output";

    fn act(_config: &Value, _input: Value, _context: &Context) -> Result<Outcome<Value>, Failure> {
        Ok(Outcome::done(Value::String("x".repeat(100 << 20))))
    }
}

export_block!(Guest<HugeOutput>);
