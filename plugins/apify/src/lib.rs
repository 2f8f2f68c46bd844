//! `api.apify`: runs Actors on the Apify platform and fetches what they scraped.
//!
//! The facts about the interface are those of Apify's OpenAPI document v2-2026-08-05. Dataset items are never rebuilt:
//! they leave with the keys, the order and the digits that the vendor sent.

mod config;
mod dataset;
mod errors;
mod examples;
mod input;
mod instagram;
mod options;
mod run;
mod sync;

use blockyard_sdk::http::Request;
use blockyard_sdk::items::{self, Options};
use blockyard_sdk::secrets::{self, Secret};
use blockyard_sdk::{Block, Context, Failure, HttpRule, Limits, Manifest, Outcome, RawJson, export_block, ports};

pub use config::{Config, DatasetItems, Run, RunSync};
pub use input::UseItem;
pub use instagram::{Instagram, ResultsType, SearchType};
pub use options::{ItemOptions, RunOptions};

/// The block.
#[derive(Debug)]
pub struct Apify;

/// The secret's name.
const SECRET: &str = "apify";
/// A synchronous run may take 300 s and its answer some more; a call that polls stays far below.
const CALL_TIMEOUT_MS: u64 = 400_000;

ports! {
    /// What came of it.
    pub struct Scraped {
        /// The dataset items, as raw JSON: a list of items for one input, a list of such lists for a list of inputs.
        /// For the operation `instagram` always one flat list.
        output: RawJson,
        /// Operation `instagram` only: the items by which the Actor says that a URL gave nothing, as the Actor made
        /// them (`error`, `errorDescription`, usually `url` or `inputUrl`). Silent if there are none.
        failed: RawJson,
    }
}

impl Block for Apify {
    type Config = Config;
    type Input = RawJson;
    type Output = Scraped;

    fn manifest() -> Manifest {
        let manifest = Manifest::new("api.apify", env!("CARGO_PKG_VERSION"), "Apify")
            .description(
                "Runs an Actor and gives the items of its dataset. `runSync` waits up to 300 seconds in one request; \
                 `run` starts the Actor, waits for it across restarts for as long as it takes, and pages through the \
                 dataset; `datasetItems` reads an existing dataset; `instagram` runs the Instagram scraper for \
                 profiles, posts, hashtags or a search. The input is one item or a list of items, a run for each; \
                 `instagram` scrapes a whole list in one run. A run whose start got no answer is never started again \
                 by itself, since it may be running and costs money.",
            )
            .category("Data")
            .secret(SECRET, "API token, from Apify Console: Settings, API & Integrations")
            .http(HttpRule::host("api.apify.com").methods(&["GET", "POST"]).path_prefix("/v2").secrets(&[SECRET]))
            .http(HttpRule::host_from_config("/baseUrl").methods(&["GET", "POST"]).secrets(&[SECRET]))
            .limits(Limits { timeout_ms: Some(CALL_TIMEOUT_MS), ..Limits::default() })
            .stateless();
        examples::all().into_iter().fold(manifest, Manifest::example)
    }

    fn execute(config: Config, input: RawJson, context: &Context) -> Result<Outcome<Scraped>, Failure> {
        match config {
            Config::RunSync(config) => sync::execute(&config, input.get(), context),
            Config::Run(config) => run::execute(&config, input.get(), context),
            Config::DatasetItems(config) => dataset::execute(&config, input.get(), context),
            Config::Instagram(config) => instagram::execute(&config, input.get(), context),
        }
    }
}

/// Where requests go, and the token that goes with them.
#[derive(Debug)]
pub(crate) struct Api {
    base: String,
    token: Secret,
}

impl Api {
    /// `base_url` is the full base with its version path; the older spelling `.../v2/acts` is understood.
    pub(crate) fn new(base_url: &str) -> Result<Self, Failure> {
        let base = base_url.trim().trim_end_matches('/');
        let base = base.strip_suffix("/actors").or_else(|| base.strip_suffix("/acts")).unwrap_or(base);
        if !(base.starts_with("https://") || base.starts_with("http://")) || base.contains(['?', '#']) {
            return Err(Failure::invalid_config("/baseUrl", "it is no http(s) URL without a query"));
        }
        Ok(Self { base: base.to_owned(), token: secrets::get(SECRET)? })
    }

    pub(crate) fn get(&self, path: &[&str]) -> Request {
        self.request("GET", path)
    }

    pub(crate) fn post(&self, path: &[&str], body: &str) -> Request {
        self.request("POST", path).body("application/json", body)
    }

    fn request(&self, method: &str, path: &[&str]) -> Request {
        path.iter()
            .fold(Request::new(method, self.base.clone()), |request, part| request.segment(part))
            .bearer(&self.token)
    }
}

/// Runs a task over the items; everything leaves through the port `output`.
pub(crate) fn through<T: items::Task>(
    task: &T,
    items: &items::OneOrMany<T::Item>,
    options: &Options,
    context: &Context,
) -> Result<Outcome<Scraped>, Failure> {
    Ok(match items::run(task, items, options, context)? {
        Outcome::Suspend { after_ms, state } => Outcome::Suspend { after_ms, state },
        Outcome::Done { output, metadata } => {
            Outcome::Done { output: Scraped { output: Some(output), failed: None }, metadata }
        }
    })
}

export_block!(Apify);

#[cfg(test)]
mod tests;
