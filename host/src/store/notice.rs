//! What the processes that share a database tell each other.

use std::fmt;
use std::str::FromStr;

use crate::domain::ExecutionId;

/// Sent with a commit, to every process that listens, the sender among them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Notice {
    /// There are jobs to claim, or there will be.
    Jobs,
    /// There are events up to this position.
    Events(i64),
    /// Somebody wants this execution to be cancelled, which a worker holds.
    Cancel(ExecutionId),
    /// Something was changed that processes keep in memory, of this kind.
    Changed(String),
    /// Notices may have been missed: whatever they tell of has to be looked for.
    Lost,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Jobs => f.write_str("jobs"),
            Self::Events(position) => write!(f, "events {position}"),
            Self::Cancel(id) => write!(f, "cancel {id}"),
            Self::Changed(kind) => write!(f, "changed {kind}"),
            Self::Lost => f.write_str("lost"),
        }
    }
}

impl FromStr for Notice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let odd = || format!("`{text}` is no notice");
        match text.split_once(' ').unwrap_or((text, "")) {
            ("jobs", _) => Ok(Self::Jobs),
            ("events", position) => position.parse().map(Self::Events).map_err(|_| odd()),
            ("cancel", id) => Ok(Self::Cancel(id.into())),
            ("changed", kind) => Ok(Self::Changed(kind.to_owned())),
            ("lost", _) => Ok(Self::Lost),
            _ => Err(odd()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_survive_as_text() {
        for notice in [
            Notice::Jobs,
            Notice::Events(48),
            Notice::Cancel("e-1".into()),
            Notice::Changed("webhooks".into()),
            Notice::Lost,
        ] {
            assert_eq!(notice.to_string().parse(), Ok(notice));
        }
        assert!("events x".parse::<Notice>().is_err());
        assert!("of another version".parse::<Notice>().is_err());
    }
}
