//! Takes memory until there is none.

use blockyard_guests::{Behaviour, Guest};
use blockyard_sdk::{Context, Failure, Outcome, export_block};
use serde_json::Value;

struct Allocates;

impl Behaviour for Allocates {
    const TYPE: &'static str = "test.allocates";

    fn act(_config: &Value, _input: Value, _context: &Context) -> Result<Outcome<Value>, Failure> {
        let mut kept = Vec::new();
        loop {
            kept.push(std::hint::black_box(vec![1u8; 1 << 20]));
        }
    }
}

export_block!(Guest<Allocates>);
