//! Asks to be called again `times` times, every `ms` milliseconds, counting in its state. Logs `lines` lines each time.

use blockyard_guests::{Behaviour, Guest, number};
use blockyard_sdk::{Context, Failure, Outcome, export_block};
use serde_json::{Value, json};

struct Suspends;

impl Behaviour for Suspends {
    const TYPE: &'static str = "test.suspends";

    fn act(config: &Value, _: Value, context: &Context) -> Result<Outcome<Value>, Failure> {
        for line in 0..number(config, "lines", 0) {
            blockyard_sdk::log::info(&format!("line {line}"), &[]);
        }
        let calls: u64 = context.state()?.unwrap_or(0);
        if calls < number(config, "times", 3) {
            return Outcome::suspend(number(config, "ms", 1), &(calls + 1));
        }
        Ok(Outcome::done(json!({"suspensions": calls})))
    }
}

export_block!(Guest<Suspends>);
