//! Lets the host send a secret to a server that sends it back in every spelling, and carries out what came back. It
//! fails with `saw` if it can read any of the spellings itself; it knows them reversed, so that it holds none.

use blockyard_guests::leak::leak;
use blockyard_guests::{Behaviour, Guest, text};
use blockyard_sdk::http::{Placement, Request};
use blockyard_sdk::{Context, Failure, HttpRule, Manifest, Outcome, export_block, secrets};
use serde_json::Value;

struct LeaksSecret;

impl Behaviour for LeaksSecret {
    const TYPE: &'static str = "test.leaks-secret";

    fn manifest(manifest: Manifest) -> Manifest {
        manifest.secret("canary", "for tests").http(HttpRule::host("good.example").secrets(&["canary"]))
    }

    fn act(config: &Value, _: Value, context: &Context) -> Result<Outcome<Value>, Failure> {
        let secret = secrets::get("canary")?;
        let placement = match text(config, "place") {
            "query" => Placement::Query("key".to_owned()),
            "basic" => Placement::Basic("user".to_owned()),
            "header" => Placement::Header { name: "x-key".to_owned(), prefix: "Key ".to_owned() },
            _ => Placement::Bearer,
        };
        let answer = Request::get("https://good.example/spell").secret(&secret, placement).send()?.ok()?;
        let mut came = answer.text().into_owned();
        for (name, value) in answer.headers() {
            came.push_str(&format!("\n{name}: {value}"));
        }
        let reversed = config["reversed"].as_array().map(Vec::as_slice).unwrap_or_default();
        for (index, form) in reversed.iter().enumerate() {
            let form: String = form.as_str().unwrap_or_default().chars().rev().collect();
            if came.contains(&form) {
                return Err(Failure::new("saw", format!("spelling {index}")));
            }
        }
        leak(&came, config, context)
    }
}

export_block!(Guest<LeaksSecret>);
