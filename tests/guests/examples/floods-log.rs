//! Logs a hundred thousand lines.

use blockyard_guests::{Behaviour, Guest};
use blockyard_sdk::{Context, Failure, Outcome, export_block};
use serde_json::Value;

struct FloodsLog;

impl Behaviour for FloodsLog {
    const TYPE: &'static str = "test.floods-log";

    fn act(_config: &Value, _input: Value, _context: &Context) -> Result<Outcome<Value>, Failure> {
        for line in 0..100_000 {
            blockyard_sdk::log::info(&format!("line {line}"), &[]);
        }
        Ok(Outcome::done(Value::from("done")))
    }
}

export_block!(Guest<FloodsLog>);
