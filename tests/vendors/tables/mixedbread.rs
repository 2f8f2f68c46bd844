//! Mixedbread.

use serde_json::{Value, json};

use crate::table::Retry::{After, Never, Yes};
use crate::table::{Change, Defined, Is, Operation, Origin, Suite, Told, Vendor, defined, told};

const BLOCK: &str = "api.mixedbread";
const EMBED: &str = "POST /v1/embeddings";
const RERANK: &str = "POST /v1/reranking";
const SEARCH: &str = "POST /v1/stores/search";

pub(crate) fn vendor() -> Vendor {
    let suite = Suite {
        document: "mixedbread.json",
        origin: Origin::Project,
        operations: vec![embeddings(), several_formats(), batches(), rerank(), search()],
        errors: defined_errors(),
        told: told_errors(),
    };
    Vendor {
        name: "Mixedbread",
        base: "https://api.mixedbread.com",
        secret: "mixedbread",
        secret_header: "authorization",
        granted_to: None,
        suites: vec![suite],
    }
}

fn embeddings() -> Operation {
    let config = json!({
        "operation": "embeddings", "model": "mixedbread-ai/mxbai-embed-large-v1", "dimensions": 512,
        "prompt": "Represent this sentence for searching relevant passages:", "normalized": true,
        "encodingFormat": "float", "returnInput": true
    });
    Operation::new("embeddings", BLOCK, config, json!("Ada climbs."), EMBED)
        .expect("/output/index", Is::Equal(json!(0)))
        .expect("/output/embedding/0", Is::Number)
        .expect("/metadata/usage/total_tokens", Is::Number)
}

fn several_formats() -> Operation {
    let config = json!({"operation": "embeddings", "encodingFormat": ["float", "base64", "ubinary"]});
    let embedding = json!({"float": [0.1], "base64": "zczMPQ==", "ubinary": [1]});
    let datum = |index: u32| json!({"object": "embedding_dict", "index": index, "embedding": embedding});
    Operation::new("embeddings in formats", BLOCK, config, json!([{"text": "a"}, {"text": "b"}]), EMBED)
        .mend(EMBED, Change::Body("/data", json!([datum(1), datum(0)])))
        .expect("/output", Is::List(2))
        .expect("/output/1/embedding/base64", Is::Text)
        .without_errors()
}

/// Two requests, of which one has to be sent again.
fn batches() -> Operation {
    let config = json!({"operation": "embeddings", "batchSize": 1});
    Operation::new("embeddings in batches", BLOCK, config, json!(["Ada climbs.", "Boris bakes."]), EMBED)
        .then(EMBED)
        .then(EMBED)
        .once(1, 503)
        .waits(1)
        .expect("/output", Is::List(2))
        .expect("/output/1/index", Is::Equal(json!(1)))
}

fn rerank() -> Operation {
    let config = json!({
        "operation": "rerank", "query": "Who climbs?", "topK": 2, "rankFields": ["bio", "profile.headline"],
        "rewriteQuery": true
    });
    let people = json!([{"bio": "Ada climbs."}, {"bio": "Boris bakes."}, {"bio": "Cleo climbs too."}]);
    Operation::new("rerank", BLOCK, config, people, RERANK)
        .expect("/output/0/score", Is::Number)
        .expect("/output/0/input/bio", Is::Text)
}

fn search() -> Operation {
    let config = json!({
        "operation": "search", "storeIdentifiers": ["leads", "notes"], "topK": 5,
        "filters": {"all": [{"key": "city", "operator": "eq", "value": "Lyon"}]}, "fileIds": ["file-1"],
        "searchOptions": {"scoreThreshold": 0.5, "rewriteQuery": true, "rerank": {"top_k": 3}, "agentic": false,
            "returnMetadata": true, "applySearchRules": true}
    });
    Operation::new("search", BLOCK, config, json!({"query": "Who climbs?"}), SEARCH)
        .expect("/output/query", Is::Equal(json!("Who climbs?")))
        .expect("/output/data/0/score", Is::Number)
}

fn defined_errors() -> Vec<Defined> {
    vec![
        defined(401, "unauthorized", Never),
        defined(402, "quota-exceeded", Never),
        defined(422, "invalid-request", Never),
        // The mock writes 0 into the header; the wait itself is checked below.
        defined(429, "rate-limited", After(0)),
        defined(503, "upstream", Yes),
    ]
}

fn error(code: u16, kind: &str) -> Value {
    json!({"error": {"message": "It cannot be done", "code": code, "type": kind}})
}

fn told_errors() -> Vec<Told> {
    let limit = json!({
        "type": "too_many_requests_error", "url": "https://api.mixedbread.com/v1/embeddings", "message": "Slow down",
        "details": {"retry_after": 60, "limit": "100", "remaining": "0", "reset": "1630000000", "tier": "1"}
    });
    let detail = json!({"detail": [{"loc": ["body", "input"], "msg": "Field required", "type": "missing"}]});
    vec![
        told(400, error(400, "invalid_request_error"), "invalid-request", Never),
        told(403, error(403, "permission_error"), "forbidden", Never),
        told(404, json!({"detail": "Not found"}), "not-found", Never),
        told(409, error(409, "conflict_error"), "conflict", Never),
        told(422, detail, "invalid-request", Never),
        told(429, limit.clone(), "rate-limited", After(60_000)),
        told(429, limit.clone(), "rate-limited", After(13_000)).header("retry-after", "13"),
        told(429, limit, "rate-limited", After(250)).header("retry-after-ms", "250"),
        told(500, error(500, "server_error"), "upstream", Yes),
        told(504, json!("<html></html>"), "upstream-timeout", Yes),
    ]
}
