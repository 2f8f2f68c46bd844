//! `ai.contact`: the contact details that stand in texts and profiles.
//!
//! A model finds them, and the block looks each one up in what the model saw: what does not stand there was inferred or
//! made up, and is marked or left out. Facts: OpenRouter's chat completions, see the crate `blockyard-chat`, which also
//! lists the failures.

mod answer;
mod examples;

use blockyard_chat::{Answers, Chat, Extraction, Found, Unverified, ask};
use blockyard_sdk::items::OneOrMany;
use blockyard_sdk::{Block, Context, Failure, Manifest, Outcome, export_block};
use serde_json::Value;

use answer::{Contact, Finder, format};

/// The block.
#[derive(Debug)]
pub struct ContactBlock;

blockyard_chat::extraction_config! {
    /// What is looked at, and what becomes of what it does not say.
    pub struct Config {
        /// What becomes of details that do not stand in the item, letter for letter (names, companies and roles: apart
        /// from case and spaces; phone numbers: digit for digit).
        #[serde(default)]
        unverified: Unverified,
    }
}

impl Block for ContactBlock {
    type Config = Config;
    type Input = OneOrMany<Value>;
    type Output = Answers<Found<Contact>>;

    fn manifest() -> Manifest {
        let manifest = Manifest::new("ai.contact", env!("CARGO_PKG_VERSION"), "Contact details").description(
            "Finds names, email addresses, phone numbers, social handles, company and role in texts or profiles. Each \
             detail says in `verified` whether it stands in the item; anything else was inferred and should not be written \
             to unchecked. One request an item; an answer that does not fit is sent back once. The metadata hold requests, \
             repairs, tokens and the cost in USD.",
        );
        examples::all().into_iter().fold(blockyard_chat::manifest(manifest), Manifest::example)
    }

    fn execute(config: Config, input: Self::Input, context: &Context) -> Result<Outcome<Self::Output>, Failure> {
        let chat = Chat::new(config.extraction_options(), Some(format()))?;
        let finder = Finder { unverified: config.unverified };
        let question = Extraction {
            extractor: &finder,
            text_fields: &config.text_fields,
            keep: &config.keep,
            is_list: input.is_many(),
        };
        ask(&chat, &question, &input, "searched", context).map(Answers::of)
    }
}

export_block!(ContactBlock);

#[cfg(test)]
mod tests;
