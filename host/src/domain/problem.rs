//! What is wrong with a document, said so that an editor can point at it.

use serde::Serialize;

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// JSON pointer (RFC 6901) to the offending value; empty for the whole document.
    pub pointer: String,
    /// Stable and machine-readable, such as `unknown-block`.
    pub code: &'static str,
    /// One sentence for a person.
    pub message: String,
}

impl Problem {
    /// A finding with its parts.
    pub fn new(pointer: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), code, message: message.into() }
    }
}

/// All findings about one document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether there are no errors; warnings do not count.
    pub valid: bool,
    /// What keeps the document from running.
    pub errors: Vec<Problem>,
    /// What is likely a mistake.
    pub warnings: Vec<Problem>,
}

impl Report {
    /// A report of these findings.
    pub fn new(errors: Vec<Problem>, warnings: Vec<Problem>) -> Self {
        Self { valid: errors.is_empty(), errors, warnings }
    }
}

/// `base` with one more segment, escaped as RFC 6901 wants.
pub fn pointer(base: &str, segment: impl std::fmt::Display) -> String {
    let segment = segment.to_string();
    if segment.contains(['~', '/']) {
        format!("{base}/{}", segment.replace('~', "~0").replace('/', "~1"))
    } else {
        format!("{base}/{segment}")
    }
}
