//! Fails until attempt number `until`, with a hint to try again unless `hint` is false.

use blockyard_guests::{Behaviour, Guest, number};
use blockyard_sdk::{Context, Failure, Outcome, export_block};
use serde_json::{Value, json};

struct Flaky;

impl Behaviour for Flaky {
    const TYPE: &'static str = "test.flaky";

    fn act(config: &Value, _: Value, context: &Context) -> Result<Outcome<Value>, Failure> {
        let attempt = u64::from(context.attempt());
        if attempt < number(config, "until", 1) {
            let failure = Failure::new("busy", format!("attempt {attempt}"));
            return Err(if config["hint"] == json!(false) { failure } else { failure.retry() });
        }
        Ok(Outcome::done(json!({"attempt": attempt})))
    }
}

export_block!(Guest<Flaky>);
