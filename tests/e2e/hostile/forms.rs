//! The spellings of a secret: the same as the guests know them.

include!("../../guests/src/forms.rs");

/// See `forms`, which the guests have to themselves.
pub(crate) fn spellings(text: &str) -> Vec<String> {
    forms(text)
}
