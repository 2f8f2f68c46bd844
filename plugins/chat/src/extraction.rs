//! A question whose answer is to be found in a record.

use blockyard_sdk::Failure;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Completion, Message, Question, Rejection, Role, data, json};

/// What is looked for in a record.
pub trait Extractor {
    /// What the model answers.
    type Answer: DeserializeOwned;
    /// What the block makes of it.
    type Found: Serialize;

    /// The instructions. They are the same for every item and hold nothing of it.
    fn system(&self) -> &str;

    /// Checks an answer against what the model saw.
    ///
    /// # Errors
    /// What is wrong with it, without quoting it.
    fn found(&self, seen: &Value, answer: Self::Answer) -> Result<Self::Found, String>;
}

/// The result for one item.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Found<T> {
    /// What was found.
    #[serde(flatten)]
    found: T,
    /// The fields of the item that `keep` names; absent if it has none of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Map<String, Value>")]
    item: Option<Map<String, Value>>,
}

/// What becomes of what the model says and the item does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Unverified {
    /// It stays, with `verified: false`.
    #[default]
    Mark,
    /// It is left out.
    Drop,
}

impl Unverified {
    /// Whether something stays in the result.
    pub fn keeps(self, verified: bool) -> bool {
        verified || self == Self::Mark
    }
}

/// Asks an extractor's question about texts and objects.
#[derive(Debug)]
pub struct Extraction<'a, E> {
    /// What is looked for.
    pub extractor: &'a E,
    /// The fields of an object that the model sees; empty for all.
    pub text_fields: &'a [String],
    /// The fields of an object that its result repeats.
    pub keep: &'a [String],
    /// Whether the input is a list, which errors point into.
    pub is_list: bool,
}

impl<E> Extraction<'_, E> {
    fn seen(&self, index: usize, item: &Value) -> Result<Value, Failure> {
        let pointer = if self.is_list { format!("/{index}") } else { String::new() };
        data::select(item, self.text_fields, &pointer)
    }
}

impl<E: Extractor> Question for Extraction<'_, E> {
    type Item = Value;
    type Result = Found<E::Found>;

    fn messages(&self, index: usize, item: &Value) -> Result<Vec<Message>, Failure> {
        let record = data::wrap(&self.seen(index, item)?)?;
        Ok(vec![Message::text(Role::System, self.extractor.system()), Message::text(Role::User, record)])
    }

    fn result(&self, index: usize, item: &Value, completion: &Completion) -> Result<Self::Result, Rejection> {
        let seen = self.seen(index, item).map_err(Rejection::Fail)?;
        let text = completion.text.as_deref().unwrap_or_default();
        let answer = json::decode(text).map_err(Rejection::Repair)?;
        let found = self.extractor.found(&seen, answer).map_err(Rejection::Repair)?;
        let kept = item.as_object().map(|object| data::some_of(object, self.keep));
        Ok(Found { found, item: kept.filter(|kept| !kept.is_empty()) })
    }
}
