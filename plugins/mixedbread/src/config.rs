//! What a node says.

use blockyard_sdk::Failure;
use blockyard_sdk::items::{OnItemError, OneOrMany};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Most texts that an embedding request takes.
pub(crate) const MAX_BATCH: usize = 256;
/// Most characters of one text.
pub(crate) const MAX_TEXT_CHARS: usize = 64_000;
/// Most characters of a query or a prompt.
pub(crate) const MAX_QUERY_CHARS: usize = 32_000;
/// Most items that a reranking takes.
pub(crate) const MAX_RERANKED: usize = 1_000;

const EMBEDDING_MODEL: &str = "mixedbread-ai/mxbai-embed-large-v1";
const RERANKING_MODEL: &str = "mixedbread-ai/mxbai-rerank-large-v2";

/// What to do with the texts.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(extend("allOf" = [
    {"if": {"properties": {"operation": {"const": "search"}}}, "then": {"required": ["storeIdentifiers"]}}
]))]
pub struct Config {
    /// What to do.
    pub(crate) operation: Operation,
    /// The model, 1 to 500 characters. Left out: `mixedbread-ai/mxbai-embed-large-v1` for `embeddings` and
    /// `mixedbread-ai/mxbai-rerank-large-v2` for `rerank`. Not used by `search`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(min = 1, max = 500))]
    pub(crate) model: Option<String>,
    /// Where the text stands in items that are objects: field names and list positions joined by dots. Left out:
    /// `text` for `embeddings`, `query` for `search`, and for `rerank` the whole object counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(min = 1))]
    pub(crate) text_field: Option<String>,
    /// Length of the embeddings, for models that can be cut (Matryoshka). Left out: the model's full length. Used by
    /// `embeddings`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u32", range(min = 1))]
    pub(crate) dimensions: Option<u32>,
    /// An instruction put before every text, 1 to 32,000 characters. For retrieval with mxbai-embed-large-v1, queries
    /// need `Represent this sentence for searching relevant passages:` and documents none. Used by `embeddings`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(min = 1, max = 32_000))]
    pub(crate) prompt: Option<String>,
    /// Whether embeddings have the length 1. Used by `embeddings`.
    #[serde(default = "yes")]
    pub(crate) normalized: bool,
    /// How embeddings are written: one format, or a list, which gives an object by format for each text. `binary` and
    /// `ubinary` pack eight dimensions into a number. Used by `embeddings`.
    #[serde(default = "float")]
    #[schemars(extend("default" = "float"))]
    pub(crate) encoding_format: OneOrMany<Format>,
    /// Texts in one request, 1 to 256. Used by `embeddings`.
    #[serde(default = "max_batch")]
    #[schemars(range(min = 1, max = 256))]
    pub(crate) batch_size: usize,
    /// What to look for, 1 to 32,000 characters. Used by `rerank` and `search` when the input has no `query`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(min = 1, max = 32_000))]
    pub(crate) query: Option<String>,
    /// How many of the best results to give. Left out: all for `rerank`, 10 for `search`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u32", range(min = 1))]
    pub(crate) top_k: Option<u32>,
    /// Which fields of objects count, as dotted paths. Left out: all. Used by `rerank`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<String>", length(min = 1))]
    pub(crate) rank_fields: Option<Vec<String>>,
    /// Whether a result carries its item as `input`. Left out: yes for `rerank`, no for `embeddings`. Items are taken
    /// from the node's own input and are not sent back by the vendor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "bool")]
    pub(crate) return_input: Option<bool>,
    /// Whether the vendor may rephrase the query. Used by `rerank`.
    #[serde(default)]
    pub(crate) rewrite_query: bool,
    /// Ids or names of the stores to search, 1 to 16. Used by `search`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 16))]
    pub(crate) store_identifiers: Vec<String>,
    /// Which chunks count, in the vendor's form: `{"key", "operator", "value"}`, or `{"all": [..]}`, `{"any": [..]}`,
    /// `{"none": [..]}` of such. Used by `search`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) filters: Option<Value>,
    /// Only chunks of these files count. Used by `search`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<String>")]
    pub(crate) file_ids: Option<Vec<String>>,
    /// How to search. Used by `search`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "SearchOptions")]
    pub(crate) search_options: Option<SearchOptions>,
    /// What the failure of a batch (`embeddings`) or of a query (`search`) does.
    #[serde(default)]
    pub(crate) on_item_error: OnItemError,
    /// Where the API is, without `/v1`: for a proxy.
    #[serde(default = "base_url")]
    #[schemars(url)]
    pub(crate) base_url: String,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Operation {
    /// Turn texts into vectors.
    Embeddings,
    /// Order items by how well they answer a query.
    Rerank,
    /// Search in stores that were filled before.
    Search,
}

/// How an embedding is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// Numbers of 32 bits.
    Float,
    /// Numbers of 16 bits.
    Float16,
    /// The bytes of 32-bit numbers as one text.
    Base64,
    /// Signed bytes of eight dimensions each.
    Binary,
    /// Unsigned bytes of eight dimensions each.
    Ubinary,
    /// Signed bytes.
    Int8,
    /// Unsigned bytes.
    Uint8,
}

/// How to search; the vendor's defaults hold for what is left out.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all(serialize = "snake_case", deserialize = "camelCase"))]
pub(crate) struct SearchOptions {
    /// The lowest score of a result, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "f64", range(min = 0, max = 1))]
    score_threshold: Option<f64>,
    /// Whether the vendor may rephrase the query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "bool")]
    rewrite_query: Option<bool>,
    /// Whether results are reranked, or how: `{"model", "with_metadata", "top_k"}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rerank: Option<Value>,
    /// Whether, or how, the vendor searches in several steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    agentic: Option<Value>,
    /// Whether results carry the metadata of their files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "bool")]
    return_metadata: Option<bool>,
    /// Whether the store's search rules apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "bool")]
    apply_search_rules: Option<bool>,
}

fn yes() -> bool {
    true
}

fn float() -> OneOrMany<Format> {
    OneOrMany::One(Format::Float)
}

fn max_batch() -> usize {
    MAX_BATCH
}

fn base_url() -> String {
    "https://api.mixedbread.com".to_owned()
}

impl Config {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// `invalid-config` with the pointer of the value at fault.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        length("/model", self.model.as_deref(), 500)?;
        length("/prompt", self.prompt.as_deref(), MAX_QUERY_CHARS)?;
        length("/query", self.query.as_deref(), MAX_QUERY_CHARS)?;
        length("/textField", self.text_field.as_deref(), usize::MAX)?;
        let wrong = |pointer: &str, message: &str| Err(Failure::invalid_config(pointer, message));
        if !(1..=MAX_BATCH).contains(&self.batch_size) {
            return wrong("/batchSize", "it is 1 to 256");
        }
        if self.dimensions == Some(0) {
            return wrong("/dimensions", "it is 1 or more");
        }
        if self.top_k == Some(0) {
            return wrong("/topK", "it is 1 or more; leave it out for all");
        }
        if self.encoding_format.as_slice().is_empty() {
            return wrong("/encodingFormat", "it names no format");
        }
        if self.rank_fields.as_ref().is_some_and(Vec::is_empty) {
            return wrong("/rankFields", "it names no field");
        }
        let stores = &self.store_identifiers;
        if self.operation == Operation::Search && !(1..=16).contains(&stores.len()) {
            return wrong("/storeIdentifiers", "a search needs 1 to 16 stores");
        }
        let threshold = self.search_options.as_ref().and_then(|options| options.score_threshold);
        if threshold.is_some_and(|score| !(0.0..=1.0).contains(&score)) {
            return wrong("/searchOptions/scoreThreshold", "it is 0 to 1");
        }
        Ok(())
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}/v1/{path}", self.base_url.trim_end_matches('/'))
    }

    pub(crate) fn embedding_model(&self) -> &str {
        self.model.as_deref().unwrap_or(EMBEDDING_MODEL)
    }

    pub(crate) fn reranking_model(&self) -> &str {
        self.model.as_deref().unwrap_or(RERANKING_MODEL)
    }
}

fn length(pointer: &str, text: Option<&str>, max: usize) -> Result<(), Failure> {
    match text {
        Some("") => Err(Failure::invalid_config(pointer, "it is empty")),
        Some(text) if is_longer(text, max) => {
            Err(Failure::invalid_config(pointer, format!("it is longer than {max} characters")))
        }
        _ => Ok(()),
    }
}

/// Counts characters only where the bytes leave it open.
pub(crate) fn is_longer(text: &str, max_chars: usize) -> bool {
    text.len() > max_chars && text.chars().count() > max_chars
}
