//! Tries to use what the host offers while it is asked for its manifest, and writes what it got into the description.

use blockyard_sdk::__private::bindings::blockyard::block::{http, log, progress, secrets};
use blockyard_sdk::__private::bindings::exports::blockyard::block::block as wit;
use serde_json::json;

#[cfg_attr(not(target_arch = "wasm32"), expect(dead_code, reason = "exported on wasm32 only"))]
struct ManifestAsks;

impl wit::Guest for ManifestAsks {
    fn manifest() -> String {
        log::log(log::Level::Error, "from a manifest", None);
        progress::report(50.0, "from a manifest");
        let request = http::Request {
            method: "GET".to_owned(),
            url: "https://good.example/echo".to_owned(),
            headers: Vec::new(),
            body: None,
            timeout_ms: None,
        };
        let answer = http::send(&http::Outgoing { request, credentials: Vec::new() });
        let description = format!("{:?} {:?}", secrets::get("granted").map(|_| ()), answer.map(|_| ()));
        json!({
            "type": "test.manifest-asks", "version": "1.0.0", "name": "Manifest asks", "description": description,
            "configSchema": true, "inputSchema": true, "outputs": [{"port": "output"}],
            "secrets": [{"name": "granted", "description": "for tests"}], "http": [{"host": "good.example", "secrets": ["granted"]}],
        })
        .to_string()
    }

    fn execute(_: String, _: String, _: String) -> Result<wit::Outcome, wit::Failure> {
        Ok(wit::Outcome::Done(wit::Output { emissions: Vec::new(), metadata: None }))
    }
}

#[cfg(target_arch = "wasm32")]
blockyard_sdk::__private::export_component!(ManifestAsks with_types_in blockyard_sdk::__private::bindings);
