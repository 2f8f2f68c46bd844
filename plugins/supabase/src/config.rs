//! What a node says it wants, and what the operations share.

use blockyard_sdk::Failure;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{Delete, Insert, Rpc, Select, Update, Upsert};

/// What to do, by `operation`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "operation", rename_all = "camelCase")]
pub enum Config {
    /// Read rows.
    Select(Select),
    /// Add rows.
    Insert(Insert),
    /// Add rows, or change those that are there already.
    Upsert(Upsert),
    /// Change rows that meet filters.
    Update(Update),
    /// Delete rows that meet filters.
    Delete(Delete),
    /// Call a function of the database.
    Rpc(Rpc),
}

/// How the total number of rows is counted; it becomes the metadata's `total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Count {
    /// Count all rows, which is slow for large tables.
    Exact,
    /// The planner's guess.
    Planned,
    /// Exact for few rows, a guess for many.
    Estimated,
}

impl Count {
    pub(crate) fn preference(self) -> String {
        let how = match self {
            Self::Exact => "exact",
            Self::Planned => "planned",
            Self::Estimated => "estimated",
        };
        format!("count={how}")
    }
}

/// What a write gives back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Returning {
    /// How many rows.
    #[default]
    Minimal,
    /// The rows as they are afterwards (or were, for a delete), which needs the right to read them.
    Representation,
}

/// One key of the order.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Order {
    /// The column, or a path into JSON such as `data->>city`.
    #[schemars(length(min = 1))]
    column: String,
    /// From high to low.
    #[serde(default)]
    descending: bool,
    /// Where rows without a value stand; else as the database does, which takes them for the highest.
    #[serde(default)]
    nulls: Option<Nulls>,
}

/// Where rows without a value stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Nulls {
    /// Before all others.
    First,
    /// After all others.
    Last,
}

/// The parameter `order`.
pub(crate) fn order(keys: &[Order]) -> Option<String> {
    let keys = keys.iter().map(|key| {
        let direction = if key.descending { "desc" } else { "asc" };
        let nulls = match key.nulls {
            None => "",
            Some(Nulls::First) => ".nullsfirst",
            Some(Nulls::Last) => ".nullslast",
        };
        format!("{}.{direction}{nulls}", key.column)
    });
    let keys: Vec<_> = keys.collect();
    (!keys.is_empty()).then(|| keys.join(","))
}

/// The name of a table or function, as one path segment.
pub(crate) fn named(name: &str, pointer: &str) -> Result<String, Failure> {
    let name = name.trim();
    if name.is_empty() || name == "." || name == ".." || name.contains(char::is_control) {
        return Err(Failure::invalid_config(pointer, "it is no name"));
    }
    Ok(name.to_owned())
}

/// A number that the schema bounds, also where that was not checked.
pub(crate) fn bounded(value: u64, max: u64, pointer: &str) -> Result<u64, Failure> {
    if (1..=max).contains(&value) {
        Ok(value)
    } else {
        Err(Failure::invalid_config(pointer, format!("it is not from 1 to {max}")))
    }
}

pub(crate) fn concurrency() -> usize {
    4
}
