//! Items in the order of how well they answer a query.

use std::collections::HashSet;

use blockyard_sdk::http::{Request, Response};
use blockyard_sdk::items::OneOrMany;
use blockyard_sdk::secrets::Secret;
use blockyard_sdk::{Failure, Outcome, RawJson, progress};
use serde::Deserialize;
use serde_json::{Map, Number, Value, json};

use crate::answers::{self, Usage};
use crate::config::{Config, MAX_QUERY_CHARS, MAX_RERANKED, MAX_TEXT_CHARS};
use crate::texts::text_of;

#[derive(Debug, Deserialize)]
struct Answer {
    model: Option<String>,
    data: Vec<Datum>,
    usage: Option<Usage>,
}

#[derive(Debug, Deserialize)]
struct Datum {
    index: usize,
    /// Not bound to 0..1.
    score: Number,
}

/// What the input asks for.
#[derive(Debug)]
struct Asked<'a> {
    query: Option<&'a Value>,
    items: &'a [Value],
    /// Where the items stand in the input, for pointers.
    place: &'static str,
    is_list: bool,
}

/// Reranks a list; one item is scored alone.
pub(crate) fn run(config: &Config, input: &OneOrMany<Value>, key: &Secret) -> Result<Outcome<RawJson>, Failure> {
    let asked = asked(input);
    if asked.items.len() > MAX_RERANKED {
        let message = format!("{} items are more than {MAX_RERANKED}", asked.items.len());
        return Err(Failure::invalid_input(asked.place, message));
    }
    let query = query(config, &asked)?;
    let documents = documents(config, &asked)?;
    if documents.is_empty() {
        return Outcome::done_with(RawJson::new("[]"), &json!({"items": 0}));
    }
    let mut body = json!({
        "model": config.reranking_model(),
        "query": query,
        "input": documents,
        "rewrite_query": config.rewrite_query,
    });
    if let Some(top_k) = config.top_k {
        body["top_k"] = top_k.into();
    }
    if let Some(fields) = &config.rank_fields {
        body["rank_fields"] = json!(fields);
    }
    let response = Request::post(config.url("reranking")).bearer(key).json(&body)?.send()?;
    let answer: Answer = answers::read(&response)?;
    progress::items(asked.items.len(), asked.items.len(), "items reranked");
    finish(config, &asked, answer, &response)
}

fn finish(
    config: &Config,
    asked: &Asked<'_>,
    answer: Answer,
    response: &Response,
) -> Result<Outcome<RawJson>, Failure> {
    let metadata = json!({
        "model": answer.model.as_deref().unwrap_or(config.reranking_model()),
        "usage": answer.usage.unwrap_or_default(),
        "items": asked.items.len(),
    });
    let mut results = ranked(asked.items, answer.data, config.return_input.unwrap_or(true))
        .map_err(|problem| response.unexpected(&problem))?;
    if let Some(top_k) = config.top_k.and_then(|top_k| usize::try_from(top_k).ok()) {
        results.truncate(top_k);
    }
    let output = match (asked.is_list, results.into_iter()) {
        (true, results) => Value::Array(results.collect()),
        (false, mut results) => results.next().ok_or_else(|| response.unexpected("the answer ranks nothing"))?,
    };
    Outcome::done_with(RawJson::new(output.to_string()), &metadata)
}

/// An object with a list `items` is a request with its own `query`; any other object is an item.
fn asked(input: &OneOrMany<Value>) -> Asked<'_> {
    match input {
        OneOrMany::One(Value::Object(fields)) => match fields.get("items") {
            Some(Value::Array(items)) => Asked { query: fields.get("query"), items, place: "/items", is_list: true },
            _ => Asked { query: None, items: input.as_slice(), place: "", is_list: false },
        },
        OneOrMany::One(_) => Asked { query: None, items: input.as_slice(), place: "", is_list: false },
        OneOrMany::Many(items) => Asked { query: None, items, place: "", is_list: true },
    }
}

fn query<'a>(config: &'a Config, asked: &Asked<'a>) -> Result<&'a str, Failure> {
    match (asked.query, &config.query) {
        (Some(query @ Value::String(_)), _) => text_of("/query", query, "", MAX_QUERY_CHARS),
        (Some(Value::Null) | None, Some(query)) => Ok(query),
        (Some(Value::Null) | None, None) => {
            Err(Failure::invalid_config("/query", "neither the config nor the input has a query"))
        }
        (Some(_), _) => Err(Failure::invalid_input("/query", "it is no text")),
    }
}

/// What is sent: texts, objects and lists as they are, or the text of each.
fn documents<'a>(config: &Config, asked: &Asked<'a>) -> Result<Vec<std::borrow::Cow<'a, Value>>, Failure> {
    let document = |(index, item): (usize, &'a Value)| {
        let pointer = if asked.is_list { format!("{}/{index}", asked.place) } else { String::new() };
        match (&config.text_field, item) {
            (Some(path), Value::Object(_)) => {
                Ok(std::borrow::Cow::Owned(text_of(&pointer, item, path, MAX_TEXT_CHARS)?.into()))
            }
            (_, Value::String(_) | Value::Object(_) | Value::Array(_)) => Ok(std::borrow::Cow::Borrowed(item)),
            _ => Err(Failure::invalid_input(pointer, "it is neither a text nor an object nor a list")),
        }
    };
    asked.items.iter().enumerate().map(document).collect()
}

/// Best first; among equals as they came. Every index is one of the input's, none twice.
fn ranked(items: &[Value], mut data: Vec<Datum>, with_input: bool) -> Result<Vec<Value>, String> {
    let score = |datum: &Datum| datum.score.as_f64().unwrap_or(f64::MIN);
    data.sort_by(|a, b| score(b).total_cmp(&score(a)));
    let mut seen = HashSet::new();
    let mut results = Vec::with_capacity(data.len());
    for datum in data {
        let Some(item) = items.get(datum.index) else {
            return Err(format!("the answer ranks number {}, and {} items were sent", datum.index, items.len()));
        };
        if !seen.insert(datum.index) {
            return Err(format!("the answer ranks number {} twice", datum.index));
        }
        let mut result = Map::new();
        result.insert("index".to_owned(), datum.index.into());
        result.insert("score".to_owned(), Value::Number(datum.score));
        if with_input {
            result.insert("input".to_owned(), item.clone());
        }
        results.push(Value::Object(result));
    }
    Ok(results)
}
