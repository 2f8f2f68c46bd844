//! Tells that it runs if it shall, waits for `ms` milliseconds, then hands its input on.

use blockyard_guests::{Behaviour, Guest, number};
use blockyard_sdk::{Context, Failure, Outcome, export_block};
use serde_json::Value;

struct Pause;

impl Behaviour for Pause {
    const TYPE: &'static str = "test.pause";

    fn act(config: &Value, input: Value, _: &Context) -> Result<Outcome<Value>, Failure> {
        if config.get("tells").is_some() {
            blockyard_sdk::progress::report(0.0, "it runs");
        }
        std::thread::sleep(std::time::Duration::from_millis(number(config, "ms", 0)));
        Ok(Outcome::done(input))
    }
}

export_block!(Guest<Pause>);
