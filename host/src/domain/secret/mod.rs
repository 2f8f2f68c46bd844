//! Secrets: their values, their names, whose they are and where they may go.

mod new;

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use zeroize::Zeroizing;

use super::BlockType;
use super::ids::UserId;

pub use new::{MOST_PLACES, NewSecret, host_name};

/// The text of a secret. It is overwritten when dropped, and shows in no output.
#[derive(Clone)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Fewest bytes: shorter ones could not be told from ordinary text when output is scrubbed.
    pub const MIN_BYTES: usize = 8;
    /// Most bytes.
    pub const MAX_BYTES: usize = 64 << 10;

    /// Take over `text`; it is overwritten also when it is refused.
    ///
    /// # Errors
    /// If it cannot be a secret. The error says why and holds nothing of it.
    pub fn new(text: impl Into<Zeroizing<String>>) -> Result<Self, BadSecret> {
        let text = text.into();
        match text.len() {
            ..Self::MIN_BYTES => Err(BadSecret::TooShort),
            length if length > Self::MAX_BYTES => Err(BadSecret::TooLong),
            _ if text.bytes().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) => Err(BadSecret::LineBreak),
            _ => Ok(Self(text)),
        }
    }

    /// The text itself, for where it is used and nowhere else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText")
    }
}

/// Why a text cannot be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSecret {
    /// Under [`SecretText::MIN_BYTES`].
    #[error("has fewer than {} bytes", SecretText::MIN_BYTES)]
    TooShort,
    /// Over [`SecretText::MAX_BYTES`].
    #[error("has more than {} bytes", SecretText::MAX_BYTES)]
    TooLong,
    /// It could not stand in a header.
    #[error("holds a carriage return, a line feed or a NUL")]
    LineBreak,
}

impl BadSecret {
    /// Stable and machine-readable.
    pub fn code(self) -> &'static str {
        match self {
            Self::TooShort => "too-short",
            Self::TooLong => "too-long",
            Self::LineBreak => "line-break",
        }
    }
}

/// The name of a secret, such as `supabaseAnonKey` or `hunter-eu-team`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct SecretName(String);

impl SecretName {
    /// The most characters a name may have.
    pub const MAX_LENGTH: usize = 128;

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SecretName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fine = text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.len() <= Self::MAX_LENGTH
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
        if fine {
            return Ok(Self(text.to_owned()));
        }
        Err(format!(
            "a secret's name is a letter and then letters, digits, `_`, `.` and `-`, together at most {}",
            Self::MAX_LENGTH
        ))
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Whose a secret is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// Everyone's.
    Shared,
    /// One user's.
    User(UserId),
}

impl Owner {
    /// What shared secrets show as their owner.
    pub const SHARED: &str = "shared";

    /// For people: `shared`, or the user's id.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Shared => Self::SHARED,
            Self::User(user) => user.as_str(),
        }
    }

    /// Unlike [`Owner::as_str`] apart from every other owner, also from a user who is called `shared`.
    pub fn key(&self) -> String {
        match self {
            Self::Shared => Self::SHARED.to_owned(),
            Self::User(user) => format!("user:{user}"),
        }
    }

    /// The owner with this key.
    pub fn from_key(key: &str) -> Option<Self> {
        match key.strip_prefix("user:") {
            Some(user) => Some(Self::User(user.into())),
            None => (key == Self::SHARED).then_some(Self::Shared),
        }
    }
}

/// Where the value of a secret is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretSource {
    /// In the database, encrypted.
    Store,
    /// In an environment variable of this process.
    Environment,
}

/// All that is shown of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretInfo {
    /// Its name.
    pub name: SecretName,
    /// Whose it is.
    pub owner: Owner,
    /// The exact hosts that it may be sent to, as [`host_name`] writes them. At least one.
    pub hosts: Vec<String>,
    /// The block types that may use it; `None` for all.
    pub blocks: Option<Vec<BlockType>>,
    /// Unix milliseconds; `None` if it comes from the environment.
    pub created_at: Option<i64>,
    /// When its value or its rules were last set, in Unix milliseconds; `None` if it comes from the environment.
    pub updated_at: Option<i64>,
    /// Where its value is kept.
    pub source: SecretSource,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_show_nowhere_and_odd_ones_are_refused() {
        let text = |text: &str| SecretText::new(text.to_owned());
        assert_eq!(format!("{:?}", text("canary-value").unwrap()), "SecretText");
        assert_eq!(text("12345678").unwrap().expose(), "12345678");
        assert_eq!(text("1234567").unwrap_err(), BadSecret::TooShort);
        assert_eq!(text("").unwrap_err(), BadSecret::TooShort);
        for odd in ["12345678\n", "1234\r5678", "12345678\0"] {
            assert_eq!(text(odd).unwrap_err(), BadSecret::LineBreak);
        }
        assert!(text(&"x".repeat(64 << 10)).is_ok());
        assert_eq!(text(&"x".repeat((64 << 10) + 1)).unwrap_err(), BadSecret::TooLong);
    }

    #[test]
    fn names_are_letters_first() {
        let long = "a".repeat(128);
        for name in ["supabaseAnonKey", "hunter-eu-team", "a", "A.b_c-9", &long] {
            assert_eq!(name.parse::<SecretName>().unwrap().as_str(), name);
        }
        let longer = "a".repeat(129);
        for name in ["", "9a", "-a", ".a", "a b", "a/b", "a\n", "ä", "a%", "../x", &longer] {
            assert!(name.parse::<SecretName>().is_err(), "{name}");
        }
    }

    #[test]
    fn owners_are_told_apart_by_their_keys() {
        let odd = Owner::User("shared".into());
        assert_ne!(odd.key(), Owner::Shared.key());
        for owner in [odd, Owner::Shared, Owner::User("user:x".into())] {
            assert_eq!(Owner::from_key(&owner.key()), Some(owner));
        }
        assert_eq!(Owner::from_key("else"), None);
    }
}
