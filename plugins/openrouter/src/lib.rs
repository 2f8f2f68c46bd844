//! `ai.openrouter`: a chat completion for each item, as text or by a JSON Schema.
//!
//! Facts: OpenRouter's `POST /chat/completions`, see the crate `blockyard-chat`, which also lists the failures.

mod config;
mod conversation;
mod examples;
mod structure;

use blockyard_chat::{Answers, Chat, Usage, ask};
use blockyard_sdk::items::OneOrMany;
use blockyard_sdk::{Block, Context, Failure, Manifest, Outcome, RawJson, export_block};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use config::Config;
use conversation::Conversation;
use structure::Structure;

/// The block.
#[derive(Debug)]
pub struct OpenRouter;

/// What the model answered to one item.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    /// Its words. With `responseSchema`, the JSON text as it came.
    text: String,
    /// With `responseSchema`, the answer, which keeps to the schema; null otherwise.
    #[schemars(with = "RawJson")]
    json: Option<Box<RawValue>>,
    /// The model that served, which may be a fallback.
    model: String,
    /// Why it ended: `stop`, or `length` if the limit of tokens cut it off; null if the vendor did not say.
    finish_reason: Option<String>,
    /// What it took, a repair included.
    usage: Usage,
}

impl Block for OpenRouter {
    type Config = Config;
    type Input = OneOrMany<Value>;
    type Output = Answers<Reply>;

    fn manifest() -> Manifest {
        let manifest = Manifest::new("ai.openrouter", env!("CARGO_PKG_VERSION"), "OpenRouter").description(
            "Asks a language model over OpenRouter, once for each item. The item follows the prompt as data that the model \
             is told not to obey. With a JSON Schema the answer is checked, and sent back once if it does not keep to it. \
             The metadata hold requests, repairs, tokens and the cost in USD.",
        );
        examples::all().into_iter().fold(blockyard_chat::manifest(manifest), Manifest::example)
    }

    fn execute(config: Config, input: Self::Input, context: &Context) -> Result<Outcome<Self::Output>, Failure> {
        config.check()?;
        let structure = Structure::new(&config)?;
        let chat = Chat::new(config.all_options(), structure.as_ref().map(|structure| structure.format(&config)))?;
        let conversation = Conversation { config: &config, structure: structure.as_ref() };
        ask(&chat, &conversation, &input, "answered", context).map(Answers::of)
    }
}

export_block!(OpenRouter);

#[cfg(test)]
mod tests;
