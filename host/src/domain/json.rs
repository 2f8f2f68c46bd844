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
/// Numbers beyond 2^53, key order and number spelling survive, because the text is handed on as it is. Its strings are
/// Unicode: half of a surrogate pair is refused.
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
    /// A string that no program with Unicode strings can hold; handed on, it would be changed without a word.
    #[error("a string holds half of a surrogate pair, an escape from `\\ud800` to `\\udfff` without its other half")]
    LoneSurrogate,
}

impl Json {
    /// Check `text` and keep it.
    ///
    /// # Errors
    /// If it is not one JSON document, nested deeper than [`MAX_DEPTH`], or holds half of a surrogate pair.
    pub fn parse(text: String) -> Result<Self, JsonError> {
        Self::checked(RawValue::from_string(text)?)
    }

    fn checked(raw: Box<RawValue>) -> Result<Self, JsonError> {
        if too_deep(raw.get()) {
            return Err(JsonError::TooDeep);
        }
        if lone_surrogate(raw.get()) {
            return Err(JsonError::LoneSurrogate);
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

/// Whether a string in well-formed JSON `text` has an escape for half of a surrogate pair without the other half.
fn lone_surrogate(text: &str) -> bool {
    let unit = |at: usize| {
        let digits = text.get(at..)?.strip_prefix("\\u")?.get(..4)?;
        u16::from_str_radix(digits, 16).ok()
    };
    let mut at = 0;
    // Backslashes stand in strings only.
    while let Some(next) = text.get(at..).and_then(|rest| rest.find('\\')) {
        at += next;
        at += match unit(at) {
            Some(0xd800..=0xdbff) if matches!(unit(at + 6), Some(0xdc00..=0xdfff)) => 12,
            Some(0xd800..=0xdfff) => return true,
            Some(_) => 6,
            None => 2,
        };
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
        Self::checked(raw).map_err(serde::de::Error::custom)
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
    fn half_a_surrogate_pair_is_refused_and_a_whole_one_keeps_its_spelling() {
        for text in [
            r#""\ud800""#,
            r#""\uDFFF""#,
            r#"["a", "\ud83d\u0041"]"#,
            r#"{"\ud83d": 1}"#,
            r#""\ude00\ud83d""#,
            r#""\ud83d\ud83d\ude00""#,
            r#""\\\ud800""#,
            r#""\ud83d \ude00""#,
        ] {
            assert!(matches!(Json::parse(text.into()), Err(JsonError::LoneSurrogate)), "{text}");
            assert!(serde_json::from_str::<Json>(text).unwrap_err().to_string().contains("surrogate"), "{text}");
        }
        for text in
            [r#""\ud83d\uDE00""#, r#""\\ud800""#, r#""\\\\udfff \u0000\"""#, r#"["\u00e9", "ud800", "é\ud83d\ude00"]"#]
        {
            assert_eq!(Json::parse(text.into()).unwrap().as_str(), text);
        }
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
