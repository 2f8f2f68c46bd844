//! JSON that is carried, not looked into.

use std::fmt;
use std::sync::{Arc, LazyLock};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

/// Deepest nesting of arrays and objects that is accepted, the limit of `serde_json`'s own parser.
pub const MAX_DEPTH: usize = 127;

/// A well-formed JSON document kept as the text it came in. Cloning is cheap.
///
/// Numbers beyond 2^53, key order and number spelling survive, because the text is handed on as it is.
#[derive(Clone)]
pub struct Json(Arc<RawValue>);

/// Why a text is no acceptable JSON document.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// Not JSON; the message has line and column.
    #[error("not valid JSON: {0}")]
    Syntax(#[from] serde_json::Error),
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("nested more than {MAX_DEPTH} levels deep")]
    TooDeep,
}

impl Json {
    /// Check `text` and keep it.
    ///
    /// # Errors
    /// If it is not one JSON document, or nested deeper than [`MAX_DEPTH`].
    pub fn parse(text: String) -> Result<Self, JsonError> {
        let raw = RawValue::from_string(text)?;
        if too_deep(raw.get()) {
            return Err(JsonError::TooDeep);
        }
        Ok(Self(raw.into()))
    }

    /// The document `null`.
    pub fn null() -> Self {
        static NULL: LazyLock<Json> = LazyLock::new(|| Json(RawValue::NULL.to_owned().into()));
        NULL.clone()
    }

    /// The empty object.
    pub fn empty_object() -> Self {
        static EMPTY: LazyLock<Json> = LazyLock::new(|| Json::from(&Value::Object(serde_json::Map::new())));
        EMPTY.clone()
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// Whether the document is `null`.
    pub fn is_null(&self) -> bool {
        self.as_str() == "null"
    }

    /// Size of the text in bytes.
    pub fn len(&self) -> usize {
        self.as_str().len()
    }

    /// Never: a JSON document has at least one byte. Here for symmetry with [`Json::len`].
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Read it as `T`.
    ///
    /// # Errors
    /// If the document has another shape, or holds what JSON text allows but no value can hold, such as `1e999`.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.as_str())
    }

    /// Read it as a generic value.
    ///
    /// # Errors
    /// As [`Json::decode`].
    pub fn to_value(&self) -> Result<Value, serde_json::Error> {
        self.decode()
    }

    /// Build an array from documents, without parsing them.
    pub fn array<'a>(items: impl IntoIterator<Item = &'a Json>) -> Self {
        let mut text = String::from("[");
        for (index, item) in items.into_iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            text.push_str(item.as_str());
        }
        text.push(']');
        Self::assembled(text)
    }

    /// Build an object from documents, without parsing them.
    pub fn object<'a>(members: impl IntoIterator<Item = (&'a str, &'a Json)>) -> Self {
        let mut text = String::from("{");
        for (index, (key, value)) in members.into_iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            text.push_str(&Value::from(key).to_string());
            text.push(':');
            text.push_str(value.as_str());
        }
        text.push('}');
        Self::assembled(text)
    }

    /// Serialise `value`; what cannot be JSON (a map with keys that are no text) becomes `null`.
    pub fn encode<T: Serialize + ?Sized>(value: &T) -> Self {
        serde_json::value::to_raw_value(value).map_or_else(|_| Self::null(), |raw| Self(raw.into()))
    }

    /// Keep text put together from well-formed parts. It is checked all the same: a wrong assembly becomes `null`.
    fn assembled(text: String) -> Self {
        debug_assert!(serde_json::from_str::<&RawValue>(&text).is_ok(), "assembled {text}");
        RawValue::from_string(text).map_or_else(|_| Self::null(), |raw| Self(raw.into()))
    }
}

/// Whether arrays and objects in well-formed JSON `text` nest deeper than [`MAX_DEPTH`].
fn too_deep(text: &str) -> bool {
    let bytes = text.as_bytes();
    // Too few brackets to be too deep: the common case, decided without a walk through strings.
    if bytes.len() <= MAX_DEPTH {
        return false;
    }
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for &byte in bytes {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return true;
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

impl From<&Value> for Json {
    fn from(value: &Value) -> Self {
        Self::encode(value)
    }
}

impl From<Value> for Json {
    fn from(value: Value) -> Self {
        Self::encode(&value)
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        if too_deep(raw.get()) {
            return Err(serde::de::Error::custom(JsonError::TooDeep));
        }
        Ok(Self(raw.into()))
    }
}

/// Equal as text, which is stricter than equal as JSON.
impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.as_str() == other.as_str()
    }
}

impl Eq for Json {}

impl std::hash::Hash for Json {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_survives_as_it_is() {
        let text = r#"{"id":123456789012345678901234567890,"b":1.0,"a":[1,2]}"#;
        assert_eq!(Json::parse(text.into()).unwrap().as_str(), text);
    }

    #[test]
    fn depth_is_bounded_and_brackets_in_strings_do_not_count() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(Json::parse(nested(MAX_DEPTH)).is_ok());
        assert!(Json::parse(nested(MAX_DEPTH)).unwrap().to_value().is_ok());
        assert!(matches!(Json::parse(nested(MAX_DEPTH + 1)), Err(JsonError::TooDeep)));
        assert!(Json::parse(format!("\"{}\\\"[\"", "[".repeat(500))).is_ok());
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in ["", "{", "nul", "[1,]", "{\"a\":1}x", "'a'"] {
            assert!(Json::parse(text.into()).is_err(), "{text}");
        }
    }

    #[test]
    fn parts_are_put_together() {
        let one = Json::parse("1".into()).unwrap();
        assert_eq!(Json::array([&one, &one]).as_str(), "[1,1]");
        assert_eq!(Json::object([("a\"", &one)]).as_str(), r#"{"a\"":1}"#);
        assert_eq!(Json::array([]).as_str(), "[]");
    }
}
