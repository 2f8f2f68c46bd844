//! Parameters of statements.

use crate::domain::Json;

/// One parameter of a statement.
#[derive(Clone, Debug)]
pub(crate) enum Arg {
    /// TEXT.
    Text(Option<String>),
    /// BIGINT.
    Int(Option<i64>),
    /// BLOB, or what the database has for it.
    Bytes(Vec<u8>),
}

impl Arg {
    /// Of no type: it goes into any column.
    pub(crate) const NULL: Self = Self::Text(None);
}

/// Postgres has no NUL in text, so none is stored anywhere; JSON needs no such care, it escapes them.
fn without_nul(text: &str) -> String {
    if text.as_bytes().contains(&0) { text.replace('\0', "\u{fffd}") } else { text.to_owned() }
}

impl From<&str> for Arg {
    fn from(text: &str) -> Self {
        Self::Text(Some(without_nul(text)))
    }
}

impl From<&Json> for Arg {
    fn from(json: &Json) -> Self {
        Self::Text(Some(json.as_str().to_owned()))
    }
}

impl From<i64> for Arg {
    fn from(number: i64) -> Self {
        Self::Int(Some(number))
    }
}

impl From<u32> for Arg {
    fn from(number: u32) -> Self {
        Self::Int(Some(number.into()))
    }
}

impl<T: Into<Arg>> From<Option<T>> for Arg {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::NULL, Into::into)
    }
}
