//! The configuration that all of the blocks have.

use blockyard_sdk::Failure;
use blockyard_sdk::items::OnItemError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Sampling;

/// Defaults of configuration fields, by name for `#[serde(default = "...")]`.
pub mod defaults {
    /// The vendor's.
    pub fn base_url() -> String {
        "https://openrouter.ai/api/v1".to_owned()
    }

    /// Cheap, quick, and it keeps to JSON Schemas.
    pub fn model() -> String {
        "openai/gpt-4o-mini".to_owned()
    }

    /// Two minutes.
    pub fn timeout_ms() -> u32 {
        120_000
    }

    /// Eight requests.
    pub fn concurrency() -> u8 {
        8
    }

    /// The same answer to the same question, as far as the model can.
    pub fn temperature() -> Option<f64> {
        Some(0.0)
    }

    /// Fields by which people tell records apart.
    pub fn keep() -> Vec<String> {
        ["id", "email", "username", "url"].map(str::to_owned).into()
    }
}

/// How much a reasoning model thinks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Effort {
    /// As much as the model can.
    Max,
    /// More than high.
    XHigh,
    /// Long.
    High,
    /// In between.
    Medium,
    /// Briefly.
    Low,
    /// As little as the model can.
    Minimal,
    /// Not at all.
    None,
}

/// The common part of a block's configuration; [`config!`](crate::config!) makes it.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the fields are documented where the macro declares them")]
pub struct Options {
    pub base_url: String,
    pub model: String,
    pub models: Vec<String>,
    pub provider: Option<Map<String, Value>>,
    pub effort: Option<Effort>,
    pub max_tokens: Option<u32>,
    pub referer: Option<String>,
    pub title: Option<String>,
    pub timeout_ms: u32,
    pub concurrency: u8,
    pub on_item_error: OnItemError,
    pub sampling: Sampling,
}

impl Options {
    /// What the schema says, for configurations that come without a host.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.model.trim().is_empty() {
            return Err(Failure::invalid_config("/model", "it is empty"));
        }
        if self.max_tokens == Some(0) {
            return Err(Failure::invalid_config("/maxTokens", "at least 1 is needed"));
        }
        if self.timeout_ms == 0 {
            return Err(Failure::invalid_config("/timeoutMs", "at least 1 is needed"));
        }
        within("/temperature", self.sampling.temperature, 0.0, 2.0)?;
        within("/topP", self.sampling.top_p, 0.0, 1.0)?;
        for (pointer, header) in [("/referer", &self.referer), ("/title", &self.title)] {
            if header.as_deref().is_some_and(|header| header.bytes().any(|byte| !(32..127).contains(&byte))) {
                return Err(Failure::invalid_config(pointer, "a header takes printable ASCII characters only"));
            }
        }
        Ok(())
    }
}

fn within(pointer: &str, value: Option<f64>, min: f64, max: f64) -> Result<(), Failure> {
    match value {
        Some(value) if !(min..=max).contains(&value) => {
            Err(Failure::invalid_config(pointer, format!("{min} to {max} is allowed")))
        }
        _ => Ok(()),
    }
}

/// Declares a block's configuration: its own fields, then those of every AI block, and `fn options(&self)`, which
/// gives the latter (without sampling).
#[macro_export]
macro_rules! config {
    ($(#[$meta:meta])* $vis:vis struct $name:ident { $($own:tt)* }) => {
        $(#[$meta])*
        #[derive(Debug, ::serde::Deserialize, ::schemars::JsonSchema)]
        #[serde(deny_unknown_fields, rename_all = "camelCase")]
        $vis struct $name {
            $($own)*
            /// The model that answers: `author/slug`, with a variant such as `:free` or `:nitro` if wanted.
            #[serde(default = "blockyard_chat::defaults::model")]
            #[schemars(length(min = 1))]
            model: String,
            /// Models to fall back to, in this order, if `model` is not available.
            #[serde(default)]
            models: Vec<String>,
            /// Which providers may serve the request, as OpenRouter takes it: `order`, `only`, `ignore` (lists of
            /// slugs), `allow_fallbacks`, `require_parameters` (skip providers that would ignore a parameter, such as
            /// the JSON Schema), `data_collection` (`allow` or `deny`), `zdr`, `quantizations`, `sort`, `max_price`
            /// (USD, as strings) and others. Unknown keys are refused by the vendor.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(with = "::serde_json::Map<String, ::serde_json::Value>")]
            provider: Option<::serde_json::Map<String, ::serde_json::Value>>,
            /// How much a reasoning model thinks before it answers. Left to the model if absent.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(with = "blockyard_chat::Effort")]
            reasoning_effort: Option<blockyard_chat::Effort>,
            /// The most tokens that an answer may have, its reasoning included. Some providers need at least 16. Left
            /// to the model if absent.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(with = "u32", range(min = 1))]
            max_tokens: Option<u32>,
            /// The URL of your app, sent as `HTTP-Referer` for OpenRouter's attribution. Not sent if absent.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(with = "String")]
            referer: Option<String>,
            /// The name of your app, sent as `X-OpenRouter-Title`; ASCII. Not sent if absent.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(with = "String")]
            title: Option<String>,
            /// How long one answer may take, in milliseconds.
            #[serde(default = "blockyard_chat::defaults::timeout_ms")]
            #[schemars(range(min = 1, max = 600_000))]
            timeout_ms: u32,
            /// How many items of a list are asked about side by side.
            #[serde(default = "blockyard_chat::defaults::concurrency")]
            #[schemars(range(min = 1, max = 64))]
            concurrency: u8,
            /// What the failure of one item in a list does: `include` puts `{"error": {...}}` in its place, `fail` fails
            /// the whole call.
            #[serde(default)]
            on_item_error: ::blockyard_sdk::items::OnItemError,
            /// The API's base URL with its version, for proxies. Its host has to be granted.
            #[serde(default = "blockyard_chat::defaults::base_url")]
            base_url: String,
        }

        impl $name {
            fn options(&self) -> $crate::Options {
                $crate::Options {
                    base_url: self.base_url.clone(),
                    model: self.model.clone(),
                    models: self.models.clone(),
                    provider: self.provider.clone(),
                    effort: self.reasoning_effort,
                    max_tokens: self.max_tokens,
                    referer: self.referer.clone(),
                    title: self.title.clone(),
                    timeout_ms: self.timeout_ms,
                    concurrency: self.concurrency,
                    on_item_error: self.on_item_error,
                    sampling: $crate::Sampling::default(),
                }
            }
        }
    };
}

/// [`config!`](crate::config!) for a block that extracts: with `textFields`, `keep` and `temperature`, and
/// `fn extraction_options(&self)`.
#[macro_export]
macro_rules! extraction_config {
    ($(#[$meta:meta])* $vis:vis struct $name:ident { $($own:tt)* }) => {
        $crate::config! {
            $(#[$meta])*
            $vis struct $name {
                $($own)*
                /// Fields of an item that the model gets to see, by dotted path such as `profile.bio`. Empty: the whole
                /// item. Items that are plain texts are always seen whole.
                #[serde(default)]
                text_fields: Vec<String>,
                /// Fields of an item that are repeated in its result, under `item`, so that results can be told apart.
                #[serde(default = "blockyard_chat::defaults::keep")]
                keep: Vec<String>,
                /// How freely the model chooses its words, 0 to 2. Null sends none, for models that take none.
                #[serde(default = "blockyard_chat::defaults::temperature")]
                #[schemars(range(min = 0, max = 2))]
                temperature: Option<f64>,
            }
        }

        impl $name {
            fn extraction_options(&self) -> $crate::Options {
                let mut options = self.options();
                options.sampling.temperature = self.temperature;
                options
            }
        }
    };
}
