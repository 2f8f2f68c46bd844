//! The operation `select`.

use blockyard_sdk::items::OnItemError;
use blockyard_sdk::{Context, Failure, Outcome};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::Calls;
use crate::config::{Count, Order, bounded, concurrency, named, order};
use crate::filters::{Filter, Filters};
use crate::prepared::{Paging, Prepared, Shape};
use crate::{Answered, input, through};

/// The operation `select`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Select {
    /// The table or view.
    #[schemars(length(min = 1))]
    table: String,
    /// The schema, if it is not the API's first.
    #[serde(default)]
    schema: Option<String>,
    /// What to read; everything if empty. A column may be renamed (`new:old`), cast (`id::text`), be a path into JSON
    /// (`data->>city`) or an embedded relation (`orders(id,total)`).
    #[serde(default)]
    columns: Vec<String>,
    /// All of them have to hold. If one takes its value from the input item, there is a call for each item.
    #[serde(default)]
    filters: Vec<Filter>,
    /// One of them has to hold as well.
    #[serde(default)]
    any_of: Vec<Filter>,
    /// By what the rows are sorted. Without an order that is total, pages may overlap.
    #[serde(default)]
    order: Vec<Order>,
    /// At most this many rows of each call.
    #[serde(default = "thousand")]
    #[schemars(range(min = 1, max = 100_000))]
    limit: u64,
    /// Skip this many rows.
    #[serde(default)]
    offset: u64,
    /// Rows of one request. It must not be more than the server gives at once (a hosted project: 1000), unless `count`
    /// is `exact`: a shorter page is taken for the last.
    #[serde(default = "thousand")]
    #[schemars(range(min = 1, max = 100_000))]
    page_size: u64,
    /// Count all rows that meet the filters; the metadata say the `total`.
    #[serde(default)]
    count: Option<Count>,
    /// There must be exactly one row, which is given instead of a list; otherwise the code is `not-one-row`.
    #[serde(default)]
    single: bool,
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

fn thousand() -> u64 {
    1_000
}

pub(crate) fn execute(config: &Select, text: &str, context: &Context) -> Result<Outcome<Answered>, Failure> {
    let table = named(&config.table, "/table")?;
    let filters = Filters { all: &config.filters, any: &config.any_of, writes: false };
    let paging = Paging {
        offset: config.offset,
        limit: bounded(config.limit, 100_000, "/limit")?,
        page_size: bounded(config.page_size, 100_000, "/pageSize")?,
        exact: config.count == Some(Count::Exact),
    };
    let prepared = input::calls(text, filters.depend(), |item| {
        let shape = if config.single { Shape::Row } else { Shape::Pages(paging) };
        let mut call = Prepared::new("GET", &[&table], shape);
        call.schema.clone_from(&config.schema);
        call.select(&config.columns);
        call.query.extend(filters.parameters(item)?);
        if let Some(order) = order(&config.order) {
            call.query("order", order);
        }
        call.prefer.extend(config.count.map(Count::preference));
        Ok(call)
    })?;
    let calls = Calls::new(config.base_url.as_deref(), config.bearer, context)?;
    through(&calls, &prepared, config.concurrency, config.on_item_error, context)
}
