//! The configuration.

use blockyard_chat::{Options, Role, Sampling};
use blockyard_sdk::Failure;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How many texts may end an answer.
const MAX_STOPS: usize = 4;
/// The longest name of a schema.
const MAX_NAME: usize = 64;

blockyard_chat::config! {
    /// What the model is asked.
    pub struct Config {
        /// The instructions, as the system message. Keep what people wrote out of it: text that a template fills in here
        /// speaks with the same authority.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(with = "String")]
        system: Option<String>,
        /// The question. The item follows it as data, so that a template is needed only for what the item does not hold;
        /// text that a template fills in here is not marked as data.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(with = "String")]
        prompt: Option<String>,
        /// Messages between the system message and the question, such as examples of good answers.
        #[serde(default)]
        messages: Vec<Turn>,
        /// Whether the item is put before the model. An input of null never is.
        #[serde(default = "yes")]
        include_input: bool,
        /// How freely the model chooses its words, 0 to 2. Left to the model if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(with = "f64", range(min = 0, max = 2))]
        temperature: Option<f64>,
        /// The share of probability from which words are chosen, 0 to 1. Left to the model if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(with = "f64", range(min = 0, max = 1))]
        top_p: Option<f64>,
        /// A number that makes answers repeatable, as far as the provider can.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(with = "i64")]
        seed: Option<i64>,
        /// Texts at which the answer ends, up to 4.
        #[serde(default)]
        #[schemars(length(max = 4))]
        stop: Vec<String>,
        /// A JSON Schema for the answer. It is sent to the provider, and the answer is checked by it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Map<String, Value>")]
        response_schema: Option<Map<String, Value>>,
        /// The name of the schema: letters, digits, `_` and `-`, up to 64.
        #[serde(default = "answer")]
        #[schemars(regex(pattern = r"^[A-Za-z0-9_-]{1,64}$"))]
        schema_name: String,
        /// Whether the provider has to keep to the schema word for word. Some then want every property in `required` and
        /// `additionalProperties: false`.
        #[serde(default = "yes")]
        strict: bool,
    }
}

/// A message of the conversation.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Turn {
    /// Who speaks.
    pub(crate) role: Role,
    /// A text, or parts such as `{"type": "text", "text": "..."}` and `{"type": "image_url", "image_url": {"url": "..."}}`.
    pub(crate) content: Content,
}

/// What is said.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Content {
    /// A text.
    Text(String),
    /// Parts, as the vendor takes them.
    Parts(Vec<Map<String, Value>>),
}

fn yes() -> bool {
    true
}

fn answer() -> String {
    "answer".to_owned()
}

impl Config {
    /// The common options with the sampling.
    pub(crate) fn all_options(&self) -> Options {
        let mut options = self.options();
        options.sampling =
            Sampling { temperature: self.temperature, top_p: self.top_p, seed: self.seed, stop: self.stop.clone() };
        options
    }

    /// What the schema says, for configurations that come without a host.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.stop.len() > MAX_STOPS {
            return Err(Failure::invalid_config("/stop", format!("at most {MAX_STOPS} are allowed")));
        }
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if self.schema_name.is_empty() || self.schema_name.len() > MAX_NAME || !self.schema_name.bytes().all(is_name) {
            return Err(Failure::invalid_config("/schemaName", "it takes 1 to 64 letters, digits, `_` and `-`"));
        }
        Ok(())
    }

    pub(crate) fn system(&self) -> Option<&str> {
        said(self.system.as_deref())
    }

    pub(crate) fn prompt(&self) -> Option<&str> {
        said(self.prompt.as_deref())
    }

    pub(crate) fn turns(&self) -> &[Turn] {
        &self.messages
    }

    pub(crate) fn includes_input(&self) -> bool {
        self.include_input
    }

    pub(crate) fn response_schema(&self) -> Option<&Map<String, Value>> {
        self.response_schema.as_ref()
    }

    pub(crate) fn schema_name(&self) -> &str {
        &self.schema_name
    }

    pub(crate) fn is_strict(&self) -> bool {
        self.strict
    }
}

fn said(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.trim().is_empty())
}
