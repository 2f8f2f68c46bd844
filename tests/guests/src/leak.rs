//! The ways out of a call.

use blockyard_sdk::{Context, Failure, Outcome, log, progress};
use serde_json::{Value, json};

include!("forms.rs");

/// A text in all its usual spellings, one a line.
pub fn spelled(text: &str) -> String {
    forms(text).join("\n")
}

/// A text in base64.
pub fn base64_of(text: &str) -> String {
    base64(text.as_bytes())
}

/// Carry `text` out by the way that the config's `way` names.
///
/// # Errors
/// If failing is the way.
///
/// # Panics
/// If that is.
pub fn leak(text: &str, config: &Value, context: &Context) -> Result<Outcome<Value>, Failure> {
    match config["way"].as_str().unwrap_or_default() {
        "output" => return Ok(Outcome::done(json!({text: text}))),
        "metadata" => return Outcome::done_with(Value::Null, &json!({"text": text, text: 1})),
        "state" if context.state::<Value>()?.is_none() => return Outcome::suspend(1, &json!({text: [text]})),
        "log" => log::error(text, &[("text", text.into())]),
        "trace" => log::trace(text, &[(text, 1.into())]),
        "progress" => progress::report(50.0, text),
        "failure" => return Err(Failure::new(text.to_owned(), text).detail(text, text)),
        "panic" => panic!("{text}"),
        "stderr" => {
            eprintln!("{text}");
            std::process::abort();
        }
        _ => {}
    }
    Ok(Outcome::done(Value::Null))
}
