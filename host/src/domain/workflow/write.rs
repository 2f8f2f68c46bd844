//! From a [`Workflow`] back to its document, in one canonical spelling.

use serde_json::{Map, Value, json};

use super::{Edge, ForEach, Node, OnError, OnItemError, Retry, UI, Workflow};

impl Workflow {
    /// The document, without `version`, which is the server's to give.
    pub fn to_value(&self) -> Value {
        let mut out = Object::default();
        out.set("workflowId", (!self.id.is_empty()).then(|| self.id.clone()));
        out.set("name", (!self.name.is_empty()).then(|| self.name.clone()));
        out.set("description", self.description.clone());
        out.map("metadata", &self.metadata);
        out.map("variables", &self.variables);
        out.set("timeoutMs", self.timeout_ms);
        out.set("nodes", Some(self.nodes.iter().map(node).collect::<Vec<_>>()));
        out.set("edges", Some(self.edges.iter().map(edge).collect::<Vec<_>>()));
        out.set("output", self.output.clone());
        out.map(UI, &self.ui);
        Value::Object(out.0)
    }
}

fn node(node: &Node) -> Value {
    let mut out = Object::default();
    out.set("id", Some(node.id.as_str()));
    out.set("type", Some(node.block.to_string()));
    out.set("name", node.name.clone());
    out.set("config", node.config.as_object().filter(|config| !config.is_empty()).cloned());
    out.set("forEach", node.for_each.as_ref().map(for_each));
    out.set("retry", (node.retry != Retry::default()).then(|| retry(&node.retry)));
    out.set("timeoutMs", node.timeout_ms);
    out.set(
        "onError",
        match node.on_error {
            OnError::Fail => None,
            OnError::Continue => Some("continue"),
            OnError::Route => Some("route"),
        },
    );
    out.set("secrets", (!node.secrets.is_empty()).then(|| json!(node.secrets)));
    out.map(UI, &node.ui);
    Value::Object(out.0)
}

fn for_each(for_each: &ForEach) -> Value {
    let on_item_error = match for_each.on_item_error {
        OnItemError::Fail => "fail",
        OnItemError::Skip => "skip",
        OnItemError::Collect => "collect",
    };
    json!({"items": for_each.items, "concurrency": for_each.concurrency, "onItemError": on_item_error})
}

fn retry(retry: &Retry) -> Value {
    json!({
        "maxAttempts": retry.max_attempts,
        "initialDelayMs": retry.initial_delay_ms,
        "multiplier": retry.multiplier,
        "maxDelayMs": retry.max_delay_ms,
        "retryOn": retry.retry_on,
    })
}

fn edge(edge: &Edge) -> Value {
    let mut out = Object::default();
    out.set("id", edge.id.clone());
    out.set("source", Some(edge.source.as_str()));
    out.set("sourcePort", edge.source_port.clone());
    out.set("target", Some(edge.target.as_str()));
    out.set("targetPort", edge.target_port.clone());
    out.map(UI, &edge.ui);
    Value::Object(out.0)
}

/// An object under construction that leaves out what is absent.
#[derive(Default)]
struct Object(Map<String, Value>);

impl Object {
    fn set<T: Into<Value>>(&mut self, key: &str, value: Option<T>) {
        if let Some(value) = value {
            self.0.insert(key.to_owned(), value.into());
        }
    }

    fn map(&mut self, key: &str, members: &Map<String, Value>) {
        if !members.is_empty() {
            self.0.insert(key.to_owned(), Value::Object(members.clone()));
        }
    }
}
