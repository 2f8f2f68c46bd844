//! What the tests share.

mod embeddings;
mod errors;
mod manifest;
mod rerank;
mod search;

use blockyard_sdk::Failure;
use blockyard_sdk::http::Response;
use blockyard_sdk::testing::{Ended, Host};
use serde_json::{Value, json};

use crate::Mixedbread;

fn answer(status: u16, headers: &[(&str, &str)], body: impl ToString) -> Response {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Response::new(status, headers, body.to_string())
}

/// Always the same answer.
fn host(status: u16, headers: &'static [(&'static str, &'static str)], body: impl ToString) -> Host {
    let body = body.to_string();
    Host::new().secret("mixedbread").respond(move |_| Ok(answer(status, headers, &body)))
}

/// Embeds each text as its own length.
fn embedder() -> Host {
    Host::new().secret("mixedbread").respond(|sent| Ok(embed(&sent.json())))
}

fn embed(request: &Value) -> Response {
    let texts = request["input"].as_array().unwrap();
    let datum = |(index, text): (usize, &Value)| json!({"index": index, "embedding": [text.as_str().unwrap().len()]});
    let data: Vec<_> = texts.iter().enumerate().map(datum).rev().collect();
    let usage = json!({"prompt_tokens": texts.len(), "total_tokens": texts.len(), "completion_tokens": null});
    answer(200, &[], json!({"model": "m", "dimensions": 1, "data": data, "usage": usage}))
}

fn done(ended: Result<Ended, Failure>) -> (Value, Value) {
    match ended.unwrap() {
        Ended::Done { outputs, metadata } => (outputs["output"].clone(), metadata),
        other => panic!("{other:?}"),
    }
}

fn run(host: &Host, config: &Value, input: &Value) -> Result<Ended, Failure> {
    host.run::<Mixedbread>(config, input, &json!({}))
}
