//! Components for the tests: each file in `examples/` is one block with one behaviour, most of them bad.

pub mod leak;

use blockyard_sdk::{Block, Context, Failure, Manifest, Outcome};
use serde_json::Value;

/// A block that takes anything and does one thing.
pub trait Behaviour {
    /// Its type, such as `test.loops`.
    const TYPE: &'static str;

    /// What the manifest says beyond the type.
    fn manifest(manifest: Manifest) -> Manifest {
        manifest
    }

    /// What it does.
    ///
    /// # Errors
    /// Its own.
    fn act(config: &Value, input: Value, context: &Context) -> Result<Outcome<Value>, Failure>;
}

/// Makes a block of a behaviour.
#[derive(Debug)]
pub struct Guest<B>(B);

impl<B: Behaviour> Block for Guest<B> {
    type Config = Value;
    type Input = Value;
    type Output = Value;

    fn manifest() -> Manifest {
        B::manifest(Manifest::new(B::TYPE, "1.0.0", B::TYPE))
    }

    fn execute(config: Value, input: Value, context: &Context) -> Result<Outcome<Value>, Failure> {
        B::act(&config, input, context)
    }
}

/// A number in the config, or the default.
pub fn number(config: &Value, key: &str, default: u64) -> u64 {
    config.get(key).and_then(Value::as_u64).unwrap_or(default)
}

/// A text in the config, or nothing.
pub fn text<'a>(config: &'a Value, key: &str) -> &'a str {
    config.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// A failure as the tests compare it.
pub fn refusal(failure: &Failure) -> Value {
    serde_json::json!({"code": failure.code(), "message": failure.message()})
}
