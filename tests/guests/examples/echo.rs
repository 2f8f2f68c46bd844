//! Answers with its config and input.

use blockyard_guests::{Behaviour, Guest};
use blockyard_sdk::{Context, Failure, Outcome, export_block};
use serde_json::{Value, json};

struct Echo;

impl Behaviour for Echo {
    const TYPE: &'static str = "test.echo";

    fn act(config: &Value, input: Value, _: &Context) -> Result<Outcome<Value>, Failure> {
        Ok(Outcome::done(json!({"config": config, "input": input})))
    }
}

export_block!(Guest<Echo>);
