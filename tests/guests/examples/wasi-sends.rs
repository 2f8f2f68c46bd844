//! Sends the requests that its config lists by way of a standard client, with placeholders where it says `{granted}` and
//! the like, and tells what became of each. With `together` they go out at once.

#[path = "../src/standard.rs"]
mod standard;

use blockyard_guests::{Behaviour, Guest};
use blockyard_sdk::{Context, Failure, HttpRule, Manifest, Outcome, export_block};
use serde_json::{Value, json};
use standard::send_all;

struct WasiSends;

impl Behaviour for WasiSends {
    const TYPE: &'static str = "test.wasi-sends";

    fn manifest(manifest: Manifest) -> Manifest {
        let names = ["granted", "stray", "unset", "others"];
        let manifest = names.iter().fold(manifest, |manifest, name| manifest.optional_secret(name, "for tests"));
        manifest
            .http(HttpRule::host("good.example").secrets(&["granted", "stray", "unset", "others"]))
            .http(HttpRule::host("other.example").secrets(&["granted", "stray"]))
            .http(HttpRule::host("asked.example"))
            .http(HttpRule::host("*.wild.example").secrets(&["granted"]))
            .http(HttpRule::host_from_config("/baseUrl").secrets(&["granted"]))
    }

    fn act(config: &Value, _: Value, context: &Context) -> Result<Outcome<Value>, Failure> {
        let asked = config["requests"].as_array().map(Vec::as_slice).unwrap_or_default();
        Ok(Outcome::done(Value::Array(send_all(asked, config["together"] == json!(true), context))))
    }
}

export_block!(Guest<WasiSends>);
