//! Gives the host JSON that is nested a hundred thousand levels deep, in the place that its config's `way` names.

use blockyard_sdk::__private::bindings::blockyard::block::{log, progress};
use blockyard_sdk::__private::bindings::exports::blockyard::block::block as wit;

#[cfg_attr(not(target_arch = "wasm32"), expect(dead_code, reason = "exported on wasm32 only"))]
struct DeepTexts;

/// Under the limit of a log line's bytes for 2,000 levels, far over every limit of depth.
#[cfg_attr(not(target_arch = "wasm32"), expect(dead_code, reason = "exported on wasm32 only"))]
fn deep(levels: usize) -> String {
    format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels))
}

impl wit::Guest for DeepTexts {
    fn manifest() -> String {
        concat!(
            r#"{"type":"test.deep-texts","version":"1.0.0","name":"Deep texts","configSchema":true,"inputSchema":true,"#,
            r#""outputs":[{"port":"output"}]}"#
        )
        .to_owned()
    }

    fn execute(config: String, _: String, _: String) -> Result<wit::Outcome, wit::Failure> {
        let plain = || ("output".to_owned(), "1".to_owned());
        let ((port, data), metadata) = match config.trim_start_matches("{\"way\":\"").trim_end_matches("\"}") {
            "output" => (("output".to_owned(), deep(100_000)), None),
            "metadata" => (plain(), Some(deep(100_000))),
            "state" => {
                return Ok(wit::Outcome::Suspend(wit::Suspension { after_ms: 1, state: deep(100_000) }));
            }
            "failure" => {
                let (code, message) = ("deep".to_owned(), "its details are deep".to_owned());
                return Err(wit::Failure { code, message, retry: None, details: Some(deep(100_000)) });
            }
            _ => {
                log::log(log::Level::Info, "deep", Some(&deep(1_000)));
                log::log(log::Level::Info, "deeper", Some(&deep(100_000)));
                log::log(log::Level::Info, "no object", Some("[1]"));
                log::log(log::Level::Info, "no JSON", Some("{\"a\":"));
                progress::report(1.0, &deep(100_000));
                (plain(), None)
            }
        };
        Ok(wit::Outcome::Done(wit::Output { emissions: vec![wit::Emission { port, data }], metadata }))
    }
}

#[cfg(target_arch = "wasm32")]
blockyard_sdk::__private::export_component!(DeepTexts with_types_in blockyard_sdk::__private::bindings);
