//! Emits everything that it was passed: config, input and context, as the texts that they came in.

use blockyard_sdk::__private::bindings::exports::blockyard::block::block as wit;
use serde_json::json;

#[cfg_attr(not(target_arch = "wasm32"), expect(dead_code, reason = "exported on wasm32 only"))]
struct TellsAll;

impl wit::Guest for TellsAll {
    fn manifest() -> String {
        concat!(
            r#"{"type":"test.tells-all","version":"1.0.0","name":"Tells all","configSchema":true,"inputSchema":true,"#,
            r#""outputs":[{"port":"output"}]}"#
        )
        .to_owned()
    }

    fn execute(config: String, input: String, context: String) -> Result<wit::Outcome, wit::Failure> {
        let data = json!({"config": config, "input": input, "context": context}).to_string();
        let emissions = vec![wit::Emission { port: "output".to_owned(), data }];
        Ok(wit::Outcome::Done(wit::Output { emissions, metadata: None }))
    }
}

#[cfg(target_arch = "wasm32")]
blockyard_sdk::__private::export_component!(TellsAll with_types_in blockyard_sdk::__private::bindings);
