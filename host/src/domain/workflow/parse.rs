//! From a JSON value to a [`Workflow`], with every problem of its shape reported at once.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    DOCUMENT_UI_KEYS, EDGE_UI_KEYS, Edge, ForEach, NODE_UI_KEYS, Node, OnError, OnItemError, Retry, UI, Workflow,
};
use crate::domain::problem::pointer;
use crate::domain::{BlockRef, NodeId, Problem};

/// Read a workflow document.
///
/// # Errors
/// Every value of the wrong type, missing field and unknown key, each with a JSON pointer.
pub fn parse(document: &Value) -> Result<Workflow, Vec<Problem>> {
    match read(document) {
        (Some(workflow), problems) if problems.is_empty() => Ok(workflow),
        (_, problems) => Err(problems),
    }
}

/// The same for a document whose problems are to be told together with those of its meaning: what could be understood,
/// if every node and edge could, and all that is wrong with the shape.
pub fn read(document: &Value) -> (Option<Workflow>, Vec<Problem>) {
    let mut problems = Vec::new();
    let Value::Object(members) = document else {
        problems.push(wrong_type("", "an object", document));
        return (None, problems);
    };
    let workflow = workflow(members, &mut problems);
    // A node left out would shift the numbers in pointers to those behind it.
    let listed = |key: &str| members.get(key).and_then(Value::as_array).map_or(0, Vec::len);
    let whole = workflow.nodes.len() == listed("nodes") && workflow.edges.len() == listed("edges");
    (whole.then_some(workflow), problems)
}

fn workflow(members: &Map<String, Value>, problems: &mut Vec<Problem>) -> Workflow {
    let mut fields = Fields::new(members, String::new(), problems);
    // Given by the server, accepted for round trips.
    fields.known("version");
    let id = fields.text("workflowId").unwrap_or_default();
    if id.len() > 128 || id.chars().any(|c| c.is_control() || c == '/' || c == '?' || c == '#') {
        fields.problem(
            "workflowId",
            "invalid-value",
            "a workflow id has up to 128 bytes, and no `/`, `?`, `#` or control characters",
        );
    }
    let name = fields.text("name").unwrap_or_else(|| id.clone());
    let description = fields.text("description");
    let metadata = fields.object("metadata");
    let variables = fields.object("variables");
    let nodes = fields.list("nodes", true, node);
    let edges = fields.list("edges", false, edge);
    let output = fields.value("output").filter(|value| !value.is_null()).cloned();
    let timeout_ms = fields.integer("timeoutMs", 1, u64::MAX);
    let ui = fields.ui(&DOCUMENT_UI_KEYS);
    fields.finish();
    Workflow { id, name, description, metadata, variables, nodes, edges, output, timeout_ms, ui }
}

fn node(fields: &mut Fields<'_>) -> Option<Node> {
    let id = fields.required_text("id");
    if let Some(id) = &id
        && !NodeId::is_valid(id)
    {
        fields.problem("id", "invalid-node-id", "a node id has 1 to 64 letters, digits, `_` and `-`");
    }
    let block = fields.required_text("type").and_then(|text| match text.parse::<BlockRef>() {
        Ok(block) => Some(block),
        Err(message) => {
            fields.problem("type", "invalid-block-type", message);
            None
        }
    });
    let node = Node {
        id: NodeId::from(id?),
        name: fields.text("name"),
        config: Value::Object(fields.object("config")),
        for_each: fields.nested("forEach", for_each),
        retry: fields.nested("retry", retry).unwrap_or_default(),
        timeout_ms: fields.integer("timeoutMs", 1, u64::MAX),
        on_error: fields
            .choice("onError", &[("fail", OnError::Fail), ("continue", OnError::Continue), ("route", OnError::Route)])
            .unwrap_or_default(),
        secrets: secrets(fields),
        ui: fields.ui(NODE_UI_KEYS),
        block: block?,
    };
    Some(node)
}

fn secrets(fields: &mut Fields<'_>) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (slot, stored) in fields.object("secrets") {
        match stored {
            Value::String(stored) => drop(found.insert(slot, stored)),
            other => {
                let at = pointer(&pointer(&fields.at, "secrets"), &slot);
                fields.problems.push(wrong_type(&at, "the name of a stored secret", &other));
            }
        }
    }
    found
}

fn for_each(fields: &mut Fields<'_>) -> Option<ForEach> {
    let items = fields.value("items").cloned();
    match &items {
        Some(Value::String(_) | Value::Array(_)) => {}
        Some(other) => fields.problems.push(wrong_type(&pointer(&fields.at, "items"), "a template or a list", other)),
        None => fields.missing("items"),
    }
    let concurrency = fields.integer("concurrency", 1, ForEach::MAX_CONCURRENCY);
    let on_item_error = fields.choice(
        "onItemError",
        &[("fail", OnItemError::Fail), ("skip", OnItemError::Skip), ("collect", OnItemError::Collect)],
    );
    Some(ForEach {
        items: items?,
        concurrency: concurrency.and_then(|n| usize::try_from(n).ok()).unwrap_or(ForEach::DEFAULT_CONCURRENCY),
        on_item_error: on_item_error.unwrap_or_default(),
    })
}

fn retry(fields: &mut Fields<'_>) -> Option<Retry> {
    let default = Retry::default();
    let attempts = fields.integer("maxAttempts", 1, u64::from(u32::MAX));
    let multiplier = fields.value("multiplier").map(|value| (value.as_f64(), value.clone()));
    let multiplier = match multiplier {
        None => default.multiplier,
        Some((Some(number), _)) if number >= 1.0 => number,
        Some((_, value)) => {
            fields.problems.push(wrong_type(&pointer(&fields.at, "multiplier"), "a number from 1 up", &value));
            default.multiplier
        }
    };
    Some(Retry {
        max_attempts: attempts.and_then(|n| u32::try_from(n).ok()).unwrap_or(default.max_attempts),
        initial_delay_ms: fields.integer("initialDelayMs", 0, u64::MAX).unwrap_or(default.initial_delay_ms),
        multiplier,
        max_delay_ms: fields.integer("maxDelayMs", 0, u64::MAX).unwrap_or(default.max_delay_ms),
        retry_on: fields.texts("retryOn"),
    })
}

fn edge(fields: &mut Fields<'_>) -> Option<Edge> {
    let source = fields.required_text("source");
    let target = fields.required_text("target");
    Some(Edge {
        id: fields.text("id"),
        source_port: fields.text("sourcePort").or(fields.text("sourceHandle")),
        target_port: fields.text("targetPort").or(fields.text("targetHandle")),
        ui: fields.ui(EDGE_UI_KEYS),
        source: NodeId::from(source?),
        target: NodeId::from(target?),
    })
}

fn wrong_type(at: &str, wanted: &str, found: &Value) -> Problem {
    let found = match found {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "a boolean".to_owned(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(_) => "a string".to_owned(),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    };
    Problem::new(at, "invalid-type", format!("expected {wanted}, found {found}"))
}

/// The members of one object, each looked at once; what nobody looked at is unknown.
struct Fields<'a> {
    members: &'a Map<String, Value>,
    at: String,
    known: Vec<&'a str>,
    problems: &'a mut Vec<Problem>,
}

impl<'a> Fields<'a> {
    fn new(members: &'a Map<String, Value>, at: String, problems: &'a mut Vec<Problem>) -> Self {
        Self { members, at, known: Vec::new(), problems }
    }

    fn known(&mut self, key: &'a str) {
        self.known.push(key);
    }

    fn problem(&mut self, key: &str, code: &'static str, message: impl Into<String>) {
        self.problems.push(Problem::new(pointer(&self.at, key), code, message));
    }

    fn missing(&mut self, key: &str) {
        self.problems.push(Problem::new(self.at.clone(), "missing-field", format!("`{key}` is missing")));
    }

    fn wrong(&mut self, key: &str, wanted: &str, found: &Value) {
        self.problems.push(wrong_type(&pointer(&self.at, key), wanted, found));
    }

    fn value(&mut self, key: &'a str) -> Option<&'a Value> {
        self.known(key);
        self.members.get(key)
    }

    /// A string; `null` counts as absent.
    fn text(&mut self, key: &'a str) -> Option<String> {
        match self.value(key)? {
            Value::String(text) => Some(text.clone()),
            Value::Null => None,
            other => {
                self.wrong(key, "a string", other);
                None
            }
        }
    }

    fn required_text(&mut self, key: &'a str) -> Option<String> {
        if matches!(self.members.get(key), None | Some(Value::Null)) {
            self.known(key);
            self.missing(key);
            return None;
        }
        self.text(key)
    }

    fn integer(&mut self, key: &'a str, low: u64, high: u64) -> Option<u64> {
        let value = self.value(key)?;
        match value.as_u64() {
            Some(number) if (low..=high).contains(&number) => Some(number),
            _ if value.is_null() => None,
            _ if high == u64::MAX => {
                self.wrong(key, &format!("a whole number from {low} up"), value);
                None
            }
            _ => {
                self.wrong(key, &format!("a whole number from {low} to {high}"), value);
                None
            }
        }
    }

    fn object(&mut self, key: &'a str) -> Map<String, Value> {
        match self.value(key) {
            Some(Value::Object(members)) => members.clone(),
            None | Some(Value::Null) => Map::new(),
            Some(other) => {
                self.wrong(key, "an object", other);
                Map::new()
            }
        }
    }

    fn texts(&mut self, key: &'a str) -> Vec<String> {
        match self.value(key) {
            Some(Value::Array(items)) if items.iter().all(Value::is_string) => {
                items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
            }
            None | Some(Value::Null) => Vec::new(),
            Some(other) => {
                self.wrong(key, "a list of strings", other);
                Vec::new()
            }
        }
    }

    fn choice<T: Copy>(&mut self, key: &'a str, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text(key)?;
        let found = choices.iter().find(|(name, _)| *name == text).map(|(_, choice)| *choice);
        if found.is_none() {
            let names: Vec<_> = choices.iter().map(|(name, _)| format!("`{name}`")).collect();
            self.problem(key, "invalid-value", format!("`{text}` is none of {}", names.join(", ")));
        }
        found
    }

    fn nested<T>(&mut self, key: &'a str, read: fn(&mut Fields<'_>) -> Option<T>) -> Option<T> {
        match self.value(key)? {
            Value::Object(members) => {
                let mut fields = Fields::new(members, pointer(&self.at, key), self.problems);
                let found = read(&mut fields);
                fields.finish();
                found
            }
            Value::Null => None,
            other => {
                self.wrong(key, "an object", other);
                None
            }
        }
    }

    fn list<T>(&mut self, key: &'a str, required: bool, read: fn(&mut Fields<'_>) -> Option<T>) -> Vec<T> {
        let items = match self.value(key) {
            Some(Value::Array(items)) => items,
            None | Some(Value::Null) => {
                if required {
                    self.missing(key);
                }
                return Vec::new();
            }
            Some(other) => {
                self.wrong(key, "an array", other);
                return Vec::new();
            }
        };
        let mut found = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let at = pointer(&pointer(&self.at, key), index);
            match item {
                Value::Object(members) => {
                    let mut fields = Fields::new(members, at, self.problems);
                    found.extend(read(&mut fields));
                    fields.finish();
                }
                other => self.problems.push(wrong_type(&at, "an object", other)),
            }
        }
        found
    }

    /// What an earlier round trip kept under `ui`, with the editor's keys beside it.
    fn ui(&mut self, keys: &[&'a str]) -> Map<String, Value> {
        let mut ui = self.object(UI);
        for key in keys {
            if let Some(value) = self.value(key) {
                ui.insert((*key).to_owned(), value.clone());
            }
        }
        ui
    }

    fn finish(self) {
        for key in self.members.keys().filter(|key| !self.known.contains(&key.as_str())) {
            self.problems.push(Problem::new(pointer(&self.at, key), "unknown-key", format!("unknown key `{key}`")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn problems(document: &Value) -> Vec<(String, &'static str)> {
        parse(document).unwrap_err().into_iter().map(|problem| (problem.pointer, problem.code)).collect()
    }

    #[test]
    fn every_problem_is_reported_at_once() {
        let found = problems(&json!({
            "workflowId": 7, "colour": "red", "nodes": [
                {"id": "a b", "type": "core.filter", "onError": "explode"},
                {"type": "Core"},
                {"id": "x", "type": "core.filter", "retry": {"maxAttempts": 0, "jitter": true}},
                17,
            ],
            "edges": [{"source": "a"}],
        }));
        for expected in [
            ("/workflowId", "invalid-type"),
            ("/colour", "unknown-key"),
            ("/nodes/0/id", "invalid-node-id"),
            ("/nodes/0/onError", "invalid-value"),
            ("/nodes/1", "missing-field"),
            ("/nodes/1/type", "invalid-block-type"),
            ("/nodes/2/retry/maxAttempts", "invalid-type"),
            ("/nodes/2/retry/jitter", "unknown-key"),
            ("/nodes/3", "invalid-type"),
            ("/edges/0", "missing-field"),
        ] {
            assert!(found.contains(&(expected.0.to_owned(), expected.1)), "{expected:?} in {found:?}");
        }
        assert_eq!(found.len(), 10, "{found:?}");
    }

    #[test]
    fn react_flow_documents_survive_a_round_trip() {
        let document = json!({
            "workflowId": "w", "viewport": {"x": 1, "y": 2, "zoom": 1},
            "nodes": [{"id": "a", "type": "core.branch", "config": {"branches": []}, "position": {"x": 1, "y": 2}, "selected": true}],
            "edges": [{"id": "e1", "source": "a", "sourceHandle": "bulk", "target": "b", "targetHandle": null, "animated": true}],
        });
        let first = parse(&document).unwrap();
        assert_eq!(first.edges[0].source_port.as_deref(), Some("bulk"));
        assert_eq!(first.edges[0].target_port, None);
        assert_eq!(first.nodes[0].ui["position"], json!({"x": 1, "y": 2}));
        assert_eq!(parse(&first.to_value()).unwrap(), first);
    }
}
