//! Sends a placeholder to a server that sends the secret back in every spelling, and carries out what came back. It fails
//! with `saw` if it can read any of the spellings, and with `kept` if the secret is anywhere in its memory; it knows them
//! reversed, so that it holds none by itself.

#[path = "../src/standard.rs"]
mod standard;

use blockyard_guests::leak::leak;
use blockyard_guests::{Behaviour, Guest, text};
use blockyard_sdk::{Context, Failure, HttpRule, Manifest, Outcome, export_block};
use serde_json::{Value, json};
use standard::{filled, send_all};

struct WasiLeaks;

impl Behaviour for WasiLeaks {
    const TYPE: &'static str = "test.wasi-leaks";

    fn manifest(manifest: Manifest) -> Manifest {
        manifest.secret("canary", "for tests").http(HttpRule::host("good.example").secrets(&["canary"]))
    }

    fn act(config: &Value, _: Value, context: &Context) -> Result<Outcome<Value>, Failure> {
        let told = send_all(&[request(text(config, "place"))], false, context).remove(0);
        if told["status"] != json!(200) {
            return Err(Failure::new("refused", told.to_string()));
        }
        let mut came = text(&told, "text").to_owned();
        for header in told["headers"].as_array().into_iter().flatten() {
            came.push_str(&format!("\n{}: {}", text_at(header, 0), text_at(header, 1)));
        }
        let reversed = config["reversed"].as_array().map(Vec::as_slice).unwrap_or_default();
        for (index, form) in reversed.iter().enumerate() {
            let reversed = form.as_str().unwrap_or_default();
            let readable: String = reversed.chars().rev().collect();
            if came.contains(&readable) {
                return Err(Failure::new("saw", format!("spelling {index}")));
            }
        }
        if is_in_memory(text(config, "reversedText")) {
            return Err(Failure::new("kept", "the text"));
        }
        // The placeholder itself may be seen by anyone.
        leak(&format!("{came}\n{}", filled("{canary}", context)), config, context)
    }
}

fn request(place: &str) -> Value {
    let url = "https://good.example/spell";
    let headers = |name: &str, value: &str| json!({"url": url, "headers": [[name, value]]});
    let post = |content_type: &str, body: &str| json!({"method": "POST", "url": url, "headers": [["content-type", content_type]], "body": body});
    let mut request = match place {
        "bearer" => headers("authorization", "Bearer {canary}"),
        "header" => headers("x-key", "Key {canary}"),
        "basic" => json!({"url": url, "basic": "user:{canary}"}),
        "query" => json!({"url": format!("{url}?key={{canary}}")}),
        "json" => post("application/json", r#"{"key":"{canary}"}"#),
        "form" => post("application/x-www-form-urlencoded", "a=b&key={canary}"),
        _ => post("text/plain", "{canary}"),
    };
    request["shown"] = json!(1_000_000);
    request
}

fn text_at(list: &Value, index: usize) -> &str {
    list[index].as_str().unwrap_or_default()
}

/// Whether a text stands anywhere in memory that is, backwards, `reversed`.
#[cfg(target_arch = "wasm32")]
fn is_in_memory(reversed: &str) -> bool {
    let wanted = reversed.as_bytes();
    let end = core::arch::wasm32::memory_size::<0>() * (64 << 10);
    // SAFETY: reads inside of the linear memory, which is what this guest is about.
    let read = |at: usize| unsafe { std::ptr::read_volatile(at as *const u8) };
    let is_at = |start: usize| wanted.iter().rev().enumerate().all(|(at, byte)| read(start + at) == *byte);
    !wanted.is_empty() && (8..end - wanted.len()).any(is_at)
}

#[cfg(not(target_arch = "wasm32"))]
fn is_in_memory(_: &str) -> bool {
    false
}

export_block!(Guest<WasiLeaks>);
