//! `api.apollo`: people and companies from Apollo (<https://www.apollo.io>, REST API v1).
//!
//! One lead gives one result, a list gives the list of results. What Apollo says about a person or a company keeps
//! Apollo's names, and whatever else is in it. `request_id` is a signed 64-bit number and leaves exactly as it came.

mod answer;
mod batch;
mod config;
mod examples;
mod filters;
mod lead;
mod lookup;
mod search;
mod subject;

use blockyard_sdk::http::Request;
use blockyard_sdk::items::{self, OneOrMany, Options};
use blockyard_sdk::secrets::{self, Secret};
use blockyard_sdk::{Block, Context, Failure, HttpRule, Limits, Manifest, Outcome, Ports, export_block};
use blockyard_sdk::{DEFAULT_PORT, Emissions, Outputs, RawJson};
pub use config::Config;
pub use filters::Filters;
pub use lead::Lead;
use lead::Reader;
use lookup::Lookup;
use schemars::JsonSchema;
use search::Search;
use serde::Serialize;
use serde_json::{Map, Value};
use subject::Subject;

/// The key's name.
const SECRET: &str = "apollo";

/// The block.
#[derive(Debug)]
pub struct Apollo;

/// The result for one lead, or the list of results in the order of the leads, in which a lead that failed is
/// `{"error": {"code", "message", "details"}}`.
#[derive(Debug)]
pub struct Found(RawJson);

/// The shape of what leaves.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is of use")]
enum Documented {
    /// A list of leads went in.
    Many(Vec<Map<String, Value>>),
    /// One lead went in.
    One(Map<String, Value>),
}

impl Ports for Found {
    fn outputs() -> Outputs {
        Outputs::fixed().also::<Documented>(
            DEFAULT_PORT,
            "For each lead: of peopleSearch `{people: [{id, first_name, last_name_obfuscated, title, has_email, \
             organization, ...}], total_entries, complete, stopped, requested}`, where `complete` says whether all \
             matches are here and `stopped` is null or the `{code, message}` that kept the rest away; of matchPerson \
             and bulkMatch `{found, person: {id, name, email, email_status, title, organization, ...} | null, \
             requested}`, with `request_id` and `waterfall` if more arrives at the webhook; of enrichOrganization and \
             bulkEnrichOrganizations `{found, organization: {id, name, primary_domain, industry, \
             estimated_num_employees, ...} | null, requested}`. Most of the vendor's fields may be null. `requested` \
             is what Apollo was asked for.",
        )
    }

    fn emit(self, emissions: &mut Emissions) -> Result<(), Failure> {
        emissions.emit(DEFAULT_PORT, self.0)
    }
}

impl Block for Apollo {
    type Config = Config;
    type Input = OneOrMany<Lead>;
    type Output = Found;

    fn manifest() -> Manifest {
        let rule = |rule: HttpRule| rule.methods(&["GET", "POST"]).secrets(&[SECRET]);
        let manifest = Manifest::new("api.apollo", env!("CARGO_PKG_VERSION"), "Apollo")
            .description(
                "Searches people, and enriches people and companies through Apollo. Takes one lead or a list. Whoever \
                 is not known is a result with `found: false`, not an error.",
            )
            .category("Data")
            .secret(
                SECRET,
                "API key of Apollo, from Settings, Integrations, API; it has to cover the endpoints in use.",
            )
            .http(rule(HttpRule::host("api.apollo.io").path_prefix("/api/v1")))
            .http(rule(HttpRule::host_from_config("/baseUrl")))
            .limits(Limits { timeout_ms: Some(600_000), ..Limits::default() })
            .stateless();
        examples::all().into_iter().fold(manifest, Manifest::example)
    }

    fn execute(config: Config, leads: OneOrMany<Lead>, context: &Context) -> Result<Outcome<Found>, Failure> {
        config.check()?;
        let api = Api { base: config.base_url().to_owned(), key: secrets::get(SECRET)?, many: leads.is_many() };
        let options = |label| Options { on_item_error: config.on_item_error(), label, ..Options::default() };
        let alone = |subject| items::run(&Lookup { api: &api, subject }, &leads, &options("looked up"), context);
        let together = |subject| batch::run(&api, subject, &leads, &options("batches of ten looked up"), context);
        let outcome = match &config {
            Config::PeopleSearch(config) => {
                items::run(&Search { api: &api, config }, &leads, &options("searched"), context)
            }
            Config::MatchPerson(config) if leads.as_slice().len() <= 1 => alone(Subject::People(config)),
            Config::MatchPerson(config) | Config::BulkMatch(config) => together(Subject::People(config)),
            Config::EnrichOrganization(config) => alone(Subject::Organizations(config)),
            Config::BulkEnrichOrganizations(config) => together(Subject::Organizations(config)),
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
    key: Secret,
    /// Whether the input is a list, so that failures point into it.
    many: bool,
}

impl Api {
    fn get(&self, path: &str) -> Request {
        self.prepare(Request::get(format!("{}{path}", self.base)))
    }

    fn post(&self, path: &str) -> Request {
        self.prepare(Request::post(format!("{}{path}", self.base)))
    }

    fn prepare(&self, request: Request) -> Request {
        request.header("accept", "application/json").secret_header("x-api-key", &self.key)
    }

    fn reader<'a>(&self, index: usize, lead: &'a Lead) -> Reader<'a> {
        Reader { lead, index: self.many.then_some(index) }
    }
}

export_block!(Apollo);

#[cfg(test)]
mod tests;
