//! What a config's schema says of single fields.

use std::collections::HashSet;

use serde_json::Value;

/// Whether the config field at `path` is marked `"x-expression": true` in `schema`, so that the host leaves it alone.
pub fn is_expression_field(schema: &Value, path: &[PathSegment<'_>]) -> bool {
    let mut here = expand(schema, schema);
    for segment in path {
        here = here.iter().flat_map(|node| descend(node, segment)).flat_map(|node| expand(schema, node)).collect();
    }
    here.iter().any(|node| node.get("x-expression") == Some(&Value::Bool(true)))
}

/// One step into a config.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathSegment<'a> {
    /// A member of an object.
    Key(&'a str),
    /// An element of an array.
    Index(usize),
}

/// The schemas that apply where `node` does: itself, what it refers to, and its alternatives.
fn expand<'a>(root: &'a Value, node: &'a Value) -> Vec<&'a Value> {
    let (mut found, mut seen) = (Vec::new(), HashSet::new());
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        if !seen.insert(std::ptr::from_ref(node)) {
            continue;
        }
        found.push(node);
        if let Some(reference) = node.get("$ref").and_then(Value::as_str)
            && let Some(target) = reference.strip_prefix('#').and_then(|pointer| root.pointer(pointer))
        {
            open.push(target);
        }
        for keyword in ["allOf", "anyOf", "oneOf"] {
            open.extend(node.get(keyword).and_then(Value::as_array).into_iter().flatten());
        }
        open.extend(["then", "else"].iter().filter_map(|keyword| node.get(keyword)));
    }
    found
}

fn descend<'a>(node: &'a Value, segment: &PathSegment<'_>) -> Vec<&'a Value> {
    match segment {
        PathSegment::Key(key) => match node.get("properties").and_then(|properties| properties.get(key)) {
            Some(property) => vec![property],
            None => node.get("additionalProperties").into_iter().collect(),
        },
        PathSegment::Index(index) => match node.get("prefixItems").and_then(|items| items.get(index)) {
            Some(item) => vec![item],
            None => node.get("items").into_iter().collect(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn expression_fields_are_found_through_references_and_alternatives() {
        let schema = json!({
            "anyOf": [{"$ref": "#/$defs/one"}, {"properties": {"plain": {"type": "string"}}}],
            "$defs": {"one": {"properties": {
                "branches": {"type": "array", "items": {"$ref": "#/$defs/branch"}},
                "mapping": {"additionalProperties": {"x-expression": true}},
            }}, "branch": {"properties": {"when": {"x-expression": true}, "again": {"$ref": "#/$defs/branch"}}}},
        });
        use PathSegment::{Index, Key};
        assert!(is_expression_field(&schema, &[Key("branches"), Index(3), Key("when")]));
        assert!(is_expression_field(&schema, &[Key("branches"), Index(0), Key("again"), Key("when")]));
        assert!(is_expression_field(&schema, &[Key("mapping"), Key("anything")]));
        assert!(!is_expression_field(&schema, &[Key("plain")]));
        assert!(!is_expression_field(&schema, &[Key("branches"), Index(0), Key("port")]));
    }
}
