//! Reads a file, which imports the file system.

use blockyard_guests::{Behaviour, Guest};
use blockyard_sdk::{Context, Failure, Outcome, export_block};
use serde_json::Value;

struct OpensFiles;

impl Behaviour for OpensFiles {
    const TYPE: &'static str = "test.opens-files";

    fn act(_: &Value, _: Value, _: &Context) -> Result<Outcome<Value>, Failure> {
        let text = std::fs::read_to_string("/etc/passwd").map_err(|error| Failure::new("io", error.to_string()))?;
        Ok(Outcome::done(Value::String(text)))
    }
}

export_block!(Guest<OpensFiles>);
