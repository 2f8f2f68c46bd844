//! What the host says about the running call.

use std::fmt;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::{Failure, codes};

/// The running call: who, where, which attempt, and what the workflow and the installation give.
///
/// Every field may be missing and unknown ones are ignored, so that a block keeps working with older and newer
/// hosts. `variables`, `settings` and `state` are parsed only when they are asked for.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct Context<'a> {
    execution_id: Option<String>,
    workflow_id: Option<String>,
    node_id: Option<String>,
    item_index: Option<u64>,
    attempt: Option<u32>,
    mode: Option<Mode>,
    user_id: Option<String>,
    idempotency_key: Option<String>,
    #[serde(borrow)]
    variables: Option<&'a RawValue>,
    #[serde(borrow)]
    settings: Option<&'a RawValue>,
    #[serde(borrow)]
    placeholders: Option<&'a RawValue>,
    #[serde(borrow)]
    state: Option<&'a RawValue>,
}

/// Whether the call may have effects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Mode {
    /// Talks to the network.
    #[default]
    Production,
    /// Answers from the examples' recorded exchanges.
    Demo,
    /// Answers from exchanges that came with the request.
    Test,
    /// A mode that this version of the SDK does not know.
    #[serde(other)]
    Unknown,
}

impl<'a> Context<'a> {
    /// Reads the host's JSON. `{}` and an empty text are contexts too.
    ///
    /// # Errors
    /// [`codes::INTERNAL`] if the text is no context at all.
    pub fn from_json(text: &'a str) -> Result<Self, Failure> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        serde_json::from_str(text).map_err(|error| Failure::new(codes::INTERNAL, format!("the context: {error}")))
    }

    /// The execution that this call belongs to; empty if the host did not say.
    pub fn execution_id(&self) -> &str {
        self.execution_id.as_deref().unwrap_or_default()
    }

    /// The workflow that is executed; empty if the host did not say.
    pub fn workflow_id(&self) -> &str {
        self.workflow_id.as_deref().unwrap_or_default()
    }

    /// The node in that workflow; empty if the host did not say.
    pub fn node_id(&self) -> &str {
        self.node_id.as_deref().unwrap_or_default()
    }

    /// Which item of a `forEach` this is, from 0.
    pub fn item_index(&self) -> Option<u64> {
        self.item_index
    }

    /// Which attempt this is, from 1.
    pub fn attempt(&self) -> u32 {
        self.attempt.unwrap_or(1)
    }

    /// Whether the call may have effects.
    pub fn mode(&self) -> Mode {
        self.mode.unwrap_or_default()
    }

    /// On whose behalf; empty if the host did not say.
    pub fn user_id(&self) -> &str {
        self.user_id.as_deref().unwrap_or_default()
    }

    /// The same over attempts, takeovers and restarts: pass it on where a vendor takes such a key.
    pub fn idempotency_key(&self) -> &str {
        self.idempotency_key.as_deref().unwrap_or_default()
    }

    /// The workflow's variables as JSON text, `{}` if there are none.
    pub fn variables_json(&self) -> &'a str {
        self.variables.map_or("{}", RawValue::get)
    }

    /// One of the workflow's variables, `None` if it is not there or null.
    ///
    /// # Errors
    /// [`codes::INVALID_CONFIG`] if it is of another type.
    pub fn variable<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Failure> {
        named(self.variables, "variable", name)
    }

    /// A setting of the installation that the manifest asked for, `None` if it is not set.
    ///
    /// # Errors
    /// [`codes::INVALID_CONFIG`] if it is of another type.
    pub fn setting<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Failure> {
        named(self.settings, "setting", name)
    }

    /// What stands for a secret in requests by way of a standard client (`wasi:http`), `None` if the secret is not granted
    /// or the component has no such client.
    ///
    /// The host puts the secret in its place in headers, the query and the body, if it may go where the request goes. The
    /// text is worth nothing after the call.
    ///
    /// # Errors
    /// [`codes::INVALID_CONFIG`] if it is no text.
    pub fn placeholder(&self, secret: &str) -> Result<Option<String>, Failure> {
        named(self.placeholders, "placeholder", secret)
    }

    /// What the last suspension of this call left, `None` on the first call.
    ///
    /// # Errors
    /// [`codes::INTERNAL`] if it is of another type.
    pub fn state<T: DeserializeOwned>(&self) -> Result<Option<T>, Failure> {
        match self.state.map(RawValue::get) {
            None | Some("null") => Ok(None),
            Some(text) => serde_json::from_str(text)
                .map(Some)
                .map_err(|error| Failure::new(codes::INTERNAL, format!("the state of the suspended call: {error}"))),
        }
    }
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("execution_id", &self.execution_id())
            .field("node_id", &self.node_id())
            .field("item_index", &self.item_index)
            .field("attempt", &self.attempt())
            .field("mode", &self.mode())
            .finish_non_exhaustive()
    }
}

fn named<T: DeserializeOwned>(object: Option<&RawValue>, what: &str, name: &str) -> Result<Option<T>, Failure> {
    let Some(object) = object else { return Ok(None) };
    let wrong = |error| Failure::new(codes::INVALID_CONFIG, format!("the {what} `{name}`: {error}"));
    let mut object: std::collections::HashMap<String, &RawValue> = serde_json::from_str(object.get()).map_err(wrong)?;
    match object.remove(name).map(RawValue::get) {
        None | Some("null") => Ok(None),
        Some(text) => serde_json::from_str(text).map(Some).map_err(wrong),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_object_is_a_context() {
        for text in ["{}", ""] {
            let context = Context::from_json(text).unwrap();
            assert_eq!((context.node_id(), context.attempt(), context.mode()), ("", 1, Mode::Production));
            assert_eq!(context.variables_json(), "{}");
            assert_eq!(context.state::<u8>().unwrap(), None);
        }
    }

    #[test]
    fn fields_are_read_and_unknown_ones_and_nulls_are_ignored() {
        let text = r#"{"executionId": "e\u0041", "itemIndex": 3, "attempt": 2, "mode": "demo", "userId": null,
            "later": {"x": 1}, "variables": {"n": 5, "s": "x"}, "settings": {"url": "u"}, "state": {"run": 7}}"#;
        let context = Context::from_json(text).unwrap();
        assert_eq!(context.execution_id(), "eA");
        assert_eq!((context.item_index(), context.attempt(), context.mode()), (Some(3), 2, Mode::Demo));
        assert_eq!(context.user_id(), "");
        assert_eq!(context.variable::<u8>("n").unwrap(), Some(5));
        assert_eq!(context.variable::<u8>("none").unwrap(), None);
        assert_eq!(context.variable::<u8>("s").unwrap_err().code(), codes::INVALID_CONFIG);
        assert_eq!(context.setting::<String>("url").unwrap().as_deref(), Some("u"));
        assert_eq!(context.state::<serde_json::Value>().unwrap(), Some(serde_json::json!({"run": 7})));
        assert_eq!(context.placeholder("key").unwrap(), None);
        let context = Context::from_json(r#"{"placeholders": {"key": "stands-for-it"}}"#).unwrap();
        assert_eq!(context.placeholder("key").unwrap().as_deref(), Some("stands-for-it"));
        assert_eq!(context.placeholder("other").unwrap(), None);
    }

    #[test]
    fn a_mode_of_the_future_is_unknown_instead_of_an_error() {
        assert_eq!(Context::from_json(r#"{"mode": "dream"}"#).unwrap().mode(), Mode::Unknown);
    }
}
