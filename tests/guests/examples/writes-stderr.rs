//! Floods standard error before it panics.

use blockyard_guests::{Behaviour, Guest};
use blockyard_sdk::{Context, Failure, Outcome, export_block};
use serde_json::Value;

struct WritesStderr;

impl Behaviour for WritesStderr {
    const TYPE: &'static str = "test.writes-stderr";

    fn act(_config: &Value, _input: Value, _context: &Context) -> Result<Outcome<Value>, Failure> {
        for line in 0..5_000 {
            eprintln!("noise {line}");
        }
        panic!("after the noise");
    }
}

export_block!(Guest<WritesStderr>);
