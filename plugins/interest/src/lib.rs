//! `ai.interest`: what people are interested in, going by what they write and do.
//!
//! Facts: OpenRouter's chat completions, see the crate `blockyard-chat`, which also lists the failures.

mod answer;
mod examples;

use blockyard_chat::{Answers, Chat, Extraction, Found, Unverified, ask};
use blockyard_sdk::items::OneOrMany;
use blockyard_sdk::{Block, Context, Failure, Manifest, Outcome, export_block};
use serde_json::Value;

use answer::{Interests, Reader};

/// The most interests that can be asked for.
const MOST: u8 = 50;

/// The block.
#[derive(Debug)]
pub struct InterestBlock;

blockyard_chat::extraction_config! {
    /// Which interests are looked for.
    pub struct Config {
        /// The most interests that an item gets; the surest ones are kept.
        #[serde(default = "ten")]
        #[schemars(range(min = 1, max = 50))]
        max_interests: u8,
        /// The categories to choose from, such as `["Sport", "Travel"]`. Empty: the model finds its own.
        #[serde(default)]
        #[schemars(length(max = 200))]
        categories: Vec<String>,
        /// Interests below this confidence, 0 to 1, are left out.
        #[serde(default)]
        #[schemars(range(min = 0, max = 1))]
        min_confidence: f64,
        /// What becomes of an interest whose evidence is no quotation from the item.
        #[serde(default)]
        unverified: Unverified,
    }
}

fn ten() -> u8 {
    10
}

impl Config {
    fn check(&self) -> Result<(), Failure> {
        if !(1..=MOST).contains(&self.max_interests) {
            return Err(Failure::invalid_config("/maxInterests", format!("1 to {MOST} is allowed")));
        }
        if !(0.0..=1.0).contains(&self.min_confidence) {
            return Err(Failure::invalid_config("/minConfidence", "0 to 1 is allowed"));
        }
        match self.categories.iter().position(|category| category.trim().is_empty()) {
            Some(empty) => Err(Failure::invalid_config(format!("/categories/{empty}"), "it is empty")),
            None => Ok(()),
        }
    }
}

impl Block for InterestBlock {
    type Config = Config;
    type Input = OneOrMany<Value>;
    type Output = Answers<Found<Interests>>;

    fn manifest() -> Manifest {
        let manifest = Manifest::new("ai.interest", env!("CARGO_PKG_VERSION"), "Interests").description(
            "Infers what a person is interested in from a text or a profile: name, category, confidence from 0 to 1 and a \
             quotation as evidence, the surest first. Whether the quotation stands in the item is checked and said as \
             `verified`. One request an item; an answer that does not fit is sent back once. The metadata hold requests, \
             repairs, tokens and the cost in USD.",
        );
        examples::all().into_iter().fold(blockyard_chat::manifest(manifest), Manifest::example)
    }

    fn execute(config: Config, input: Self::Input, context: &Context) -> Result<Outcome<Self::Output>, Failure> {
        config.check()?;
        let reader = Reader::new(&config);
        let chat = Chat::new(config.extraction_options(), Some(reader.format()))?;
        let question = Extraction {
            extractor: &reader,
            text_fields: &config.text_fields,
            keep: &config.keep,
            is_list: input.is_many(),
        };
        ask(&chat, &question, &input, "read", context).map(Answers::of)
    }
}

export_block!(InterestBlock);

#[cfg(test)]
mod tests;
