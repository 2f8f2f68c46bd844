//! Counts as a block with effects, since its manifest asks for HTTP; waits for `ms` milliseconds and answers with its
//! idempotency key. Items that say `{"fail": true}` fail.

use blockyard_guests::{Behaviour, Guest, number};
use blockyard_sdk::{Context, Failure, HttpRule, Manifest, Outcome, export_block};
use serde_json::{Value, json};

struct Effect;

impl Behaviour for Effect {
    const TYPE: &'static str = "test.effect";

    fn manifest(manifest: Manifest) -> Manifest {
        manifest.http(HttpRule::host("effects.example.com"))
    }

    fn act(config: &Value, input: Value, context: &Context) -> Result<Outcome<Value>, Failure> {
        std::thread::sleep(std::time::Duration::from_millis(number(config, "ms", 0)));
        if input["fail"] == json!(true) {
            return Err(Failure::new("asked-to", "the input asks for it"));
        }
        Ok(Outcome::done(json!({"key": context.idempotency_key(), "input": input})))
    }
}

export_block!(Guest<Effect>);
