//! Texts out of items.

use blockyard_sdk::Failure;
use serde_json::Value;

use crate::config::is_longer;

/// The text of an item: the item itself, or what stands at `path` in an object.
///
/// # Errors
/// `invalid-input` with a pointer if there is none, it is blank, or longer than `max_chars`.
pub(crate) fn text_of<'a>(pointer: &str, item: &'a Value, path: &str, max_chars: usize) -> Result<&'a str, Failure> {
    let (text, pointer) = match item {
        Value::String(text) => (text.as_str(), pointer.to_owned()),
        Value::Object(_) => {
            let pointer = format!("{pointer}/{}", path.replace('.', "/"));
            match find(item, path) {
                Some(Value::String(text)) => (text.as_str(), pointer),
                Some(_) => return Err(Failure::invalid_input(pointer, "it is no text")),
                None => return Err(Failure::invalid_input(pointer, "the text is missing")),
            }
        }
        _ => return Err(Failure::invalid_input(pointer, "it is neither a text nor an object with one")),
    };
    if text.trim().is_empty() {
        return Err(Failure::invalid_input(pointer, "the text is empty"));
    }
    if is_longer(text, max_chars) {
        return Err(Failure::invalid_input(pointer, format!("the text is longer than {max_chars} characters")));
    }
    Ok(text)
}

/// The value at a path such as `post.captions.0`. A field whose own name has dots is found too.
pub(crate) fn find<'a>(item: &'a Value, path: &str) -> Option<&'a Value> {
    if let Some(value) = item.get(path) {
        return Some(value);
    }
    path.split('.').try_fold(item, |value, step| match value {
        Value::Object(fields) => fields.get(step),
        Value::Array(list) => list.get(step.parse::<usize>().ok()?),
        _ => None,
    })
}
