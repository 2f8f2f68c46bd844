//! Passes lists whose entries all share one string: small for the guest, and huge for a host that copies each. Its
//! config's `way` is `requests` (a million requests with the same megabyte as URL), `headers` (a request with a million
//! headers of a megabyte) or `empty` (a million requests of nothing).

use blockyard_guests::{Behaviour, Guest, text};
use blockyard_sdk::__private::bindings::blockyard::block::http;
use blockyard_sdk::{Context, Failure, HttpRule, Manifest, Outcome, export_block};
use serde_json::{Value, json};

struct SharesStrings;

const ENTRIES: usize = 1_000_000;

impl Behaviour for SharesStrings {
    const TYPE: &'static str = "test.shares-strings";

    fn manifest(manifest: Manifest) -> Manifest {
        manifest.http(HttpRule::host("good.example"))
    }

    fn act(config: &Value, _: Value, _: &Context) -> Result<Outcome<Value>, Failure> {
        let mut shared = "a".repeat(1 << 20);
        let one = || http::Request {
            method: String::new(),
            url: String::new(),
            headers: Vec::new(),
            body: None,
            timeout_ms: None,
        };
        let answers = match text(config, "way") {
            "headers" => {
                let header = |_| http::Header { name: String::new(), value: again(&mut shared) };
                let headers = (0..ENTRIES).map(header).collect();
                let outgoing = http::Outgoing { request: http::Request { headers, ..one() }, credentials: Vec::new() };
                vec![http::send(&outgoing)]
            }
            "requests" => http::send_all(&list(|| http::Request { url: again(&mut shared), ..one() })),
            _ => http::send_all(&list(one)),
        };
        Ok(Outcome::done(json!({"answers": answers.len()})))
    }
}

fn list(mut request: impl FnMut() -> http::Request) -> Vec<http::Outgoing<'static>> {
    (0..ENTRIES).map(|_| http::Outgoing { request: request(), credentials: Vec::new() }).collect()
}

/// The same string once more.
fn again(shared: &mut str) -> String {
    // SAFETY: broken on purpose: all of these claim to own the same bytes. The call ends before anyone frees them.
    unsafe { String::from_raw_parts(shared.as_mut_ptr(), shared.len(), shared.len()) }
}

export_block!(Guest<SharesStrings>);
