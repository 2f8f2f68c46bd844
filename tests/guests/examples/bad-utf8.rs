//! Passes bytes to the host as text that are no UTF-8, in the place that its config's `way` names.

use blockyard_sdk::__private::bindings::blockyard::block::{http, log, progress, secrets};
use blockyard_sdk::__private::bindings::exports::blockyard::block::block as wit;

#[cfg_attr(not(target_arch = "wasm32"), expect(dead_code, reason = "exported on wasm32 only"))]
struct BadUtf8;

#[cfg_attr(not(target_arch = "wasm32"), expect(dead_code, reason = "exported on wasm32 only"))]
fn bad() -> String {
    // SAFETY: broken on purpose: these bytes are no UTF-8, and nothing here looks at them. The host has to notice.
    unsafe { String::from_utf8_unchecked(b"caf\xff\xfe\xc0\x80".to_vec()) }
}

#[cfg_attr(not(target_arch = "wasm32"), expect(dead_code, reason = "exported on wasm32 only"))]
fn outgoing(method: String, url: String, name: String, value: String) -> http::Outgoing<'static> {
    let headers = vec![http::Header { name, value }];
    let request = http::Request { method, url, headers, body: None, timeout_ms: None };
    http::Outgoing { request, credentials: Vec::new() }
}

impl wit::Guest for BadUtf8 {
    fn manifest() -> String {
        concat!(
            r#"{"type":"test.bad-utf8","version":"1.0.0","name":"Bad UTF-8","configSchema":true,"inputSchema":true,"#,
            r#""outputs":[{"port":"output"}],"http":[{"host":"good.example"}]}"#
        )
        .to_owned()
    }

    fn execute(config: String, _: String, _: String) -> Result<wit::Outcome, wit::Failure> {
        let (ok, url) = (|| "x".to_owned(), || "https://good.example/echo".to_owned());
        match config.trim_start_matches("{\"way\":\"").trim_end_matches("\"}") {
            "log" => log::log(log::Level::Info, &bad(), None),
            "fields" => log::log(log::Level::Info, "fields", Some(&bad())),
            "progress" => progress::report(1.0, &bad()),
            "secret" => drop(secrets::get(&bad())),
            "method" => drop(http::send(&outgoing(bad(), url(), ok(), ok()))),
            "url" => drop(http::send(&outgoing("GET".to_owned(), bad(), ok(), ok()))),
            "name" => drop(http::send(&outgoing("GET".to_owned(), url(), bad(), ok()))),
            "value" => drop(http::send_all(&[outgoing("GET".to_owned(), url(), ok(), bad())])),
            "failure" => return Err(wit::Failure { code: ok(), message: bad(), retry: None, details: None }),
            "state" => return Ok(wit::Outcome::Suspend(wit::Suspension { after_ms: 1, state: bad() })),
            "port" => return Ok(done(bad(), "1".to_owned(), None)),
            "metadata" => return Ok(done("output".to_owned(), "1".to_owned(), Some(bad()))),
            _ => {}
        }
        Ok(done("output".to_owned(), bad(), None))
    }
}

#[cfg_attr(not(target_arch = "wasm32"), expect(dead_code, reason = "exported on wasm32 only"))]
fn done(port: String, data: String, metadata: Option<String>) -> wit::Outcome {
    wit::Outcome::Done(wit::Output { emissions: vec![wit::Emission { port, data }], metadata })
}

#[cfg(target_arch = "wasm32")]
blockyard_sdk::__private::export_component!(BadUtf8 with_types_in blockyard_sdk::__private::bindings);
