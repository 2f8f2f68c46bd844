//! Tells every environment variable, argument and folder that it can find, and tries to start a thread.

use blockyard_guests::{Behaviour, Guest};
use blockyard_sdk::{Context, Failure, Outcome, export_block};
use serde_json::{Value, json};

struct ReadsEnvironment;

impl Behaviour for ReadsEnvironment {
    const TYPE: &'static str = "test.reads-environment";

    fn act(_: &Value, _: Value, _: &Context) -> Result<Outcome<Value>, Failure> {
        Ok(Outcome::done(json!({
            "variables": std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned()).collect::<Vec<_>>(),
            "home": std::env::var("HOME").ok(),
            "arguments": std::env::args().collect::<Vec<_>>(),
            "thread": std::thread::Builder::new().spawn(|| ()).is_ok(),
        })))
    }
}

export_block!(Guest<ReadsEnvironment>);
