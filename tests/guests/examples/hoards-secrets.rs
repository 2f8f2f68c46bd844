//! Takes handles of a secret and drops none, until it is refused; then drops all and takes one more.

use blockyard_guests::{Behaviour, Guest, refusal};
use blockyard_sdk::{Context, Failure, HttpRule, Manifest, Outcome, export_block, secrets};
use serde_json::{Value, json};

struct HoardsSecrets;

impl Behaviour for HoardsSecrets {
    const TYPE: &'static str = "test.hoards-secrets";

    fn manifest(manifest: Manifest) -> Manifest {
        manifest.secret("granted", "for tests").http(HttpRule::host("good.example").secrets(&["granted"]))
    }

    fn act(_: &Value, _: Value, _: &Context) -> Result<Outcome<Value>, Failure> {
        let mut hoard = Vec::new();
        let refused = loop {
            match secrets::get("granted") {
                Ok(secret) => hoard.push(secret),
                Err(error) => break refusal(&error.into()),
            }
        };
        let held = hoard.len();
        drop(hoard);
        Ok(Outcome::done(json!({"held": held, "refused": refused, "again": secrets::get("granted").is_ok()})))
    }
}

export_block!(Guest<HoardsSecrets>);
