//! `api.meta-audience`: people in and out of Meta custom audiences.
//!
//! Personal data are normalised and hashed here, before they leave: Meta gets SHA-256 values. Samples of invalid
//! entries, which Meta answers with, are neither logged nor passed on.

mod audiences;
mod config;
mod errors;
mod examples;
mod keys;
mod normalize;
mod people;
mod places;
mod upload;

use blockyard_sdk::items::{self, OneOrMany, Options};
use blockyard_sdk::secrets::{self, Secret};
use blockyard_sdk::{Block, Context, Failure, HttpRule, Limits, Manifest, Outcome, RawJson, export_block};
use serde_json::Value;

use audiences::{Create, Read};
pub use config::Config;
use config::Operation;
use people::People;
use upload::Upload;

/// The block.
#[derive(Debug)]
pub struct MetaAudience;

const SECRET: &str = "meta";

impl Block for MetaAudience {
    type Config = Config;
    /// People for `addUsers`, `removeUsers` and `replaceUsers`: objects with the fields that the config names.
    /// `{name, description?}` for `createAudience`. An id, or `{audience_id}`, for `readAudience`.
    type Input = OneOrMany<Value>;
    type Output = RawJson;

    fn manifest() -> Manifest {
        let manifest = Manifest::new("api.meta-audience", env!("CARGO_PKG_VERSION"), "Meta custom audience")
            .description(
                "Adds people to a Meta custom audience, removes them, or replaces all of them: one person or a list, \
                 normalised and hashed with SHA-256 as Meta asks, in batches of one upload session. The result counts \
                 what Meta received (`numReceived`), could not use (`numInvalid`, approximate; the rest was taken), \
                 and what was left out because no value can identify the person (`skipped`). Also creates audiences \
                 and reads their state. Meta processes uploads for up to 24 hours.",
            )
            .category("Marketing")
            .secret(
                SECRET,
                "Access token with the permission ads_management, best of a system user: Meta Business settings, \
                 Users, System users",
            )
            .http(HttpRule::host("graph.facebook.com").methods(&["GET", "POST", "DELETE"]).secrets(&[SECRET]))
            .http(HttpRule::host_from_config("/baseUrl").methods(&["GET", "POST", "DELETE"]).secrets(&[SECRET]))
            .limits(Limits { timeout_ms: Some(180_000), ..Limits::default() })
            .stateless();
        examples::all().into_iter().fold(manifest, Manifest::example)
    }

    fn execute(config: Config, input: OneOrMany<Value>, context: &Context) -> Result<Outcome<RawJson>, Failure> {
        config.check()?;
        let token = secrets::get(SECRET)?;
        match config.operation {
            Operation::AddUsers | Operation::RemoveUsers | Operation::ReplaceUsers => {
                upload(&config, &input, &token, context)
            }
            Operation::CreateAudience => create(&config, input, &token, context),
            Operation::ReadAudience => read(&config, input, &token, context),
        }
    }
}

fn upload(
    config: &Config,
    input: &OneOrMany<Value>,
    token: &Secret,
    context: &Context,
) -> Result<Outcome<RawJson>, Failure> {
    let audience = config.audience()?;
    let people = People::new(config, input, upload::this_year())?;
    if config.operation == Operation::ReplaceUsers && people.len() == 0 {
        let message = "no person has a usable value, and an audience cannot be replaced by nobody";
        return Err(Failure::invalid_input("", message));
    }
    Upload { config, audience, people: &people, token }.run(context)
}

fn create(
    config: &Config,
    input: OneOrMany<Value>,
    token: &Secret,
    context: &Context,
) -> Result<Outcome<RawJson>, Failure> {
    let task = Create { config, ad_account: config.ad_account()?, token };
    let bodies = input.try_map(|pointer, item| audiences::new_audience(config, pointer, item))?;
    // One after the other: a lost answer leaves at most one audience in doubt.
    items::run(&task, &bodies, &options(config, 1, "audiences created"), context)
}

fn read(
    config: &Config,
    input: OneOrMany<Value>,
    token: &Secret,
    context: &Context,
) -> Result<Outcome<RawJson>, Failure> {
    let field = |name: &String| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    if config.audience_fields.is_empty() || !config.audience_fields.iter().all(field) {
        return Err(Failure::invalid_config("/audienceFields", "it lists names of fields in lower case"));
    }
    let ids = input.try_map(|pointer, item| audiences::audience_id(config, pointer, &item))?;
    items::run(&Read { config, token }, &ids, &options(config, 8, "audiences read"), context)
}

fn options(config: &Config, concurrency: usize, label: &'static str) -> Options {
    Options { concurrency, on_item_error: config.on_item_error, label }
}

export_block!(MetaAudience);

#[cfg(test)]
mod tests;
