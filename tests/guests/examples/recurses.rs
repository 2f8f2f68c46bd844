//! Overflows its stack.

use blockyard_guests::{Behaviour, Guest};
use blockyard_sdk::{Context, Failure, Outcome, export_block};
use serde_json::Value;

struct Recurses;

impl Behaviour for Recurses {
    const TYPE: &'static str = "test.recurses";

    fn act(_config: &Value, _input: Value, _context: &Context) -> Result<Outcome<Value>, Failure> {
        fn down(n: u64) -> u64 {
            std::hint::black_box(if n == u64::MAX { 0 } else { down(n + 1) + 1 })
        }
        Ok(Outcome::done(Value::from(down(0))))
    }
}

export_block!(Guest<Recurses>);
