//! Asks for the text of a secret and carries it out in every spelling; on the way it writes it into a request by itself.

use blockyard_guests::leak::{leak, spelled};
use blockyard_guests::{Behaviour, Guest};
use blockyard_sdk::http::Request;
use blockyard_sdk::{Context, Failure, HttpRule, Manifest, Outcome, export_block, secrets};
use serde_json::{Value, json};

struct Reveals;

impl Behaviour for Reveals {
    const TYPE: &'static str = "test.reveals";

    fn manifest(manifest: Manifest) -> Manifest {
        manifest.secret("canary", "for tests").http(HttpRule::host("good.example").secrets(&["canary"]))
    }

    fn act(config: &Value, _: Value, context: &Context) -> Result<Outcome<Value>, Failure> {
        let text = secrets::reveal(&secrets::get("canary")?)?;
        let spelled = spelled(&text);
        if config["sends"] == json!(true) {
            let request = Request::post("https://good.example/echo").query("taken", &text).header("x-taken", &text);
            request.body("text/plain", spelled.clone()).send()?;
        }
        leak(&spelled, config, context)
    }
}

export_block!(Guest<Reveals>);
