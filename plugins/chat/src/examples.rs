//! Recorded exchanges for manifests. They are written with the defaults of the configuration.

use serde_json::{Value, json};

use crate::{Format, data, defaults};

/// The request of an extraction with the default configuration: what the model is told, shown and asked for.
pub fn extraction(system: &str, format: &Format, seen: &Value) -> Value {
    let record = data::wrap(seen).unwrap_or_default();
    request(json!({
        "model": defaults::model(),
        "messages": [{"role": "system", "content": system}, {"role": "user", "content": record}],
        "temperature": 0.0,
        "response_format": format.to_json()
    }))
}

/// A request with this body.
pub fn request(body: Value) -> Value {
    json!({"method": "POST", "url": "https://openrouter.ai/api/v1/chat/completions", "body": body})
}

/// A completed answer with this text.
pub fn answer(id: &str, text: &str, prompt_tokens: u64, completion_tokens: u64, cost: f64) -> Value {
    json!({"status": 200, "headers": {"content-type": "application/json", "x-generation-id": id}, "body": {
        "id": id,
        "object": "chat.completion",
        "created": 1_754_000_000,
        "model": "openai/gpt-4o-mini",
        "provider": "OpenAI",
        "system_fingerprint": null,
        "choices": [{
            "index": 0,
            "finish_reason": "stop",
            "native_finish_reason": "stop",
            "logprobs": null,
            "message": {"role": "assistant", "content": text, "refusal": null, "reasoning": null}
        }],
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
            "cost": cost,
            "is_byok": false
        }
    }})
}
