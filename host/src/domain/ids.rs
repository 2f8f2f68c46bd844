//! Identifiers. All are text, so that they read the same in URLs, logs and both databases.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl<T: Into<Arc<str>>> From<T> for $name {
            fn from(text: T) -> Self {
                Self(text.into())
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

id! {
    /// One run of a workflow.
    ExecutionId
}
id! {
    /// One unit of work in a queue. A job that runs a workflow has the id of its execution.
    JobId
}
id! {
    /// A tree of jobs.
    FlowId
}
id! {
    /// A node inside one workflow: letters, digits, `_` and `-`, up to 64.
    NodeId
}
id! {
    /// Who owns a record.
    UserId
}

impl NodeId {
    /// The most characters a node id may have.
    pub const MAX_LENGTH: usize = 64;

    /// Whether `text` is a well-formed node id.
    pub fn is_valid(text: &str) -> bool {
        !text.is_empty()
            && text.len() <= Self::MAX_LENGTH
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    }
}

impl From<&ExecutionId> for JobId {
    fn from(id: &ExecutionId) -> Self {
        Self(Arc::clone(&id.0))
    }
}

impl From<&JobId> for ExecutionId {
    fn from(id: &JobId) -> Self {
        Self(Arc::clone(&id.0))
    }
}

impl UserId {
    /// The user as whom a server without keys answers.
    pub fn local() -> Self {
        Self::from("local")
    }
}
