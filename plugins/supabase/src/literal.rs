//! Values as they stand in PostgREST's filters.

use serde_json::value::RawValue;

/// A JSON value; numbers keep their digits.
#[derive(Debug, PartialEq)]
pub(crate) enum Literal<'a> {
    Null,
    /// A number, `true` or `false`.
    Plain(&'a str),
    Text(String),
    List(Vec<Literal<'a>>),
    /// The JSON text of an object.
    Object(&'a str),
}

impl<'a> Literal<'a> {
    pub(crate) fn of(raw: &'a RawValue) -> Self {
        let text = raw.get();
        match text.as_bytes().first() {
            Some(b'n') => Self::Null,
            Some(b'"') => serde_json::from_str(text).map_or_else(|_| Self::Text(text.to_owned()), Self::Text),
            Some(b'[') => {
                let elements: Vec<&'a RawValue> = serde_json::from_str(text).unwrap_or_default();
                Self::List(elements.into_iter().map(Self::of).collect())
            }
            Some(b'{') => Self::Object(text),
            _ => Self::Plain(text),
        }
    }

    /// As an element of a list: text always in quotes, so that a comma, a brace or the word `null` stays text.
    fn element(&self) -> Result<String, &'static str> {
        match self {
            Self::Plain(text) => Ok((*text).to_owned()),
            Self::Text(text) => Ok(quoted(text)),
            Self::Null => Err("a list cannot hold null, which equals nothing"),
            Self::List(_) | Self::Object(_) => Err("the list holds something that is neither text, number nor boolean"),
        }
    }

    /// `a,b`, for `(a,b)` and `{a,b}`.
    pub(crate) fn elements(list: &[Self]) -> Result<String, &'static str> {
        Ok(list.iter().map(Self::element).collect::<Result<Vec<_>, _>>()?.join(","))
    }
}

/// In double quotes, with a backslash before what would end them.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
