//! Texts into vectors, in batches.

use blockyard_sdk::http::{Request, Response};
use blockyard_sdk::items::{self, Driven, OneOrMany, Options, Step, Task};
use blockyard_sdk::secrets::Secret;
use blockyard_sdk::{Context, Failure, Outcome, RawJson};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::answers::{self, Usage};
use crate::config::{Config, MAX_TEXT_CHARS};
use crate::texts::text_of;

/// Text in one request, in bytes: 256 texts of full length would be more than a request may hold.
const MAX_BATCH_BYTES: usize = 4 * 1024 * 1024;

/// Embeds batches.
#[derive(Debug)]
struct Embed<'a> {
    config: &'a Config,
    key: &'a Secret,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Totals {
    model: Option<String>,
    dimensions: Option<u64>,
    usage: Usage,
    requests: u64,
}

#[derive(Debug, Deserialize)]
struct Answer {
    model: Option<String>,
    dimensions: Option<u64>,
    data: Vec<Datum>,
    usage: Option<Usage>,
}

#[derive(Debug, Deserialize)]
struct Datum {
    index: usize,
    /// Kept as text: a list of numbers, base64, or an object by format.
    embedding: Box<RawValue>,
}

/// One result as it leaves.
#[derive(Debug, Serialize)]
struct Embedded<'a> {
    index: usize,
    embedding: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<&'a Value>,
}

impl<'a> Task for Embed<'a> {
    type Item = &'a [&'a str];
    type State = ();
    type Result = Vec<Box<RawValue>>;
    type Totals = Totals;

    fn request(&self, _: usize, texts: &&'a [&'a str], (): &()) -> Result<Request, Failure> {
        let formats = self.config.encoding_format.as_slice();
        let mut body = json!({
            "model": self.config.embedding_model(),
            "input": texts,
            "normalized": self.config.normalized,
            "encoding_format": if self.config.encoding_format.is_many() { json!(formats) } else { json!(formats.first()) },
        });
        if let Some(dimensions) = self.config.dimensions {
            body["dimensions"] = dimensions.into();
        }
        if let Some(prompt) = &self.config.prompt {
            body["prompt"] = prompt.as_str().into();
        }
        Request::post(self.config.url("embeddings")).bearer(self.key).json(&body)
    }

    fn answer(
        &self,
        _: usize,
        texts: &&'a [&'a str],
        (): (),
        response: Response,
        totals: &mut Totals,
    ) -> Result<Step<(), Self::Result>, Failure> {
        let answer: Answer = answers::read(&response)?;
        let embeddings = in_order(answer.data, texts.len()).map_err(|problem| response.unexpected(&problem))?;
        totals.usage.add(answer.usage.unwrap_or_default());
        totals.requests += 1;
        totals.model = answer.model.or(totals.model.take());
        totals.dimensions = answer.dimensions.or(totals.dimensions);
        Ok(Step::Done(embeddings))
    }
}

/// By index, each exactly once.
fn in_order(data: Vec<Datum>, count: usize) -> Result<Vec<Box<RawValue>>, String> {
    let mut slots: Vec<Option<Box<RawValue>>> = (0..count).map(|_| None).collect();
    for datum in data {
        let Some(slot) = slots.get_mut(datum.index) else {
            return Err(format!("the answer has an embedding of number {}, and {count} texts were sent", datum.index));
        };
        if !datum.embedding.get().starts_with(['[', '"', '{']) {
            return Err(format!("the embedding of number {} is none", datum.index));
        }
        if slot.replace(datum.embedding).is_some() {
            return Err(format!("the answer has two embeddings of number {}", datum.index));
        }
    }
    let missing = |index: usize| format!("the answer has no embedding of number {index}");
    slots.into_iter().enumerate().map(|(index, slot)| slot.ok_or_else(|| missing(index))).collect()
}

/// Embeds one text or a list.
pub(crate) fn run(
    config: &Config,
    input: &OneOrMany<Value>,
    key: &Secret,
    context: &Context,
) -> Result<Outcome<RawJson>, Failure> {
    let path = config.text_field.as_deref().unwrap_or("text");
    let mut texts = Vec::with_capacity(input.as_slice().len());
    for (index, item) in input.as_slice().iter().enumerate() {
        let pointer = if input.is_many() { format!("/{index}") } else { String::new() };
        texts.push(text_of(&pointer, item, path, MAX_TEXT_CHARS)?);
    }
    let batches = cut(&texts, config.batch_size);
    let options = Options { concurrency: 4, on_item_error: config.on_item_error, label: "batches embedded" };
    match items::drive(&Embed { config, key }, &batches, &options, context)? {
        Driven::Suspend { after_ms, state } => Ok(Outcome::Suspend { after_ms, state }),
        Driven::Done { results, totals } => join(config, input, &batches, results, &totals),
    }
}

/// Batches of at most `count` texts and [`MAX_BATCH_BYTES`], in order.
fn cut<'a>(texts: &'a [&'a str], count: usize) -> Vec<&'a [&'a str]> {
    let mut batches = Vec::new();
    let mut rest = texts;
    while !rest.is_empty() {
        let mut bytes = 0_usize;
        let fits = |text: &&&str| {
            bytes = bytes.saturating_add(text.len());
            bytes <= MAX_BATCH_BYTES
        };
        let length = rest.iter().take(count.max(1)).take_while(fits).count().max(1);
        let (batch, later) = rest.split_at(length);
        batches.push(batch);
        rest = later;
    }
    batches
}

fn join(
    config: &Config,
    input: &OneOrMany<Value>,
    batches: &[&[&str]],
    results: Vec<Result<Box<RawValue>, Failure>>,
    totals: &Totals,
) -> Result<Outcome<RawJson>, Failure> {
    let items = input.as_slice();
    let with_input = config.return_input.unwrap_or(false);
    let mut list: Vec<String> = Vec::with_capacity(items.len());
    let mut failed = 0_usize;
    for (batch, result) in batches.iter().zip(results) {
        match result {
            Ok(embeddings) => {
                let embeddings: Vec<&RawValue> = serde_json::from_str(embeddings.get())?;
                for embedding in embeddings {
                    let index = list.len();
                    let input = if with_input { items.get(index) } else { None };
                    list.push(serde_json::to_string(&Embedded { index, embedding, input })?);
                }
            }
            Err(failure) => {
                failed += batch.len();
                let text = items::in_place(&failure)?.get().to_owned();
                list.extend(batch.iter().map(|_| text.clone()));
            }
        }
    }
    let output = match list.first() {
        Some(only) if !input.is_many() => only.clone(),
        _ => format!("[{}]", list.join(",")),
    };
    let metadata = json!({
        "model": totals.model.as_deref().unwrap_or(config.embedding_model()), "dimensions": totals.dimensions,
        "usage": totals.usage, "requests": totals.requests, "items": items.len(), "failed": failed,
    });
    Outcome::done_with(RawJson::new(output), &metadata)
}
