//! Answers with what is no JSON, or through a port that it does not declare, as its config says.

use blockyard_sdk::__private::bindings::exports::blockyard::block::block as wit;

#[cfg_attr(not(target_arch = "wasm32"), expect(dead_code, reason = "exported on wasm32 only"))]
struct BadJson;

impl wit::Guest for BadJson {
    fn manifest() -> String {
        concat!(
            r#"{"type":"test.bad-json","version":"1.0.0","name":"Bad JSON","configSchema":true,"inputSchema":true,"#,
            r#""outputs":[{"port":"output"}]}"#
        )
        .to_owned()
    }

    fn execute(config: String, _: String, _: String) -> Result<wit::Outcome, wit::Failure> {
        let (port, data) = if config.contains("undeclared") { ("elsewhere", "1") } else { ("output", "{\"a\":") };
        let emission = wit::Emission { port: port.to_owned(), data: data.to_owned() };
        Ok(wit::Outcome::Done(wit::Output { emissions: vec![emission], metadata: None }))
    }
}

#[cfg(target_arch = "wasm32")]
blockyard_sdk::__private::export_component!(BadJson with_types_in blockyard_sdk::__private::bindings);
