//! The examples. The mode `demo` serves their answers for input of its own: the plain one first, then structured ones, so
//! that a structured question which got the plain answer is repaired by the next.

use blockyard_chat::data;
use blockyard_chat::examples::{answer, request};
use blockyard_sdk::Example;
use serde_json::{Value, json};

pub(crate) fn all() -> Vec<Example> {
    vec![plain(), structured(), list()]
}

fn user(prompt: &str, item: &Value) -> Value {
    let record = data::wrap(item).unwrap_or_default();
    json!({"role": "user", "content": format!("{prompt}\n\n{record}")})
}

fn usage(prompt: u64, completion: u64, cost: f64) -> Value {
    json!({"promptTokens": prompt, "completionTokens": completion, "totalTokens": prompt + completion, "cost": cost})
}

fn plain() -> Example {
    let lead = json!({"name": "Ada Byron", "company": "Engines Ltd", "title": "Head of Growth"});
    let (system, prompt) = ("You write short, friendly emails.", "Write the first sentence of an email to this lead.");
    let text = "I saw what your team has built lately and would love to hear how you win new customers today.";
    let body = json!({
        "model": "openai/gpt-4o-mini",
        "messages": [{"role": "system", "content": system}, user(prompt, &lead)],
        "temperature": 0.7,
        "max_completion_tokens": 200
    });
    let config = json!({"system": system, "prompt": prompt, "temperature": 0.7, "maxTokens": 200});
    Example::new("A sentence for a lead", config, lead)
        .exchange(request(body), answer("gen-1754000000-o1", text, 142, 21, 0.000034))
        .output(
            "output",
            json!({"text": text, "json": null, "model": "openai/gpt-4o-mini", "finishReason": "stop",
            "usage": usage(142, 21, 0.000034)}),
        )
}

fn score_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "score": {"type": "integer", "minimum": 0, "maximum": 100},
            "segment": {"type": "string", "enum": ["hot", "warm", "cold"]},
            "reason": {"type": "string"}
        },
        "required": ["score", "segment", "reason"],
        "additionalProperties": false
    })
}

const SCORE: &str = "Score how likely this lead is to buy a marketing tool, 0 to 100.";

fn scored(example: Example, lead: &Value, id: &str, found: &Value) -> Example {
    let body = json!({
        "model": "openai/gpt-4o-mini",
        "models": ["anthropic/claude-haiku-4.5"],
        "messages": [user(SCORE, lead)],
        "temperature": 0.0,
        "provider": {"data_collection": "deny", "require_parameters": true},
        "response_format": {"type": "json_schema", "json_schema": {
            "name": "lead_score", "strict": true, "schema": score_schema()}}
    });
    example.exchange(request(body), answer(id, &found.to_string(), 233, 38, 0.000058))
}

fn score_config() -> Value {
    json!({
        "prompt": SCORE,
        "models": ["anthropic/claude-haiku-4.5"],
        "temperature": 0.0,
        "provider": {"data_collection": "deny", "require_parameters": true},
        "responseSchema": score_schema(),
        "schemaName": "lead_score"
    })
}

fn reply(found: &Value) -> Value {
    json!({"text": found.to_string(), "json": found, "model": "openai/gpt-4o-mini", "finishReason": "stop",
        "usage": usage(233, 38, 0.000058)})
}

fn structured() -> Example {
    let lead = json!({"email": "ada@example.org", "title": "Head of Growth", "employees": 85});
    let found = json!({"score": 82, "segment": "hot", "reason": "The role decides on tools like this one."});
    let example = Example::new("A score by JSON Schema", score_config(), lead.clone());
    scored(example, &lead, "gen-1754000000-o2", &found).output("output", reply(&found))
}

fn list() -> Example {
    let leads =
        json!([{"email": "bo@example.com", "title": "Office Manager"}, {"email": "cy@example.com", "title": "CMO"}]);
    let first = json!({"score": 35, "segment": "cold", "reason": "The role seldom buys marketing tools."});
    let second = json!({"score": 74, "segment": "warm", "reason": "The role owns the budget; the need is not known."});
    let example = Example::new("A list of leads", score_config(), leads.clone());
    let example = scored(example, &leads[0], "gen-1754000000-o3", &first);
    scored(example, &leads[1], "gen-1754000000-o4", &second).output("output", json!([reply(&first), reply(&second)]))
}
