//! The operations `update` and `delete`: they touch the rows that meet filters, and never run without one.

use std::collections::BTreeMap;

use blockyard_sdk::items::OnItemError;
use blockyard_sdk::{Context, Failure, Outcome};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

use crate::api::Calls;
use crate::config::{Returning, concurrency, named};
use crate::filters::{Filter, Filters};
use crate::input::Item;
use crate::prepared::{Prepared, Shape};
use crate::{Answered, input, through};

/// The operation `update`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Update {
    /// The table or view.
    #[schemars(length(min = 1))]
    table: String,
    /// The schema, if it is not the API's first.
    #[serde(default)]
    schema: Option<String>,
    /// All of them have to hold for a row to be changed. There has to be a filter here or in `anyOf`. A filter may take
    /// its value from the input item; an item without that field is refused.
    #[serde(default)]
    filters: Vec<Filter>,
    /// One of them has to hold as well.
    #[serde(default)]
    any_of: Vec<Filter>,
    /// What the columns are set to, the same for every item.
    #[serde(default)]
    values: Map<String, Value>,
    /// Fields of the input item that are written to the columns of the same names, over those of `values`. A field that
    /// an item does not have is not written; null is.
    #[serde(default)]
    fields: Vec<String>,
    /// Change nothing and fail with `too-many-rows` if it would be more rows than this.
    #[serde(default)]
    max_affected: Option<u64>,
    /// What is given back: the number of rows, or the rows.
    #[serde(default)]
    returning: Returning,
    /// Which columns are given back; all if empty.
    #[serde(default)]
    returning_columns: Vec<String>,
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

/// The operation `delete`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Delete {
    /// The table or view.
    #[schemars(length(min = 1))]
    table: String,
    /// The schema, if it is not the API's first.
    #[serde(default)]
    schema: Option<String>,
    /// All of them have to hold for a row to be deleted. There has to be a filter here or in `anyOf`. A filter may take
    /// its value from the input item; an item without that field is refused.
    #[serde(default)]
    filters: Vec<Filter>,
    /// One of them has to hold as well.
    #[serde(default)]
    any_of: Vec<Filter>,
    /// Delete nothing and fail with `too-many-rows` if it would be more rows than this.
    #[serde(default)]
    max_affected: Option<u64>,
    /// What is given back: the number of rows, or the rows as they were.
    #[serde(default)]
    returning: Returning,
    /// Which columns are given back; all if empty.
    #[serde(default)]
    returning_columns: Vec<String>,
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

pub(crate) fn update(config: &Update, text: &str, context: &Context) -> Result<Outcome<Answered>, Failure> {
    let table = named(&config.table, "/table")?;
    let filters = Filters { all: &config.filters, any: &config.any_of, writes: true };
    if config.values.is_empty() && config.fields.is_empty() {
        return Err(Failure::invalid_config("/values", "neither it nor `fields` says what to write"));
    }
    let depends = filters.depend() || !config.fields.is_empty();
    let prepared = input::calls(text, depends, |item| {
        let mut call = Prepared::new("PATCH", &[&table], shape(config.returning));
        call.schema.clone_from(&config.schema);
        call.query.extend(filters.parameters(item)?);
        call.body = Some(new_values(config, item)?);
        giving_back(&mut call, &config.returning_columns, config.max_affected);
        Ok(call)
    })?;
    let calls = Calls::new(config.base_url.as_deref(), config.bearer, context)?;
    through(&calls, &prepared, config.concurrency, config.on_item_error, context)
}

pub(crate) fn delete(config: &Delete, text: &str, context: &Context) -> Result<Outcome<Answered>, Failure> {
    let table = named(&config.table, "/table")?;
    let filters = Filters { all: &config.filters, any: &config.any_of, writes: true };
    let prepared = input::calls(text, filters.depend(), |item| {
        let mut call = Prepared::new("DELETE", &[&table], shape(config.returning));
        call.schema.clone_from(&config.schema);
        call.query.extend(filters.parameters(item)?);
        giving_back(&mut call, &config.returning_columns, config.max_affected);
        Ok(call)
    })?;
    let calls = Calls::new(config.base_url.as_deref(), config.bearer, context)?;
    through(&calls, &prepared, config.concurrency, config.on_item_error, context)
}

fn shape(returning: Returning) -> Shape {
    match returning {
        Returning::Minimal => Shape::Affected,
        Returning::Representation => Shape::Rows,
    }
}

fn giving_back(call: &mut Prepared, columns: &[String], max_affected: Option<u64>) {
    if call.shape == Shape::Rows {
        call.prefer.push("return=representation".to_owned());
        call.select(columns);
    } else {
        call.prefer.extend(["return=minimal".to_owned(), "count=exact".to_owned()]);
    }
    if let Some(max) = max_affected {
        call.prefer.extend(["handling=strict".to_owned(), format!("max-affected={max}")]);
    }
}

fn new_values(config: &Update, item: Item<'_>) -> Result<String, Failure> {
    let mut values: BTreeMap<&str, Box<RawValue>> = BTreeMap::new();
    for (column, value) in &config.values {
        values.insert(column, to_raw_value(value)?);
    }
    for field in &config.fields {
        let value = item.raw.and_then(|raw| input::member(raw, field));
        if let Some(value) = value {
            values.insert(field, value.to_owned());
        }
    }
    if values.is_empty() {
        return Err(Failure::invalid_input(item.pointer, "it has none of the `fields` to write"));
    }
    Ok(serde_json::to_string(&values)?)
}
