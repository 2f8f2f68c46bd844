//! Never comes to an end when it is asked for its manifest.

use blockyard_sdk::__private::bindings::exports::blockyard::block::block as wit;

#[cfg_attr(not(target_arch = "wasm32"), expect(dead_code, reason = "exported on wasm32 only"))]
struct ManifestLoops;

impl wit::Guest for ManifestLoops {
    fn manifest() -> String {
        loop {
            std::hint::black_box(());
        }
    }

    fn execute(_: String, _: String, _: String) -> Result<wit::Outcome, wit::Failure> {
        Ok(wit::Outcome::Done(wit::Output { emissions: Vec::new(), metadata: None }))
    }
}

#[cfg(target_arch = "wasm32")]
blockyard_sdk::__private::export_component!(ManifestLoops with_types_in blockyard_sdk::__private::bindings);
