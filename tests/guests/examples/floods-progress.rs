//! Reports progress a hundred thousand times.

use blockyard_guests::{Behaviour, Guest};
use blockyard_sdk::{Context, Failure, Outcome, export_block};
use serde_json::Value;

struct FloodsProgress;

impl Behaviour for FloodsProgress {
    const TYPE: &'static str = "test.floods-progress";

    fn act(_config: &Value, _input: Value, _context: &Context) -> Result<Outcome<Value>, Failure> {
        for step in 0..=100_000u32 {
            blockyard_sdk::progress::report((step as f32) / 1000.0, &"p".repeat(5000));
        }
        Ok(Outcome::done(Value::from("done")))
    }
}

export_block!(Guest<FloodsProgress>);
