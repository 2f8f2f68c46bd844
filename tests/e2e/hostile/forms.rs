//! The spellings of a secret: the same as the guests know them.

include!("../../guests/src/forms.rs");
