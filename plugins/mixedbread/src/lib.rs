//! `api.mixedbread`: embeddings, reranking and search in stores, by Mixedbread.

mod answers;
mod config;
mod embeddings;
mod examples;
mod rerank;
mod search;
mod texts;

use blockyard_sdk::items::OneOrMany;
use blockyard_sdk::{Block, Context, Failure, HttpRule, Limits, Manifest, Outcome, RawJson, export_block, secrets};
use serde_json::Value;

pub use config::Config;
use config::Operation;

/// The block.
#[derive(Debug)]
pub struct Mixedbread;

const SECRET: &str = "mixedbread";

impl Block for Mixedbread {
    type Config = Config;
    /// Texts, or objects with a text; for `rerank` also `{query, items}`.
    type Input = OneOrMany<Value>;
    type Output = RawJson;

    fn manifest() -> Manifest {
        let manifest = Manifest::new("api.mixedbread", env!("CARGO_PKG_VERSION"), "Mixedbread")
            .description(
                "Turns texts into embeddings (`{index, embedding}` for each, in the order of the input), orders items \
                 by how well they answer a query (`{index, score, input}`, best first, `index` into the input), or \
                 searches in Mixedbread's stores (`{query, data}` for each query). One text or a list; the tokens that \
                 were used stand in the metadata.",
            )
            .category("AI")
            .secret(SECRET, "API key of Mixedbread: platform.mixedbread.com, API keys")
            .http(HttpRule::host("api.mixedbread.com").methods(&["POST"]).path_prefix("/v1").secrets(&[SECRET]))
            .http(HttpRule::host_from_config("/baseUrl").methods(&["POST"]).secrets(&[SECRET]))
            .limits(Limits { timeout_ms: Some(180_000), ..Limits::default() })
            .stateless();
        examples::all().into_iter().fold(manifest, Manifest::example)
    }

    fn execute(config: Config, input: OneOrMany<Value>, context: &Context) -> Result<Outcome<RawJson>, Failure> {
        config.check()?;
        let key = secrets::get(SECRET)?;
        match config.operation {
            Operation::Embeddings => embeddings::run(&config, &input, &key, context),
            Operation::Rerank => rerank::run(&config, &input, &key),
            Operation::Search => search::run(&config, input, &key, context),
        }
    }
}

export_block!(Mixedbread);

#[cfg(test)]
mod tests;
