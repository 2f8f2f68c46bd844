//! What the AI blocks share: chat completions over OpenRouter (`POST /chat/completions`, not streamed), one for each
//! item, with an answer by JSON Schema where a block wants one.
//!
//! | | |
//! | --- | --- |
//! | [`config!`], [`extraction_config!`], [`Options`] | the configuration that all of the blocks have |
//! | [`Chat`], [`Message`], [`Format`] | the request |
//! | [`data`] | how a record is put before the model so that it stays data |
//! | [`Completion`], [`Usage`], [`Totals`] | the answer and what it cost |
//! | [`Question`], [`ask`](fn@ask) | one item: ask, read, have a bad answer repaired once |
//! | [`Extractor`], [`Extraction`] | a question whose answer is found in a record |
//! | [`Source`] | whether a record says what the model says it does |
//! | [`Answers`] | the output port |
//! | [`examples`] | recorded exchanges for manifests |
//!
//! # Failures
//!
//! | code | when | retry |
//! | --- | --- | --- |
//! | `unauthorized` | 401 | |
//! | `quota-exceeded` | 402: no credit left, or the key's limit is used up | |
//! | `moderated` | 403 with moderation reasons, or an answer that names a content policy | |
//! | `forbidden` | any other 403 | |
//! | `not-found` | 404: no endpoint serves the model under the routing and privacy rules | |
//! | `too-large` | 413, or a context or token limit is passed | |
//! | `invalid-request` | any other 4xx | |
//! | `rate-limited` | 429 | after `Retry-After` |
//! | `upstream-timeout` | 408, 504, 524 | yes |
//! | `upstream` | any other 5xx, and an answer that ended with an error | yes |
//! | `refused` | the model declined | |
//! | `content-filtered` | the provider withheld the answer | |
//! | `invalid-answer` | twice an answer that is no JSON or breaks the schema | |
//! | `unexpected-response` | what came is no chat completion | |
//!
//! `error.availability.retryable` decides where the vendor sends it. An error inside of a 200 counts like its status.

mod answers;
mod ask;
mod chat;
mod completion;
mod config;
pub mod data;
pub mod examples;
mod extraction;
mod failure;
mod json;
mod source;
mod usage;

use blockyard_sdk::{HttpRule, Limits, Manifest};

pub use answers::Answers;
pub use ask::{Question, Rejection, ask, codes};
pub use chat::{Chat, Format, Message, Role, Sampling};
pub use completion::Completion;
pub use config::{Effort, Options, defaults};
pub use extraction::{Extraction, Extractor, Found, Unverified};
pub use json::{decode, find};
pub use source::Source;
pub use usage::{Totals, Usage};

/// The secret's name in every manifest.
pub const SECRET: &str = "openrouter";

/// How long a call may take: a list is many answers, and a model may think for minutes.
const TIMEOUT_MS: u64 = 600_000;

/// Adds what the manifests of the blocks have in common.
pub fn manifest(manifest: Manifest) -> Manifest {
    manifest
        .category("AI")
        .secret(SECRET, "API key of OpenRouter: openrouter.ai, Settings, API Keys")
        .http(HttpRule::host("openrouter.ai").methods(&["POST"]).path_prefix("/api/v1").secrets(&[SECRET]))
        .http(HttpRule::host_from_config("/baseUrl").methods(&["POST"]).secrets(&[SECRET]))
        .limits(Limits { timeout_ms: Some(TIMEOUT_MS), ..Limits::default() })
        .stateless()
}

#[cfg(test)]
mod tests;
