//! JSON in a model's answer.
//!
//! What is said about a bad answer goes back to the model, in a message of ours. It therefore never quotes the answer:
//! a record that made the model say something must not get to speak in our name.

use blockyard_sdk::{FromJson, RawJson};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

/// The longest place that is named.
const PLACE_CHARS: usize = 120;

/// The JSON document that a text is, or that stands in its first code fence.
///
/// # Errors
/// What is wrong, without a word of the text.
pub fn find(text: &str) -> Result<RawJson, String> {
    let whole = text.trim().trim_start_matches('\u{feff}');
    let problem = match serde_json::from_str::<&RawValue>(whole) {
        Ok(json) => return Ok(RawJson::new(json.get())),
        Err(error) => error,
    };
    if let Some(json) = fenced(whole).and_then(|inner| serde_json::from_str::<&RawValue>(inner).ok()) {
        return Ok(RawJson::new(json.get()));
    }
    Err(if whole.is_empty() { "it is empty".to_owned() } else { format!("it is not valid JSON: {problem}") })
}

/// What stands between the first fence of three backticks and the last, without the language's name.
fn fenced(text: &str) -> Option<&str> {
    let (_, after) = text.split_once("```")?;
    let (inner, _) = after.rsplit_once("```")?;
    let start = inner.find(['{', '[', '"', '\n'])?;
    inner.get(start..).map(str::trim)
}

/// The answer, which has to be a JSON object, as a type.
///
/// # Errors
/// What is wrong and where, without a value of the answer.
pub fn decode<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let json = find(text)?;
    // A list of values in the right order would do for a struct, and no schema of an object allows it.
    if !json.get().starts_with('{') {
        return Err("it is no JSON object".to_owned());
    }
    T::from_json(json.into_string()).map_err(|misfit| {
        let message = without_values(&misfit.message);
        match place(&misfit.pointer) {
            None => message,
            Some(place) => format!("at {place}: {message}"),
        }
    })
}

/// A JSON pointer on one line and not too long; `None` for the whole document.
pub(crate) fn place(pointer: &str) -> Option<String> {
    let short: String = pointer.chars().filter(|char| !char.is_control()).take(PLACE_CHARS).collect();
    (!short.is_empty()).then_some(short)
}

/// What serde says is wrong, from where it stops quoting.
fn without_values(message: &str) -> String {
    if message.starts_with("missing field") || message.starts_with("duplicate field") {
        return message.to_owned();
    }
    match message.rsplit_once(", expected ") {
        Some((_, expected)) => format!("expected {expected}"),
        None => "it does not have the shape of the schema".to_owned(),
    }
}
