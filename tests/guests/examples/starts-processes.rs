//! Starts a process.

use blockyard_guests::{Behaviour, Guest, text};
use blockyard_sdk::{Context, Failure, Outcome, export_block};
use serde_json::Value;

struct StartsProcesses;

impl Behaviour for StartsProcesses {
    const TYPE: &'static str = "test.starts-processes";

    fn act(config: &Value, _: Value, _: &Context) -> Result<Outcome<Value>, Failure> {
        let child = std::process::Command::new(text(config, "program")).spawn();
        let child = child.map_err(|error| Failure::new("io", error.to_string()))?;
        Ok(Outcome::done(Value::from(child.id())))
    }
}

export_block!(Guest<StartsProcesses>);
