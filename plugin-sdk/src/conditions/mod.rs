//! Field conditions over JSON, as `core.filter` and `core.branch` take them.
//!
//! [`Conditions`] are compiled once and asked about many documents. A document stays text: one pass over it finds
//! the fields that are asked for and skips the rest.
//!
//! ```
//! use blockyard_sdk::conditions::{Condition, Conditions, Match};
//!
//! let wanted: Vec<Condition> = serde_json::from_str(r#"[{"field": "score", "operator": "gte", "value": 50}]"#)?;
//! let conditions = Conditions::compile(&wanted, Match::All, "/conditions").unwrap();
//! assert!(conditions.hold(r#"{"name": "Ada", "score": 50.0}"#).unwrap());
//! assert!(!conditions.hold(r#"{"name": "Bob"}"#).unwrap());
//! # Ok::<(), serde_json::Error>(())
//! ```

mod field;
mod json;
mod operator;
mod test;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::Failure;
use crate::scan::{ScanError, Scanner};
use field::Fields;
pub use operator::Operator;
use test::Test;

/// One condition on one field.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Dotted path of the field, such as `company.domains.0`: a number is a position if a list is found there, and
    /// `\.` stands for a dot inside of a key. Empty or left out: the item itself.
    #[serde(default)]
    pub field: String,
    /// How the field is compared with the value. Types that cannot be compared do not match; they are no error.
    pub operator: Operator,
    /// What the field is compared with. Left out for `exists`, `notExists`, `isEmpty` and `isNotEmpty`; a list for
    /// `in` and `notIn`; `[low, high]` for `between`; a regular expression for `matches`.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "serde_json::Value")]
    pub value: Option<Box<RawValue>>,
}

/// How many of the conditions have to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Match {
    /// Every one; an empty list holds.
    #[default]
    All,
    /// At least one; an empty list does not hold.
    Any,
}

/// Conditions that are ready to be asked: one or several groups, whose fields are found in one pass.
#[derive(Debug, Default)]
pub struct Conditions {
    fields: Fields,
    groups: Vec<Group>,
}

#[derive(Debug)]
struct Group {
    tests: Vec<(usize, Test)>,
    matching: Match,
}

/// The fields of one document.
#[derive(Debug)]
pub struct Found<'a> {
    text: &'a str,
    fields: Vec<Option<&'a str>>,
}

impl<'a> Found<'a> {
    /// The whole document.
    pub fn text(&self) -> &'a str {
        self.text
    }
}

impl Conditions {
    /// No groups yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A single group.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub fn compile(conditions: &[Condition], matching: Match, pointer: &str) -> Result<Self, Failure> {
        let mut all = Self::new();
        all.add(conditions, matching, pointer)?;
        Ok(all)
    }

    /// Adds a group and gives its number. `pointer` is where the conditions stand in the config, such as
    /// `/conditions`.
    ///
    /// # Errors
    /// [`codes::INVALID_CONFIG`](crate::codes::INVALID_CONFIG) for a value that the operator cannot use, with the
    /// pointer of that value.
    pub fn add(&mut self, conditions: &[Condition], matching: Match, pointer: &str) -> Result<usize, Failure> {
        let mut tests = Vec::with_capacity(conditions.len());
        for (index, condition) in conditions.iter().enumerate() {
            let value = condition.value.as_deref().map(RawValue::get);
            let test = Test::new(condition.operator, value)
                .map_err(|message| Failure::invalid_config(format!("{pointer}/{index}/value"), message))?;
            tests.push((self.fields.slot(&condition.field), test));
        }
        self.groups.push(Group { tests, matching });
        Ok(self.groups.len() - 1)
    }

    /// Whether the first group holds for a document of its own.
    ///
    /// # Errors
    /// If it is no JSON.
    pub fn hold(&self, document: &str) -> Result<bool, ScanError> {
        let mut scanner = Scanner::new(document);
        let found = self.find(&mut scanner)?;
        scanner.end()?;
        Ok(self.group_holds(0, &found))
    }

    /// Passes over the value that stands next in `scanner` and finds every group's fields in it.
    ///
    /// # Errors
    /// If it is no JSON.
    pub fn find<'a>(&self, scanner: &mut Scanner<'a>) -> Result<Found<'a>, ScanError> {
        let mut fields = self.fields.empty();
        let text = self.fields.find(scanner, &mut fields)?;
        Ok(Found { text, fields })
    }

    /// Whether a group holds for what was found; a group that was never added does not.
    pub fn group_holds(&self, group: usize, found: &Found<'_>) -> bool {
        let Some(group) = self.groups.get(group) else { return false };
        let mut holds = group.tests.iter().map(|(slot, test)| test.holds(found.fields[*slot]));
        match group.matching {
            Match::All => holds.all(|held| held),
            Match::Any => holds.any(|held| held),
        }
    }
}

/// Tells a null from a value that is not there.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests;
