//! What can go wrong with an expression.

use std::fmt;

use minijinja::ErrorKind;

use crate::{Failure, codes};

/// An expression that cannot be read or evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpressionError {
    expression: String,
    message: String,
    path: Option<String>,
    /// Whether the expression itself is at fault, whatever it is evaluated on.
    malformed: bool,
    offset: Option<usize>,
}

impl ExpressionError {
    pub(super) fn syntax(expression: &str, error: &minijinja::Error) -> Self {
        let offset = error.range().map(|range| range.start);
        Self { malformed: true, offset, ..Self::result(expression, describe(error)) }
    }

    pub(super) fn unknown(expression: &str, message: String) -> Self {
        Self { malformed: true, ..Self::result(expression, message) }
    }

    pub(super) fn too_deep(expression: &str) -> Self {
        let shown: String = expression.chars().take(80).collect();
        Self::unknown(&format!("{shown}…"), "too many operations in a row".to_owned())
    }

    pub(super) fn evaluation(expression: &str, error: &minijinja::Error, path: Option<String>) -> Self {
        match (error.kind(), path) {
            (ErrorKind::UnknownFilter | ErrorKind::UnknownTest | ErrorKind::UnknownFunction, _) => {
                Self::unknown(expression, describe(error))
            }
            (_, Some(path)) => Self::undefined(expression, Some(path)),
            (_, None) => Self::result(expression, describe(error)),
        }
    }

    pub(super) fn undefined(expression: &str, path: Option<String>) -> Self {
        let message = match &path {
            Some(path) => format!("`{path}` is undefined"),
            None => "it gives no value".to_owned(),
        };
        Self { path, ..Self::result(expression, message) }
    }

    pub(super) fn result(expression: &str, message: String) -> Self {
        Self { expression: expression.to_owned(), message, path: None, malformed: false, offset: None }
    }

    /// What is wrong, without the expression.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The path that is undefined, such as `input.leads[3].email`.
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// Where in the expression the fault is, in bytes.
    pub fn offset(&self) -> Option<usize> {
        self.offset
    }

    /// Whether the expression itself is at fault, and would fail on any data.
    pub fn is_malformed(&self) -> bool {
        self.malformed
    }

    /// The failure of a block that was given this expression at `pointer` of its config, evaluating it for the item
    /// at `index` of a list: `invalid-config` if the expression is malformed, else `expression-error`.
    pub fn into_failure(self, pointer: &str, index: Option<usize>) -> Failure {
        let mut failure = if self.malformed {
            Failure::invalid_config(pointer, &self)
        } else {
            let item = index.map(|index| format!(" (item {index})")).unwrap_or_default();
            Failure::new(codes::EXPRESSION_ERROR, format!("{self}{item}")).detail("pointer", pointer)
        };
        if let Some(path) = self.path {
            failure = failure.detail("path", path);
        }
        if let Some(offset) = self.offset {
            failure = failure.detail("offset", offset);
        }
        if let Some(index) = index {
            failure = failure.detail("index", index);
        }
        failure.detail("expression", self.expression)
    }
}

impl fmt::Display for ExpressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the expression `{}`: {}", self.expression, self.message)?;
        match self.offset {
            Some(offset) => write!(f, " (at offset {offset})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ExpressionError {}

fn describe(error: &minijinja::Error) -> String {
    let mut text = match error.detail() {
        Some(detail) => detail.to_owned(),
        None => error.kind().to_string(),
    };
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
