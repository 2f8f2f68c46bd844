//! Fails with a code that is the host’s.

use blockyard_guests::{Behaviour, Guest};
use blockyard_sdk::{Context, Failure, Outcome, export_block};
use serde_json::Value;

struct HostCode;

impl Behaviour for HostCode {
    const TYPE: &'static str = "test.host-code";

    fn act(_config: &Value, _input: Value, _context: &Context) -> Result<Outcome<Value>, Failure> {
        Err(Failure::new("cpu-limit", "says who?"))
    }
}

export_block!(Guest<HostCode>);
