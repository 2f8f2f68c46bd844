//! Ends the process that it takes itself to be in.

use blockyard_guests::{Behaviour, Guest};
use blockyard_sdk::{Context, Failure, Outcome, export_block};
use serde_json::Value;

struct Exits;

impl Behaviour for Exits {
    const TYPE: &'static str = "test.exits";

    fn act(_config: &Value, _input: Value, _context: &Context) -> Result<Outcome<Value>, Failure> {
        std::process::exit(7);
    }
}

export_block!(Guest<Exits>);
