//! The answer.

use blockyard_sdk::Failure;
use blockyard_sdk::http::Response;
use serde_json::Value;

use crate::{Usage, codes, failure};

/// How much of a refusal goes into a failure.
const REFUSAL_CHARS: usize = 500;

/// A chat completion that is neither an error nor withheld.
#[derive(Debug, Clone, PartialEq)]
pub struct Completion {
    /// What the model said; `None` if its message holds no text at all.
    pub text: Option<String>,
    /// The model that served.
    pub model: String,
    /// `stop`, `length`, `tool_calls`, or `None` if the vendor did not say.
    pub finish_reason: Option<String>,
    /// What it took; [`ask`](fn@crate::ask) sums up what came before a repair.
    pub usage: Usage,
}

impl Completion {
    /// Whether the limit of tokens ended it.
    pub fn is_cut(&self) -> bool {
        self.finish_reason.as_deref() == Some("length")
    }
}

/// Reads what a request brought. `spent` takes the usage, which an answer has even if it is of no use.
pub(crate) fn read(response: &Response, spent: &mut Usage) -> Result<Completion, Failure> {
    if !response.is_success() {
        return Err(failure::of_response(response));
    }
    let body: Value = response.json()?;
    *spent = Usage::read(body.get("usage"));
    if let Some(error) = body.get("error").filter(|error| !error.is_null()) {
        return Err(failure::within(error, response));
    }
    let Some(choice) = body.pointer("/choices/0") else {
        return Err(response.unexpected("the answer holds no choice"));
    };
    if let Some(error) = choice.get("error").filter(|error| !error.is_null()) {
        return Err(failure::within(error, response));
    }
    let finish_reason = choice.get("finish_reason").and_then(Value::as_str).map(str::to_owned);
    let model = body.get("model").and_then(Value::as_str).unwrap_or_default().to_owned();
    match finish_reason.as_deref() {
        Some("error") => return Err(failure::within(&Value::Null, response)),
        Some("content_filter") => {
            let failure = Failure::new(codes::CONTENT_FILTERED, "the provider's content filter withheld the answer");
            return Err(failure.detail("model", model));
        }
        _ => {}
    }
    let Some(message) = choice.get("message").and_then(Value::as_object) else {
        return Err(response.unexpected("the answer's choice holds no message"));
    };
    if let Some(refusal) = refusal(message.get("refusal"), message.get("content")) {
        let said: String = refusal.chars().take(REFUSAL_CHARS).collect();
        return Err(Failure::new(codes::REFUSED, format!("the model declined: {said}")).detail("model", model));
    }
    let text = match message.get("content") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Array(parts)) => text_of(parts),
        Some(_) => return Err(response.unexpected("the message's content is neither a text nor a list of parts")),
    };
    Ok(Completion { text, model, finish_reason, usage: *spent })
}

fn refusal<'a>(field: Option<&'a Value>, content: Option<&'a Value>) -> Option<&'a str> {
    let part = || {
        let parts = content?.as_array()?.iter();
        parts.filter_map(|part| part.get("refusal")?.as_str()).find(|refusal| !refusal.trim().is_empty())
    };
    field.and_then(Value::as_str).filter(|refusal| !refusal.trim().is_empty()).or_else(part)
}

/// The parts that are text, joined; `None` if there are none.
fn text_of(parts: &[Value]) -> Option<String> {
    let texts = parts.iter().filter_map(|part| part.as_str().or_else(|| part.get("text")?.as_str()));
    texts.fold(None, |joined, text| Some(joined.unwrap_or_default() + text))
}
