//! The node's input: items as they stand, and the fields that a call takes from them.

use std::collections::HashMap;

use blockyard_sdk::Failure;
use blockyard_sdk::items::OneOrMany;
use serde_json::value::RawValue;

/// The items.
pub(crate) fn items(text: &str) -> Result<OneOrMany<Box<RawValue>>, Failure> {
    let read = if text.trim_start().starts_with('[') {
        serde_json::from_str(text).map(OneOrMany::Many)
    } else {
        serde_json::from_str(text).map(OneOrMany::One)
    };
    read.map_err(|error| Failure::invalid_input("", error))
}

/// An item, and where it stands in the input.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Item<'a> {
    pub(crate) raw: Option<&'a RawValue>,
    pub(crate) pointer: &'a str,
}

impl<'a> Item<'a> {
    /// For calls that take nothing from the input.
    pub(crate) const NONE: Item<'static> = Item { raw: None, pointer: "" };

    /// A field by its name, or by JSON pointer if `path` begins with a slash.
    pub(crate) fn get(&self, path: &str) -> Option<&'a RawValue> {
        let Some(pointer) = path.strip_prefix('/') else { return member(self.raw?, path) };
        pointer.split('/').try_fold(self.raw?, |value, key| member(value, &key.replace("~1", "/").replace("~0", "~")))
    }

    /// The same, where a call makes no sense without it.
    pub(crate) fn require(&self, path: &str) -> Result<&'a RawValue, Failure> {
        self.get(path).ok_or_else(|| self.wrong(path, "it is missing"))
    }

    /// What is wrong with a field.
    pub(crate) fn wrong(&self, path: &str, message: &str) -> Failure {
        let slash = if path.starts_with('/') { "" } else { "/" };
        Failure::invalid_input(format!("{}{slash}{path}", self.pointer), message)
    }
}

pub(crate) fn member<'a>(value: &'a RawValue, key: &str) -> Option<&'a RawValue> {
    if value.get().starts_with('[') {
        let elements: Vec<&'a RawValue> = serde_json::from_str(value.get()).ok()?;
        return elements.get(key.parse::<usize>().ok()?).copied();
    }
    serde_json::from_str::<HashMap<String, &'a RawValue>>(value.get()).ok()?.remove(key)
}

/// One call for each item if `depends`, else one call.
pub(crate) fn calls<T>(
    text: &str,
    depends: bool,
    mut prepare: impl FnMut(Item<'_>) -> Result<T, Failure>,
) -> Result<OneOrMany<T>, Failure> {
    if !depends {
        return prepare(Item::NONE).map(OneOrMany::One);
    }
    items(text)?.try_map(|pointer, raw| prepare(Item { raw: Some(&raw), pointer }))
}
