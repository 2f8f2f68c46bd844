//! Says of itself what breaks the schema of manifests, and has no JSON Schema where one is asked for. Tests take one of
//! the two by changing `WHICH` in the component's bytes.

use std::hint::black_box;

use blockyard_sdk::__private::bindings::exports::blockyard::block::block as wit;
use serde_json::json;

#[cfg_attr(not(target_arch = "wasm32"), expect(dead_code, reason = "exported on wasm32 only"))]
struct BadManifest;

impl wit::Guest for BadManifest {
    fn manifest() -> String {
        static WHICH: &str = "bad-manifest:manifest";
        let manifest = match black_box(WHICH).rsplit_once(':') {
            Some((_, "manifest")) => json!({
                "type": "custom.bad-manifest", "version": "one", "name": 7, "outputs": [{"port": "output"}],
            }),
            _ => json!({
                "type": "custom.bad-manifest", "version": "1.0.0", "name": "Bad", "outputs": [{"port": "output"}],
                "configSchema": {"type": "objekt", "properties": 7}, "inputSchema": true,
            }),
        };
        manifest.to_string()
    }

    fn execute(_: String, _: String, _: String) -> Result<wit::Outcome, wit::Failure> {
        Ok(wit::Outcome::Done(wit::Output { emissions: Vec::new(), metadata: None }))
    }
}

#[cfg(target_arch = "wasm32")]
blockyard_sdk::__private::export_component!(BadManifest with_types_in blockyard_sdk::__private::bindings);
