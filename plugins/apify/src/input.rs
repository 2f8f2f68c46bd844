//! The node's input, and what it is for an Actor.

use std::collections::BTreeMap;

use blockyard_sdk::Failure;
use blockyard_sdk::items::OneOrMany;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

/// What an item of the node's input is for the Actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum UseItem {
    /// Its fields are added to `input`, and win over fields of the same name.
    #[default]
    Merge,
    /// It is the Actor's input; `input` must be empty.
    Replace,
    /// Nothing: there is one run with `input`, whatever comes in.
    Ignore,
}

type Fields = BTreeMap<String, Box<RawValue>>;

/// The items as they stand.
pub(crate) fn items(text: &str) -> Result<OneOrMany<Box<RawValue>>, Failure> {
    let read = if text.trim_start().starts_with('[') {
        serde_json::from_str(text).map(OneOrMany::Many)
    } else {
        serde_json::from_str(text).map(OneOrMany::One)
    };
    read.map_err(|error| Failure::invalid_input("", error))
}

/// The Actor's input for each run.
pub(crate) fn actor_inputs(
    input: &Map<String, Value>,
    use_item: UseItem,
    text: &str,
) -> Result<OneOrMany<Box<RawValue>>, Failure> {
    if use_item == UseItem::Ignore {
        return Ok(OneOrMany::One(to_raw_value(input)?));
    }
    if use_item == UseItem::Replace && !input.is_empty() {
        return Err(Failure::invalid_config("/input", "with `useItem: replace` it must be empty"));
    }
    let mut fixed = Fields::new();
    for (key, value) in input {
        fixed.insert(key.clone(), to_raw_value(value)?);
    }
    items(text)?.try_map(|pointer, item| {
        if use_item == UseItem::Merge && item.get() == "null" {
            return Ok(to_raw_value(&fixed)?);
        }
        let fields: Fields = serde_json::from_str(item.get())
            .map_err(|_| Failure::invalid_input(pointer, "it is no object, which the input of an Actor is"))?;
        if fixed.is_empty() {
            return Ok(item);
        }
        let mut merged = fixed.clone();
        merged.extend(fields);
        Ok(to_raw_value(&merged)?)
    })
}
