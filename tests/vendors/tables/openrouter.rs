//! OpenRouter, which four blocks talk to. Its mock answers every question alike, so the text of the answer is mended.

use serde_json::{Value, json};

use crate::table::Retry::{After, Never, Yes};
use crate::table::{Change, Defined, Is, Operation, Origin, Suite, Told, Vendor, defined, told};

const CHAT: &str = "POST /chat/completions";
const CONTENT: &str = "/choices/0/message/content";

pub(crate) fn vendor() -> Vendor {
    let suite = Suite {
        document: "openrouter.json",
        origin: Origin::Vendor,
        operations: [questions(), extractions()].into_iter().flatten().collect(),
        errors: defined_errors(),
        told: told_errors(),
    };
    Vendor {
        name: "OpenRouter",
        base: "https://openrouter.ai/api/v1",
        secret: "openrouter",
        secret_header: "authorization",
        granted_to: None,
        suites: vec![suite],
    }
}

fn answering(content: &Value) -> Change {
    Change::Body(CONTENT, content.to_string().into())
}

fn questions() -> Vec<Operation> {
    vec![
        Operation::new(
            "text",
            "ai.openrouter",
            json!({"prompt": "What is the capital of this country?"}),
            json!({"country": "France"}),
            CHAT,
        )
        .expect("/output/text", Is::Equal(json!("The capital of France is Paris.")))
        .expect("/output/model", Is::Equal(json!("openai/gpt-4")))
        .expect("/output/usage/totalTokens", Is::Equal(json!(35))),
        Operation::new("schema", "ai.openrouter", everything(), json!(null), CHAT)
            .mend(CHAT, answering(&json!({"city": "Paris"})))
            .expect("/output/json", Is::Equal(json!({"city": "Paris"}))),
        list("list").then(CHAT).without_errors(),
        list("list, one of it later").then(CHAT).then(CHAT).once(0, 429).waits(1),
    ]
}

/// All that can be asked for.
fn everything() -> Value {
    json!({
        "system": "Answer in JSON.", "prompt": "Capital of France?", "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Capital of Austria?"},
                {"type": "image_url", "image_url": {"url": "https://example.com/map.png"}}]},
            {"role": "assistant", "content": "{\"city\":\"Vienna\"}"}
        ],
        "model": "openai/gpt-4o", "models": ["anthropic/claude-sonnet-4.5"], "temperature": 0.5, "topP": 0.9, "seed": 7,
        "stop": ["END"], "maxTokens": 200, "reasoningEffort": "low", "referer": "https://example.com", "title": "Tests",
        "provider": {"order": ["openai"], "only": ["openai", "azure"], "ignore": ["other"], "allow_fallbacks": true,
            "require_parameters": true, "data_collection": "deny", "zdr": true, "quantizations": ["fp8"],
            "sort": "price", "max_price": {"prompt": "1", "completion": "2"}},
        "responseSchema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"],
            "additionalProperties": false}
    })
}

fn list(name: &'static str) -> Operation {
    let config = json!({"prompt": "Who is it?", "concurrency": 2});
    Operation::new(name, "ai.openrouter", config, json!([{"name": "Ada"}, "Boris"]), CHAT)
        .expect("/output", Is::List(2))
}

fn extractions() -> Vec<Operation> {
    let lead = json!({"id": "lead-1", "bio": "Ada Quill, Head of Growth at Example Labs. ada@example.com. I climb."});
    let contact = json!({"names": ["Ada Quill"], "emails": ["ada@example.com"], "phones": [], "socials": [],
        "company": "Example Labs", "role": "Head of Growth"});
    let interests = json!({"interests": [
        {"name": "Climbing", "category": "Sport", "confidence": 0.9, "evidence": "I climb"}
    ]});
    let sentiment = json!({"label": "neutral", "score": 0.1, "rationale": "It states facts."});
    vec![
        Operation::new("contact", "ai.contact", json!({}), lead.clone(), CHAT)
            .mend(CHAT, answering(&contact))
            .expect("/output/emails/0/verified", Is::Equal(json!(true)))
            .expect("/output/item/id", Is::Equal(json!("lead-1"))),
        Operation::new("interest", "ai.interest", json!({"categories": ["Sport", "Travel"]}), lead.clone(), CHAT)
            .mend(CHAT, answering(&interests))
            .expect("/output/interests/0/verified", Is::Equal(json!(true))),
        Operation::new("sentiment", "ai.sentiment", json!({"about": "climbing", "language": "English"}), lead, CHAT)
            .mend(CHAT, answering(&sentiment))
            .expect("/output/label", Is::Equal(json!("neutral"))),
    ]
}

fn defined_errors() -> Vec<Defined> {
    vec![
        defined(400, "invalid-request", Never),
        defined(401, "unauthorized", Never),
        defined(402, "quota-exceeded", Never),
        defined(403, "moderated", Never).example("guardrail-blocked"),
        defined(403, "forbidden", Never),
        defined(404, "not-found", Never),
        defined(408, "upstream-timeout", Yes),
        defined(413, "too-large", Never),
        defined(422, "invalid-request", Never),
        defined(429, "rate-limited", Yes),
        defined(500, "upstream", Yes),
        defined(502, "upstream", Yes),
        defined(503, "upstream", Yes),
        defined(524, "upstream-timeout", Yes),
        defined(529, "upstream", Yes),
    ]
}

fn error(code: u16, kind: &str) -> Value {
    json!({"error": {"code": code, "message": "It cannot be done", "metadata": {"error_type": kind}}, "user_id": null})
}

/// The newer form, for errors of availability.
fn unavailable(status: u16, code: &str, retryable: bool) -> Value {
    let availability = json!({"code": code, "retryable": retryable, "retry_after": 5});
    json!({"error": {"http_status": status, "message": "It cannot be done", "availability": availability}})
}

/// An answer that ended with an error after it had begun well.
fn broken(finish_reason: &str, error: &Value) -> Value {
    let choice = json!({"index": 0, "finish_reason": finish_reason, "error": error,
        "message": {"role": "assistant", "content": "The cap"}});
    json!({"id": "gen-1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]})
}

fn told_errors() -> Vec<Told> {
    let flagged = json!({"error": {"code": 403, "message": "Flagged", "metadata": {"reasons": ["violence"],
        "flagged_input": "...", "provider_name": "OpenAI", "model_slug": "openai/gpt-4o"}}});
    let refusal = json!({"id": "gen-1", "object": "chat.completion", "created": 1, "model": "m", "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": null, "refusal": "No."}}]});
    vec![
        told(400, error(400, "context_length_exceeded"), "too-large", Never),
        told(400, error(400, "content_policy_violation"), "moderated", Never),
        told(400, unavailable(400, "model_not_found", false), "invalid-request", Never),
        told(403, flagged, "moderated", Never),
        told(403, unavailable(403, "region_restricted", false), "forbidden", Never),
        told(404, unavailable(404, "no_endpoints", false), "not-found", Never),
        told(429, error(429, "rate_limit_exceeded"), "rate-limited", After(11_000)).header("retry-after", "11"),
        told(429, unavailable(429, "capacity_exhausted", true), "rate-limited", After(5_000)),
        told(503, error(503, "provider_unavailable"), "upstream", After(9_000)).header("retry-after", "9"),
        told(503, unavailable(503, "temporarily_unavailable", true), "upstream", After(5_000)),
        told(504, error(504, "timeout"), "upstream-timeout", Yes),
        told(200, error(402, "payment_required"), "quota-exceeded", Never),
        told(200, error(429, "rate_limit_exceeded"), "rate-limited", Yes),
        told(200, broken("error", &json!({"code": 502, "message": "Provider returned error"})), "upstream", Yes),
        told(200, broken("error", &json!(null)), "upstream", Yes),
        told(200, broken("content_filter", &json!(null)), "content-filtered", Never),
        told(200, refusal, "refused", Never),
    ]
}
