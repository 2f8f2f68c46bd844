//! `api.supabase`: reads and writes tables through a Supabase project's data API, which is PostgREST.
//!
//! The facts about the interface are those of PostgREST's documentation (v16). Rows are never rebuilt: numbers beyond
//! 2^53 keep their digits, both ways.

mod api;
mod change;
mod config;
mod errors;
mod examples;
mod filters;
mod input;
mod literal;
mod prepared;
mod rpc;
mod select;
mod write;

use blockyard_sdk::items::{self, OnItemError, OneOrMany, Options};
use blockyard_sdk::{Block, Context, Failure, HttpRule, Limits, Manifest, Outcome, RawJson, export_block, ports};

pub use change::{Delete, Update};
pub use config::{Config, Count, Nulls, Order, Returning};
pub use filters::{Filter, Operator, Quantifier};
pub use rpc::Rpc;
pub use select::Select;
pub use write::{Insert, Upsert};

/// The block.
#[derive(Debug)]
pub struct Supabase;

/// The secret's name.
const SECRET: &str = "supabaseAnonKey";
/// The setting's name.
const URL: &str = "supabaseUrl";
/// Many pages or batches take longer than the usual minute.
const CALL_TIMEOUT_MS: u64 = 300_000;
const METHODS: &[&str] = &["GET", "POST", "PATCH", "DELETE"];

ports! {
    /// What came of it.
    pub struct Answered {
        /// `select`: the rows, or with `single` the row. `insert` and `upsert`: with `returning: representation` the
        /// rows (for one input item the row, or null if it was a duplicate that is ignored), else `{"written": n}`.
        /// `update` and `delete`: the rows, or `{"count": n}`. `rpc`: what the function returns. A list of such
        /// results if the call depends on the input and the input is a list.
        output: RawJson,
        /// `insert` and `upsert` of a list, if some batches fail and others do not: a list of
        /// `{"error": {"code", "message", "details"}, "rows": [...]}`, one for each batch that failed as a whole.
        failed: RawJson,
    }
}

impl Block for Supabase {
    type Config = Config;
    type Input = RawJson;
    type Output = Answered;

    fn manifest() -> Manifest {
        let manifest = Manifest::new("api.supabase", env!("CARGO_PKG_VERSION"), "Supabase")
            .description(
                "Reads and writes tables of a Supabase project (or any PostgREST) and calls its functions. `select`, \
                 `update`, `delete` and `rpc` make one call for each input item if filters, values or arguments take \
                 something from the item, else one call whatever comes in; `insert` and `upsert` write the input \
                 items as rows, in batches. An update or delete without a filter is refused. With an anonymous key \
                 an empty result often means that a row level security policy hides the rows. A lost answer to an \
                 insert is not sent again.",
            )
            .category("Database")
            .secret(SECRET, "API key of the project (publishable, secret, or the legacy anon key), from Supabase: Project Settings, API Keys")
            .optional_setting(URL, "URL of the project, such as https://PROJECT.supabase.co")
            .setting_example(URL, "https://example.supabase.co")
            .http(HttpRule::host_from_setting(URL).methods(METHODS).secrets(&[SECRET]))
            .http(HttpRule::host_from_config("/baseUrl").methods(METHODS).secrets(&[SECRET]))
            .limits(Limits { timeout_ms: Some(CALL_TIMEOUT_MS), ..Limits::default() })
            .stateless();
        examples::all().into_iter().fold(manifest, Manifest::example)
    }

    fn execute(config: Config, input: RawJson, context: &Context) -> Result<Outcome<Answered>, Failure> {
        let text = input.get();
        match config {
            Config::Select(config) => select::execute(&config, text, context),
            Config::Insert(config) => write::insert(&config, text, context),
            Config::Upsert(config) => write::upsert(&config, text, context),
            Config::Update(config) => change::update(&config, text, context),
            Config::Delete(config) => change::delete(&config, text, context),
            Config::Rpc(config) => rpc::execute(&config, text, context),
        }
    }
}

/// Sends what was prepared; everything leaves through the port `output`.
pub(crate) fn through(
    calls: &api::Calls,
    prepared: &OneOrMany<prepared::Prepared>,
    concurrency: usize,
    on_item_error: OnItemError,
    context: &Context,
) -> Result<Outcome<Answered>, Failure> {
    let options = Options { concurrency, on_item_error, label: "items done" };
    Ok(match items::run(calls, prepared, &options, context)? {
        Outcome::Suspend { after_ms, state } => Outcome::Suspend { after_ms, state },
        Outcome::Done { output, metadata } => {
            Outcome::Done { output: Answered { output: Some(output), failed: None }, metadata }
        }
    })
}

export_block!(Supabase);

#[cfg(test)]
mod tests;
