//! The operation `rpc`: functions of the database.

use std::collections::BTreeMap;

use blockyard_sdk::items::OnItemError;
use blockyard_sdk::{Context, Failure, Outcome};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

use crate::api::Calls;
use crate::config::{concurrency, named};
use crate::literal::Literal;
use crate::prepared::{Prepared, Shape};
use crate::{Answered, input, through};

/// The operation `rpc`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Rpc {
    /// The function.
    #[schemars(length(min = 1))]
    function: String,
    /// The schema, if it is not the API's first.
    #[serde(default)]
    schema: Option<String>,
    /// Arguments by name, the same for every item.
    #[serde(default)]
    arguments: Map<String, Value>,
    /// Arguments that come from the input item: the argument's name, and the item's field by name or by JSON pointer
    /// such as `/company/id`. With one, there is a call for each item.
    #[serde(default)]
    arguments_from: BTreeMap<String, String>,
    /// The function reads only: it is called by GET, and again if an answer is lost. Null arguments are left out, lists
    /// go as PostgreSQL arrays, objects as JSON.
    #[serde(default)]
    read_only: bool,
    /// For a list of items: how many requests at once.
    #[serde(default = "concurrency")]
    #[schemars(range(min = 1, max = 32))]
    concurrency: usize,
    /// For a list of items: what the failure of one of them does.
    #[serde(default)]
    on_item_error: OnItemError,
    /// Send the key as `Authorization: Bearer` too, which legacy keys (`eyJ...`) need.
    #[serde(default)]
    bearer: bool,
    /// The data API's base URL with its path, such as `https://PROJECT.supabase.co/rest/v1`; without it the setting
    /// `supabaseUrl` and `/rest/v1`.
    #[serde(default)]
    base_url: Option<String>,
}

pub(crate) fn execute(config: &Rpc, text: &str, context: &Context) -> Result<Outcome<Answered>, Failure> {
    let function = named(&config.function, "/function")?;
    let prepared = input::calls(text, !config.arguments_from.is_empty(), |item| {
        let mut arguments: BTreeMap<&str, Box<RawValue>> = BTreeMap::new();
        for (name, value) in &config.arguments {
            arguments.insert(name, to_raw_value(value)?);
        }
        for (name, from) in &config.arguments_from {
            arguments.insert(name, item.require(from)?.to_owned());
        }
        let method = if config.read_only { "GET" } else { "POST" };
        let mut call = Prepared::new(method, &["rpc", &function], Shape::Value);
        call.schema.clone_from(&config.schema);
        call.repeatable = config.read_only;
        if !config.read_only {
            call.body = Some(serde_json::to_string(&arguments)?);
            return Ok(call);
        }
        for (name, value) in arguments {
            let wrong = |message| match config.arguments_from.get(name) {
                Some(from) => item.wrong(from, message),
                None => Failure::invalid_config(format!("/arguments/{name}"), message),
            };
            if let Some(value) = parameter(&value).map_err(wrong)? {
                call.query(name, value);
            }
        }
        Ok(call)
    })?;
    let calls = Calls::new(config.base_url.as_deref(), config.bearer, context)?;
    through(&calls, &prepared, config.concurrency, config.on_item_error, context)
}

/// An argument as a query parameter.
fn parameter(value: &RawValue) -> Result<Option<String>, &'static str> {
    Ok(match Literal::of(value) {
        Literal::Null => None,
        Literal::Plain(text) | Literal::Object(text) => Some(text.to_owned()),
        Literal::Text(text) => Some(text),
        Literal::List(list) => Some(format!("{{{}}}", Literal::elements(&list)?)),
    })
}
