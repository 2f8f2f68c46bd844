//! Says of itself whatever tests write into its bytes, over the mark and what follows it, and answers with its input.

use std::hint::black_box;

use blockyard_sdk::__private::bindings::exports::blockyard::block::block as wit;

#[cfg_attr(not(target_arch = "wasm32"), expect(dead_code, reason = "exported on wasm32 only"))]
struct AnyManifest;

impl wit::Guest for AnyManifest {
    fn manifest() -> String {
        const MARK: &[u8] = b"any-manifest:";
        // The mark, and room.
        static MANIFEST: [u8; 1 << 17] = {
            let mut text = [b' '; 1 << 17];
            let mut at = 0;
            while at < MARK.len() {
                text[at] = MARK[at];
                at += 1;
            }
            text
        };
        String::from_utf8_lossy(black_box(&MANIFEST)).trim().to_owned()
    }

    fn execute(_: String, input: String, _: String) -> Result<wit::Outcome, wit::Failure> {
        let emissions = vec![wit::Emission { port: "output".to_owned(), data: input }];
        Ok(wit::Outcome::Done(wit::Output { emissions, metadata: None }))
    }
}

#[cfg(target_arch = "wasm32")]
blockyard_sdk::__private::export_component!(AnyManifest with_types_in blockyard_sdk::__private::bindings);
