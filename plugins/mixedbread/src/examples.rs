//! Calls with their results and the exchanges behind them.

use blockyard_sdk::Example;
use serde_json::{Value, json};

const EMBEDDINGS: &str = "https://api.mixedbread.com/v1/embeddings";
const EMBEDDING_MODEL: &str = "mixedbread-ai/mxbai-embed-large-v1";
const RERANKING: &str = "https://api.mixedbread.com/v1/reranking";
const RERANKING_MODEL: &str = "mixedbread-ai/mxbai-rerank-large-v2";

pub(crate) fn all() -> Vec<Example> {
    vec![one_text(), list_of_objects(), several_formats(), rerank_texts(), rerank_objects(), search()]
}

fn post(url: &str, body: Value) -> Value {
    json!({"method": "POST", "url": url, "body": body})
}

fn ok(body: Value) -> Value {
    json!({"status": 200, "headers": {"content-type": "application/json"}, "body": body})
}

fn usage(tokens: u64) -> Value {
    json!({"prompt_tokens": tokens, "total_tokens": tokens, "completion_tokens": null})
}

fn embedded(format: Value, data: Value, tokens: u64) -> Value {
    ok(json!({
        "object": "list", "model": EMBEDDING_MODEL, "normalized": true, "encoding_format": format, "dimensions": 4,
        "data": data, "usage": usage(tokens)
    }))
}

fn one_text() -> Example {
    let prompt = "Represent this sentence for searching relevant passages:";
    Example::new(
        "Embed a search query",
        json!({"operation": "embeddings", "dimensions": 4, "prompt": prompt}),
        json!("Who sells handmade bicycles?"),
    )
    .exchange(
        post(
            EMBEDDINGS,
            json!({
                "model": EMBEDDING_MODEL, "input": ["Who sells handmade bicycles?"], "dimensions": 4, "prompt": prompt,
                "normalized": true, "encoding_format": "float"
            }),
        ),
        embedded(
            json!("float"),
            json!([{"object": "embedding", "index": 0, "embedding": [0.5112, -0.4311, 0.6462, 0.3657]}]),
            16,
        ),
    )
    .output("output", json!({"index": 0, "embedding": [0.5112, -0.4311, 0.6462, 0.3657]}))
}

fn list_of_objects() -> Example {
    let (first, second) = ("Builds bicycle frames by hand.", "Roasts coffee in small batches.");
    Example::new(
        "Embed the descriptions of companies",
        json!({"operation": "embeddings", "dimensions": 4, "textField": "about.summary"}),
        json!([
            {"domain": "frames.example.com", "about": {"summary": first}},
            {"domain": "roastery.example.org", "about": {"summary": second}}
        ]),
    )
    .exchange(
        post(
            EMBEDDINGS,
            json!({
                "model": EMBEDDING_MODEL, "input": [first, second], "dimensions": 4, "normalized": true,
                "encoding_format": "float"
            }),
        ),
        embedded(
            json!("float"),
            json!([
                {"object": "embedding", "index": 1, "embedding": [-0.2101, 0.7725, 0.1304, -0.5847]},
                {"object": "embedding", "index": 0, "embedding": [0.4898, -0.4502, 0.6617, 0.3419]}
            ]),
            18,
        ),
    )
    .output(
        "output",
        json!([
            {"index": 0, "embedding": [0.4898, -0.4502, 0.6617, 0.3419]},
            {"index": 1, "embedding": [-0.2101, 0.7725, 0.1304, -0.5847]}
        ]),
    )
}

fn several_formats() -> Example {
    let embedding = json!({"int8": [65, -55, 82, 46], "base64": "j8ICPwrX3L4fhSU/FK67Pg=="});
    Example::new(
        "Two formats at once, with the text",
        json!({
            "operation": "embeddings", "dimensions": 4, "encodingFormat": ["int8", "base64"], "returnInput": true
        }),
        json!(["Builds bicycle frames by hand."]),
    )
    .exchange(
        post(
            EMBEDDINGS,
            json!({
                "model": EMBEDDING_MODEL, "input": ["Builds bicycle frames by hand."], "dimensions": 4,
                "normalized": true, "encoding_format": ["int8", "base64"]
            }),
        ),
        embedded(
            json!(["int8", "base64"]),
            json!([{"object": "embedding_dict", "index": 0, "embedding": embedding}]),
            9,
        ),
    )
    .output("output", json!([{"index": 0, "embedding": embedding, "input": "Builds bicycle frames by hand."}]))
}

fn reranked(top_k: u64, data: Value, tokens: u64) -> Value {
    ok(json!({
        "object": "list", "model": RERANKING_MODEL, "top_k": top_k, "return_input": false, "data": data,
        "usage": usage(tokens)
    }))
}

fn rerank_texts() -> Example {
    let texts = json!(["Coffee roastery in Graz", "Repairs of sewing machines", "Handmade bicycle frames"]);
    Example::new(
        "The two best of three texts",
        json!({"operation": "rerank", "query": "bicycle makers", "topK": 2}),
        texts.clone(),
    )
    .exchange(
        post(
            RERANKING,
            json!({
                "model": RERANKING_MODEL, "query": "bicycle makers", "input": texts, "top_k": 2, "rewrite_query": false
            }),
        ),
        reranked(
            2,
            json!([
                {"object": "rank_result", "index": 2, "score": 0.91, "input": null},
                {"object": "rank_result", "index": 0, "score": 0.12, "input": null}
            ]),
            40,
        ),
    )
    .output(
        "output",
        json!([
            {"index": 2, "score": 0.91, "input": "Handmade bicycle frames"},
            {"index": 0, "score": 0.12, "input": "Coffee roastery in Graz"}
        ]),
    )
}

fn rerank_objects() -> Example {
    let items = json!([
        {"name": "Ada Lund", "title": "Head of Sales", "bio": {"text": "Runs a team of twelve."}},
        {"name": "Bo Riis", "title": "Founder", "bio": {"text": "Builds bicycles since 1998."}}
    ]);
    Example::new(
        "People by a query of the input",
        json!({"operation": "rerank", "rankFields": ["title", "bio.text"]}),
        json!({"query": "Who decides on frames?", "items": items}),
    )
    .exchange(
        post(
            RERANKING,
            json!({
                "model": RERANKING_MODEL, "query": "Who decides on frames?", "input": items,
                "rank_fields": ["title", "bio.text"], "rewrite_query": false
            }),
        ),
        reranked(
            2,
            json!([{"index": 1, "score": 2.75, "input": null}, {"index": 0, "score": -1.5, "input": null}]),
            52,
        ),
    )
    .output(
        "output",
        json!([
            {"index": 1, "score": 2.75, "input": items[1]},
            {"index": 0, "score": -1.5, "input": items[0]}
        ]),
    )
}

fn search() -> Example {
    let chunk = json!({
        "type": "text", "chunk_index": 0, "score": 0.82, "file_id": "0b9f6d1e-0000-4000-8000-000000000001",
        "filename": "guide.md", "store_id": "0b9f6d1e-0000-4000-8000-000000000002", "external_id": null,
        "text": "Frames are guaranteed for ten years.", "metadata": {"lang": "en"}, "mime_type": "text/plain"
    });
    let filters = json!({"key": "lang", "operator": "eq", "value": "en"});
    Example::new(
        "Search a store for two questions",
        json!({
            "operation": "search", "storeIdentifiers": ["handbook"], "topK": 1, "filters": filters,
            "searchOptions": {"scoreThreshold": 0.5, "returnMetadata": true}
        }),
        json!(["How long is the guarantee?", {"query": "Who wrote the opera?"}]),
    )
    .exchange(
        post("https://api.mixedbread.com/v1/stores/search", asked("How long is the guarantee?", &filters)),
        ok(json!({"object": "list", "data": [chunk]})),
    )
    .exchange(
        post("https://api.mixedbread.com/v1/stores/search", asked("Who wrote the opera?", &filters)),
        ok(json!({"object": "list", "data": []})),
    )
    .output(
        "output",
        json!([
            {"query": "How long is the guarantee?", "data": [chunk]},
            {"query": "Who wrote the opera?", "data": []}
        ]),
    )
}

fn asked(query: &str, filters: &Value) -> Value {
    json!({
        "query": query, "store_identifiers": ["handbook"], "top_k": 1, "filters": filters,
        "search_options": {"score_threshold": 0.5, "return_metadata": true}
    })
}
