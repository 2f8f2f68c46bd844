//! What answers cost.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What the answer to one item took, its repair included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// Tokens of the question.
    pub prompt_tokens: u64,
    /// Tokens of the answer, its reasoning included.
    pub completion_tokens: u64,
    /// Both.
    pub total_tokens: u64,
    /// In credits, which are USD; null if the vendor did not say.
    pub cost: Option<f64>,
}

impl Usage {
    /// Reads the vendor's `usage`; what is missing or no number counts as nothing.
    pub fn read(usage: Option<&Value>) -> Self {
        let Some(usage) = usage else { return Self::default() };
        let tokens = |name| match usage.get(name) {
            // A float becomes the nearest integer within range.
            Some(tokens) => tokens.as_u64().or_else(|| tokens.as_f64().map(|tokens| tokens as u64)).unwrap_or(0),
            None => 0,
        };
        let (prompt_tokens, completion_tokens) = (tokens("prompt_tokens"), tokens("completion_tokens"));
        let total_tokens = tokens("total_tokens").max(prompt_tokens.saturating_add(completion_tokens));
        let cost = usage.get("cost").and_then(Value::as_f64).filter(|cost| cost.is_finite());
        Self { prompt_tokens, completion_tokens, total_tokens, cost }
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            prompt_tokens: self.prompt_tokens.saturating_add(other.prompt_tokens),
            completion_tokens: self.completion_tokens.saturating_add(other.completion_tokens),
            total_tokens: self.total_tokens.saturating_add(other.total_tokens),
            cost: match (self.cost, other.cost) {
                (Some(one), Some(other)) => Some(one + other),
                (one, other) => one.or(other),
            },
        }
    }
}

/// What a call took, as its metadata say.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// Answers received, good or bad.
    pub requests: u64,
    /// How many of them asked to repair an earlier one.
    pub repairs: u64,
    /// Tokens and cost, `promptTokens` to `cost`.
    #[serde(flatten)]
    pub usage: Usage,
}
