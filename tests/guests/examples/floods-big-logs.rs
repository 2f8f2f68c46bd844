//! Logs eight megabytes at a time, for ever, so that all the work is the host's.

use blockyard_guests::{Behaviour, Guest};
use blockyard_sdk::{Context, Failure, Outcome, export_block, log};
use serde_json::Value;

struct FloodsBigLogs;

impl Behaviour for FloodsBigLogs {
    const TYPE: &'static str = "test.floods-big-logs";

    fn act(_: &Value, _: Value, _: &Context) -> Result<Outcome<Value>, Failure> {
        let line = "ü".repeat(4 << 20);
        loop {
            log::info(&line, &[]);
        }
    }
}

export_block!(Guest<FloodsBigLogs>);
