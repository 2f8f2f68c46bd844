//! JSON at the border of a block: decoding that says where, and text that is handed on unparsed.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use crate::Failure;

/// JSON text that nobody has parsed, moved instead of copied.
///
/// As a block's `Input` it takes the host's text as it is, as its output it leaves as it is. The host has
/// checked what it passes in; what a block makes itself it must keep valid, or the host refuses the output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawJson(String);

impl RawJson {
    /// Takes text that is one JSON document. It is not checked here.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn get(&self) -> &str {
        &self.0
    }

    /// The text, without a copy.
    pub fn into_string(self) -> String {
        self.0
    }
}

/// Any JSON: the schema `true`.
impl JsonSchema for RawJson {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "AnyValue".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        true.into()
    }
}

/// What can be read from the JSON text of a config or an input: every `DeserializeOwned` type, and [`RawJson`].
pub trait FromJson: Sized {
    /// Reads the value.
    ///
    /// # Errors
    /// The JSON pointer of the value at fault, and what is wrong there.
    fn from_json(text: String) -> Result<Self, Misfit>;
}

/// What can leave a block as JSON text: every `Serialize` type, and [`RawJson`].
pub trait IntoJson {
    /// Writes the value.
    ///
    /// # Errors
    /// [`codes::INTERNAL`](crate::codes::INTERNAL) for a value that JSON cannot hold, such as a map with keys
    /// that are no strings.
    fn into_json(self) -> Result<String, Failure>;
}

/// Where a JSON text does not fit a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// JSON pointer (RFC 6901); empty for the whole document.
    pub pointer: String,
    /// What is wrong there.
    pub message: String,
}

impl FromJson for RawJson {
    fn from_json(text: String) -> Result<Self, Misfit> {
        Ok(Self(text))
    }
}

impl IntoJson for RawJson {
    fn into_json(self) -> Result<String, Failure> {
        Ok(self.0)
    }
}

impl<T: DeserializeOwned> FromJson for T {
    fn from_json(text: String) -> Result<Self, Misfit> {
        serde_json::from_str(&text).map_err(|error| locate::<T>(&text, &error))
    }
}

impl<T: Serialize> IntoJson for T {
    fn into_json(self) -> Result<String, Failure> {
        Ok(serde_json::to_string(&self)?)
    }
}

/// Reads the text a second time to learn the pointer, which would be too slow to track on every call.
#[cold]
fn locate<T: DeserializeOwned>(text: &str, first: &serde_json::Error) -> Misfit {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
        Err(error) => Misfit { pointer: pointer(error.path()), message: without_position(error.inner()) },
        Ok(_) => Misfit { pointer: String::new(), message: first.to_string() },
    }
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => push_segment(&mut pointer, &index.to_string()),
            Segment::Map { key } => push_segment(&mut pointer, key),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

fn push_segment(pointer: &mut String, segment: &str) {
    pointer.push('/');
    pointer.push_str(&segment.replace('~', "~0").replace('/', "~1"));
}

/// The pointer says where; line and column are of use only in text that is no JSON at all.
fn without_position(error: &serde_json::Error) -> String {
    let message = error.to_string();
    match error.classify() {
        serde_json::error::Category::Data => match message.rfind(" at line ") {
            Some(end) => message[..end].to_owned(),
            None => message,
        },
        _ => message,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;
    use serde_json::value::RawValue;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[expect(dead_code, reason = "only its shape matters")]
        list: Vec<BTreeMap<String, u8>>,
    }

    fn misfit<T: FromJson + std::fmt::Debug>(text: &str) -> Misfit {
        T::from_json(text.to_owned()).unwrap_err()
    }

    #[test]
    fn a_misfit_is_located_by_pointer() {
        let found = misfit::<Outer>(r#"{"list": [{}, {"a/b": "x"}]}"#);
        assert_eq!(found.pointer, "/list/1/a~1b");
        assert_eq!(found.message, "invalid type: string \"x\", expected u8");
    }

    #[test]
    fn an_unknown_key_is_named() {
        let found = misfit::<Outer>(r#"{"lists": []}"#);
        assert!(found.message.contains("`lists`"), "{}", found.message);
    }

    #[test]
    fn text_after_the_document_is_refused() {
        assert!(misfit::<u8>("1 2").message.contains("trailing"));
        assert!(misfit::<u8>("").message.contains("EOF"));
    }

    #[test]
    fn raw_text_passes_through_unchanged() {
        let text = "[ 1.0, 12345678901234567890123, \"\\u0041\" ]";
        assert_eq!(RawJson::from_json(text.to_owned()).unwrap().into_json().unwrap(), text);
        let raw = <Box<RawValue>>::from_json(text.to_owned()).unwrap();
        assert_eq!(raw.into_json().unwrap(), text);
    }
}
