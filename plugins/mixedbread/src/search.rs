//! Chunks of stored files that answer a query.

use blockyard_sdk::http::{Request, Response};
use blockyard_sdk::items::{self, OneOrMany, Options, Step, Task};
use blockyard_sdk::secrets::Secret;
use blockyard_sdk::{Context, Failure, Outcome, RawJson};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::answers;
use crate::config::{Config, MAX_QUERY_CHARS};
use crate::texts::{find, text_of};

/// Searches once for each query.
#[derive(Debug)]
struct Search<'a> {
    config: &'a Config,
    key: &'a Secret,
}

#[derive(Debug, Deserialize)]
struct Answer {
    data: Vec<Box<RawValue>>,
}

/// What was found, the vendor's chunks as they came, best first.
#[derive(Debug, Serialize)]
struct Found {
    query: String,
    data: Vec<Box<RawValue>>,
}

impl Task for Search<'_> {
    type Item = String;
    type State = ();
    type Result = Found;
    type Totals = ();

    fn request(&self, _: usize, query: &String, (): &()) -> Result<Request, Failure> {
        let config = self.config;
        let mut body = json!({"query": query, "store_identifiers": config.store_identifiers});
        if let Some(top_k) = config.top_k {
            body["top_k"] = top_k.into();
        }
        if let Some(filters) = &config.filters {
            body["filters"] = filters.clone();
        }
        if let Some(files) = &config.file_ids {
            body["file_ids"] = json!(files);
        }
        if let Some(options) = &config.search_options {
            body["search_options"] = json!(options);
        }
        Request::post(config.url("stores/search")).bearer(self.key).json(&body)
    }

    fn answer(
        &self,
        _: usize,
        query: &String,
        (): (),
        response: Response,
        (): &mut (),
    ) -> Result<Step<(), Found>, Failure> {
        let answer: Answer = answers::read(&response)?;
        if answer.data.iter().any(|chunk| !chunk.get().starts_with('{')) {
            return Err(response.unexpected("a chunk of the answer is no object"));
        }
        Ok(Step::Done(Found { query: query.clone(), data: answer.data }))
    }
}

/// Searches for one query or a list of them.
pub(crate) fn run(
    config: &Config,
    input: OneOrMany<Value>,
    key: &Secret,
    context: &Context,
) -> Result<Outcome<RawJson>, Failure> {
    let queries = input.try_map(|pointer, item| query(config, pointer, &item))?;
    let options = Options { concurrency: 4, on_item_error: config.on_item_error, label: "queries answered" };
    items::run(&Search { config, key }, &queries, &options, context)
}

/// The item's own query, or else the configuration's.
fn query(config: &Config, pointer: &str, item: &Value) -> Result<String, Failure> {
    let path = config.text_field.as_deref().unwrap_or("query");
    let has_none = match item {
        Value::Object(_) => matches!(find(item, path), None | Some(Value::Null)),
        other => other.is_null(),
    };
    match &config.query {
        Some(query) if has_none => Ok(query.clone()),
        _ => text_of(pointer, item, path, MAX_QUERY_CHARS).map(str::to_owned),
    }
}
