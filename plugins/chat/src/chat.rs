//! The request.

use blockyard_sdk::Failure;
use blockyard_sdk::http::Request;
use blockyard_sdk::secrets::{self, Secret};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{Options, SECRET};

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The instructions.
    System,
    /// The instructions, for models that call them so.
    Developer,
    /// The one who asks.
    User,
    /// The model.
    Assistant,
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// A text, or a list of parts as the vendor takes them.
    pub content: Value,
}

impl Message {
    /// A message of text.
    pub fn text(role: Role, text: impl Into<String>) -> Self {
        Self { role, content: Value::String(text.into()) }
    }
}

/// The JSON Schema by which the model answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Format {
    /// Letters, digits, `_` and `-`, up to 64.
    pub name: String,
    /// Whether the provider has to keep to it word for word.
    pub strict: bool,
    /// The schema.
    pub schema: Value,
}

impl Format {
    /// A strict one.
    pub fn strict(name: &str, schema: Value) -> Self {
        Self { name: name.to_owned(), strict: true, schema }
    }

    /// As `response_format` says it.
    pub fn to_json(&self) -> Value {
        json!({
            "type": "json_schema",
            "json_schema": {"name": self.name, "strict": self.strict, "schema": self.schema}
        })
    }
}

/// How the model chooses its words; what is `None` is not sent.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Sampling {
    /// 0 to 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// For repeatable answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<i64>,
    /// Texts at which the answer ends, up to 4.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    models: &'a [String],
    messages: &'a [Message],
    #[serde(flatten)]
    sampling: &'a Sampling,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<&'a serde_json::Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<Value>,
}

/// Everything about the requests of a call but their messages.
#[derive(Debug)]
pub struct Chat {
    options: Options,
    format: Option<Format>,
    key: Secret,
}

impl Chat {
    /// Takes the key, which is the secret [`SECRET`].
    ///
    /// # Errors
    /// `invalid-config` for options out of range; as [`secrets::get`] if there is no key.
    pub fn new(options: Options, format: Option<Format>) -> Result<Self, Failure> {
        options.check()?;
        let key = secrets::get(SECRET)?;
        Ok(Self { options, format, key })
    }

    /// The options.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// How the model has to answer.
    pub fn format(&self) -> Option<&Format> {
        self.format.as_ref()
    }

    /// The request for the next message of a conversation.
    ///
    /// # Errors
    /// Never in practice: messages hold nothing that JSON cannot.
    pub fn request(&self, messages: &[Message]) -> Result<Request, Failure> {
        let options = &self.options;
        let body = Body {
            model: &options.model,
            models: &options.models,
            messages,
            sampling: &options.sampling,
            max_completion_tokens: options.max_tokens,
            reasoning: options.effort.map(|effort| json!({ "effort": effort })),
            provider: options.provider.as_ref(),
            response_format: self.format.as_ref().map(Format::to_json),
        };
        let url = format!("{}/chat/completions", options.base_url.trim_end_matches('/'));
        let mut request = Request::post(url).bearer(&self.key).timeout_ms(options.timeout_ms).json(&body)?;
        if let Some(referer) = &options.referer {
            request = request.header("HTTP-Referer", referer);
        }
        if let Some(title) = &options.title {
            request = request.header("X-OpenRouter-Title", title);
        }
        Ok(request)
    }
}
