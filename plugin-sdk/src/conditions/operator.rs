//! The operators' names.

use schemars::JsonSchema;
use serde::Deserialize;

/// How a field is compared. Every negation is the exact opposite: it matches whenever the other does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Operator {
    /// Equal as JSON: numbers by value (1 and 1.0 are equal), lists by order, objects by keys. A missing field
    /// equals nothing, not even null.
    Eq,
    /// Not equal, or missing.
    Ne,
    /// Greater: numbers by value, exactly; text by Unicode code points. Other types do not match.
    Gt,
    /// Greater or equal, as `gt`.
    Gte,
    /// Less, as `gt`.
    Lt,
    /// Less or equal, as `gt`.
    Lte,
    /// Equal to one of the list's elements.
    In,
    /// Equal to none of the list's elements, or missing.
    NotIn,
    /// Text that contains the text, a list with such an element, or an object with such a key.
    Contains,
    /// The opposite of `contains`.
    NotContains,
    /// Text that starts with the text.
    StartsWith,
    /// Text that ends with the text.
    EndsWith,
    /// Text in which the regular expression is found somewhere (use `^` and `$` for the whole text).
    Matches,
    /// There is such a field, even if it is null.
    Exists,
    /// There is no such field.
    NotExists,
    /// Missing, null, empty text, an empty list or an empty object.
    IsEmpty,
    /// The opposite of `isEmpty`.
    IsNotEmpty,
    /// From low to high, both included; compared as by `gte` and `lte`.
    Between,
}
