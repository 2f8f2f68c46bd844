//! Fires one port twice, which the SDK would not let it do.

use blockyard_sdk::__private::bindings::exports::blockyard::block::block as wit;

#[cfg_attr(not(target_arch = "wasm32"), expect(dead_code, reason = "exported on wasm32 only"))]
struct PortTwice;

impl wit::Guest for PortTwice {
    fn manifest() -> String {
        concat!(
            r#"{"type":"test.port-twice","version":"1.0.0","name":"Port twice","configSchema":true,"inputSchema":true,"#,
            r#""outputs":[{"port":"output"}]}"#
        )
        .to_owned()
    }

    fn execute(_: String, _: String, _: String) -> Result<wit::Outcome, wit::Failure> {
        let emission = |data: &str| wit::Emission { port: "output".to_owned(), data: data.to_owned() };
        Ok(wit::Outcome::Done(wit::Output { emissions: vec![emission("1"), emission("2")], metadata: None }))
    }
}

#[cfg(target_arch = "wasm32")]
blockyard_sdk::__private::export_component!(PortTwice with_types_in blockyard_sdk::__private::bindings);
