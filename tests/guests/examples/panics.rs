//! Panics with a message.

use blockyard_guests::{Behaviour, Guest};
use blockyard_sdk::{Context, Failure, Outcome, export_block};
use serde_json::Value;

struct Panics;

impl Behaviour for Panics {
    const TYPE: &'static str = "test.panics";

    fn act(_config: &Value, _input: Value, _context: &Context) -> Result<Outcome<Value>, Failure> {
        panic!("no such lead: \u{fc}ber 9000");
    }
}

export_block!(Guest<Panics>);
