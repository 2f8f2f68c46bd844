//! Answers with 100 MB, made without a second copy so that its memory suffices.

use blockyard_sdk::__private::bindings::exports::blockyard::block::block as wit;

#[cfg_attr(not(target_arch = "wasm32"), expect(dead_code, reason = "exported on wasm32 only"))]
struct HugeOutput;

impl wit::Guest for HugeOutput {
    fn manifest() -> String {
        concat!(
            r#"{"type":"test.huge-output","version":"1.0.0","name":"Huge output","configSchema":true,"inputSchema":true,"#,
            r#""outputs":[{"port":"output"}]}"#
        )
        .to_owned()
    }

    fn execute(_: String, _: String, _: String) -> Result<wit::Outcome, wit::Failure> {
        let mut data = "x".repeat(100 << 20);
        data.replace_range(..1, "\"");
        data.pop();
        data.push('"');
        let emission = wit::Emission { port: "output".to_owned(), data };
        Ok(wit::Outcome::Done(wit::Output { emissions: vec![emission], metadata: None }))
    }
}

#[cfg(target_arch = "wasm32")]
blockyard_sdk::__private::export_component!(HugeOutput with_types_in blockyard_sdk::__private::bindings);
