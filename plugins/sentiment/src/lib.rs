//! `ai.sentiment`: whether texts speak well or badly of what they are about.
//!
//! Facts: OpenRouter's chat completions, see the crate `blockyard-chat`, which also lists the failures.

mod answer;
mod examples;

use blockyard_chat::{Answers, Chat, Extraction, Found, ask};
use blockyard_sdk::items::OneOrMany;
use blockyard_sdk::{Block, Context, Failure, Manifest, Outcome, export_block};
use serde_json::Value;

use answer::{Judge, Sentiment, format};

/// The block.
#[derive(Debug)]
pub struct SentimentBlock;

blockyard_chat::extraction_config! {
    /// How texts are judged.
    pub struct Config {
        /// What the feeling has to be about, such as `our product`; the text's own subject if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(with = "String", length(max = 500))]
        about: Option<String>,
        /// The language of the rationale, such as `English`; that of the text if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(with = "String", length(max = 100))]
        language: Option<String>,
    }
}

impl Block for SentimentBlock {
    type Config = Config;
    type Input = OneOrMany<Value>;
    type Output = Answers<Found<Sentiment>>;

    fn manifest() -> Manifest {
        let manifest = Manifest::new("ai.sentiment", env!("CARGO_PKG_VERSION"), "Sentiment").description(
            "Judges for each text, or each object with texts in it, whether it is positive, neutral, negative or mixed, \
             with a score from -1 to 1 and a rationale. One request an item; an answer that does not fit is sent back \
             once. The metadata hold requests, repairs, tokens and the cost in USD.",
        );
        examples::all().into_iter().fold(blockyard_chat::manifest(manifest), Manifest::example)
    }

    fn execute(config: Config, input: Self::Input, context: &Context) -> Result<Outcome<Self::Output>, Failure> {
        let chat = Chat::new(config.extraction_options(), Some(format()))?;
        let judge = Judge::new(config.about.as_deref(), config.language.as_deref());
        let question = Extraction {
            extractor: &judge,
            text_fields: &config.text_fields,
            keep: &config.keep,
            is_list: input.is_many(),
        };
        ask(&chat, &question, &input, "judged", context).map(Answers::of)
    }
}

export_block!(SentimentBlock);

#[cfg(test)]
mod tests;
