//! Posts its idempotency key, with its execution and node, to a server that counts, and hands its input on with `n` one higher.

use blockyard_guests::{Behaviour, Guest};
use blockyard_sdk::http::Request;
use blockyard_sdk::{Context, Failure, HttpRule, Manifest, Outcome, export_block};
use serde_json::{Value, json};

struct Calls;

impl Behaviour for Calls {
    const TYPE: &'static str = "test.calls";

    fn manifest(manifest: Manifest) -> Manifest {
        manifest.http(HttpRule::host("counter.example"))
    }

    fn act(_: &Value, mut input: Value, context: &Context) -> Result<Outcome<Value>, Failure> {
        let url = format!("https://counter.example/{}/{}", context.execution_id(), context.node_id());
        let request = Request::new("POST", &url).header("idempotency-key", context.idempotency_key());
        let response = request.send()?;
        if response.status() != 200 {
            return Err(Failure::new("not-counted", format!("the counter answered {}", response.status())));
        }
        let n = input["n"].as_u64().unwrap_or_default();
        input["n"] = json!(n + 1);
        Ok(Outcome::done(input))
    }
}

export_block!(Guest<Calls>);
