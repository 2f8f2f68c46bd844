//! Logs the text of a secret ten thousand times in every spelling, and reports it as progress as often.

use blockyard_guests::leak::spelled;
use blockyard_guests::{Behaviour, Guest};
use blockyard_sdk::{Context, Failure, HttpRule, Manifest, Outcome, export_block, log, progress, secrets};
use serde_json::Value;

struct FloodsWithSecrets;

impl Behaviour for FloodsWithSecrets {
    const TYPE: &'static str = "test.floods-with-secrets";

    fn manifest(manifest: Manifest) -> Manifest {
        manifest.secret("canary", "for tests").http(HttpRule::host("good.example").secrets(&["canary"]))
    }

    fn act(_: &Value, _: Value, _: &Context) -> Result<Outcome<Value>, Failure> {
        let spelled = spelled(&secrets::reveal(&secrets::get("canary")?)?);
        for round in 0..10_000_u16 {
            log::info(&spelled, &[("text", spelled.clone().into())]);
            progress::report(f32::from(round) / 100.0, &spelled);
        }
        Ok(Outcome::done(Value::from("done")))
    }
}

export_block!(Guest<FloodsWithSecrets>);
