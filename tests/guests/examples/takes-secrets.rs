//! Asks for each secret that its config's `names` lists, and tells what it got.

use blockyard_guests::{Behaviour, Guest, refusal};
use blockyard_sdk::{Context, Failure, HttpRule, Manifest, Outcome, export_block, secrets};
use serde_json::{Value, json};

struct TakesSecrets;

impl Behaviour for TakesSecrets {
    const TYPE: &'static str = "test.takes-secrets";

    fn manifest(manifest: Manifest) -> Manifest {
        let manifest = manifest.optional_secret("asked", "not granted").optional_secret("granted", "granted");
        manifest.http(HttpRule::host("good.example").secrets(&["asked", "granted"]))
    }

    fn act(config: &Value, _: Value, _: &Context) -> Result<Outcome<Value>, Failure> {
        let names = config["names"].as_array().map(Vec::as_slice).unwrap_or_default();
        let take = |name: &Value| match secrets::get(name.as_str().unwrap_or_default()) {
            Ok(secret) => json!({"name": secret.name()}),
            Err(error) => refusal(&error.into()),
        };
        Ok(Outcome::done(names.iter().map(take).collect()))
    }
}

export_block!(Guest<TakesSecrets>);
