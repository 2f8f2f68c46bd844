//! `api.hunter`: email addresses and profiles of people and companies, from Hunter (<https://hunter.io>, API v2).
//!
//! One lead gives one result, a list gives the list of results. Results are the vendor's `data` with its own names
//! (`first_name`, `verification`, ...), whatever else it holds included.

mod answer;
mod config;
mod examples;
mod lead;
mod lookup;
mod search;

use blockyard_sdk::http::Request;
use blockyard_sdk::items::{self, OneOrMany, Options};
use blockyard_sdk::secrets::{self, Secret};
use blockyard_sdk::{Block, Context, Failure, HttpRule, Limits, Manifest, Outcome, Ports, export_block};
use blockyard_sdk::{Emissions, Outputs, RawJson};
pub use config::Config;
pub use lead::Lead;
use lead::Reader;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// The key's name.
const SECRET: &str = "hunter";
/// The vendor may look for up to 20 seconds before it answers.
const TIMEOUT_MS: u32 = 40_000;

/// The block.
#[derive(Debug)]
pub struct Hunter;

/// The result: the vendor's `data`, for a list of leads a list of it in the same order, in which a lead that failed is
/// `{"error": {"code", "message", "details"}}`.
#[derive(Debug)]
pub struct Found(RawJson);

impl Ports for Found {
    fn outputs() -> Outputs {
        Outputs::fixed().also::<Documented>(
            blockyard_sdk::DEFAULT_PORT,
            "For each lead the vendor's `data`. domainSearch: `{domain, organization, pattern, emails: [{value, type, \
             confidence, first_name, last_name, position, verification: {date, status}, ...}], meta: {results, \
             returned, complete, stopped}}`; `results` counts all matches, `complete` says whether all of them are \
             here, and `stopped` is null or the `{code, id, message}` that kept the rest away, such as the free \
             plan's pagination_error. emailFinder: `{email, score, first_name, last_name, domain, ...}`, with `email` \
             null if none was found. emailVerifier: `{email, status, score, ...}` with the status valid, invalid, \
             accept_all, webmail, disposable or unknown. emailCount: `{total, personal_emails, generic_emails, \
             department, seniority}`. enrichPerson and enrichCompany: the profile; enrichCombined: `{person, company, \
             email}`, either half possibly null. Fields of a `verification` may be null.",
        )
    }

    fn emit(self, emissions: &mut Emissions) -> Result<(), Failure> {
        emissions.emit(blockyard_sdk::DEFAULT_PORT, self.0)
    }
}

/// The shape of what leaves.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is of use")]
enum Documented {
    /// A list of leads went in.
    Many(Vec<Option<serde_json::Map<String, Value>>>),
    /// One lead went in.
    One(Option<serde_json::Map<String, Value>>),
}

impl Block for Hunter {
    type Config = Config;
    type Input = OneOrMany<Lead>;
    type Output = Found;

    fn manifest() -> Manifest {
        let manifest = Manifest::new("api.hunter", env!("CARGO_PKG_VERSION"), "Hunter")
            .description(
                "Finds, verifies and counts email addresses and enriches people and companies through Hunter. Takes \
                 one lead or a list; addresses and domains are lower-cased before they are sent.",
            )
            .category("Data")
            .optional_secret(SECRET, "API key of Hunter, from hunter.io/api-keys. Only emailCount works without it.")
            .http(HttpRule::host("api.hunter.io").methods(&["GET"]).path_prefix("/v2").secrets(&[SECRET]))
            .http(HttpRule::host_from_config("/baseUrl").methods(&["GET"]).secrets(&[SECRET]))
            .limits(Limits { timeout_ms: Some(600_000), ..Limits::default() })
            .stateless();
        examples::all().into_iter().fold(manifest, Manifest::example)
    }

    fn execute(config: Config, leads: OneOrMany<Lead>, context: &Context) -> Result<Outcome<Found>, Failure> {
        config.check()?;
        let key = match config {
            Config::EmailCount(_) => None,
            _ => Some(secrets::get(SECRET)?),
        };
        let api = Api { base: config.base_url().to_owned(), key, many: leads.is_many() };
        let label = if matches!(config, Config::EmailVerifier(_)) { "verified" } else { "looked up" };
        let options = Options { on_item_error: config.on_item_error(), label, ..Options::default() };
        let outcome = match &config {
            Config::DomainSearch(search) => {
                items::run(&search::Search { api: &api, config: search }, &leads, &options, context)
            }
            config => items::run(&lookup::Lookup { api: &api, config }, &leads, &options, context),
        };
        Ok(match outcome? {
            Outcome::Done { output, metadata } => Outcome::Done { output: Found(output), metadata },
            Outcome::Suspend { after_ms, state } => Outcome::Suspend { after_ms, state },
        })
    }
}

/// Where requests go, and with which key.
#[derive(Debug)]
struct Api {
    base: String,
    /// Without it only the count is answered.
    key: Option<Secret>,
    /// Whether the input is a list, so that failures point into it.
    many: bool,
}

impl Api {
    fn get(&self, path: &str) -> Request {
        let request = Request::get(format!("{}{path}", self.base));
        let request = request.header("accept", "application/json").timeout_ms(TIMEOUT_MS);
        match &self.key {
            Some(key) => request.secret_header("X-API-KEY", key),
            None => request,
        }
    }

    fn reader<'a>(&self, index: usize, lead: &'a Lead) -> Reader<'a> {
        Reader { lead, index: self.many.then_some(index) }
    }
}

export_block!(Hunter);

#[cfg(test)]
mod tests;
