//! Shared by the tests: a question that wants `{"n": <number>}`, and a host that answers in turn.

mod conversation;
mod data;
mod errors;
mod source;

use std::cell::RefCell;

use blockyard_sdk::http::Response;
use blockyard_sdk::items::{OnItemError, OneOrMany};
use blockyard_sdk::testing::{Host, Sent};
use blockyard_sdk::{Context, Failure, Outcome};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Chat, Extraction, Extractor, Format, Options, Sampling, ask, defaults};

pub(super) const SYSTEM: &str = "Count.";

#[derive(Debug)]
pub(super) struct Counter;

#[derive(Debug, Deserialize)]
pub(super) struct Count {
    n: i64,
}

impl Extractor for Counter {
    type Answer = Count;
    type Found = Value;

    fn system(&self) -> &str {
        SYSTEM
    }

    fn found(&self, _: &Value, answer: Count) -> Result<Value, String> {
        if answer.n < 0 { Err("at /n: it is below 0".to_owned()) } else { Ok(json!({"n": answer.n})) }
    }
}

pub(super) fn options() -> Options {
    Options {
        base_url: defaults::base_url(),
        model: defaults::model(),
        models: Vec::new(),
        provider: None,
        effort: None,
        max_tokens: None,
        referer: None,
        title: None,
        timeout_ms: 1_000,
        concurrency: 8,
        on_item_error: OnItemError::Include,
        sampling: Sampling::default(),
    }
}

pub(super) fn schema() -> Value {
    json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]})
}

/// Answers in this order; the last one repeats.
pub(super) fn host(answers: Vec<Response>) -> Host {
    let answers = RefCell::new(answers);
    Host::new().secret("openrouter").respond(move |_: &Sent| {
        let mut answers = answers.borrow_mut();
        Ok(if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() })
    })
}

pub(super) fn json_response(status: u16, body: &Value) -> Response {
    Response::new(status, vec![], body.to_string())
}

/// A 200 with this message, `finish_reason` and a usage of 10 + 5 tokens for 0.25 USD.
pub(super) fn choice(finish_reason: &Value, message: &Value) -> Response {
    json_response(
        200,
        &json!({"id": "gen-1", "object": "chat.completion", "created": 1, "model": "openai/gpt-4o-mini",
            "system_fingerprint": null, "choices": [{"index": 0, "finish_reason": finish_reason, "message": message}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, "cost": 0.25}}),
    )
}

pub(super) fn said(content: impl Into<Value>) -> Response {
    choice(&json!("stop"), &json!({"role": "assistant", "content": content.into(), "refusal": null}))
}

pub(super) fn count(host: &Host, options: Options, input: OneOrMany<Value>) -> Result<(Value, Value), Failure> {
    host.within(|| {
        let chat = Chat::new(options, Some(Format::strict("count", schema())))?;
        let extraction = Extraction { extractor: &Counter, text_fields: &[], keep: &[], is_list: input.is_many() };
        let mut state = None;
        loop {
            let text = json!({ "state": state }).to_string();
            match ask(&chat, &extraction, &input, "counted", &Context::from_json(&text)?)? {
                Outcome::Done { output, metadata } => {
                    let metadata = metadata.map_or(Value::Null, |raw| serde_json::from_str(raw.get()).unwrap());
                    return Ok((serde_json::from_str(output.get()).unwrap(), metadata));
                }
                Outcome::Suspend { state: next, .. } => {
                    state = Some(serde_json::from_str::<Value>(next.get()).unwrap())
                }
            }
        }
    })
}

pub(super) fn count_one(answers: Vec<Response>) -> Result<(Value, Value), Failure> {
    count(&host(answers), options(), OneOrMany::One(json!("one two")))
}
