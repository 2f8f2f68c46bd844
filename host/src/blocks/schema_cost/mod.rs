//! What checking against a schema may cost, found out before it is compiled: schemas come with uploads. Those that may cost
//! much, or of which that is not clear, are for a process of their own.

mod growth;

use std::collections::HashMap;

use petgraph::graph::{DiGraph, NodeIndex};
use serde_json::{Map, Value};

/// Schemas that apply to one value, with all that they refer to written out.
const MOST_APPLIED: u64 = 10_000;
/// How deep one may refer to the next without going into the value.
const DEEPEST: usize = 64;
/// Patterns of one schema.
const MOST_PATTERNS: usize = 100;
/// Longest pattern in bytes.
const LONGEST_PATTERN: usize = 1000;
/// Patterns that a server keeps compiled, and their bytes.
const KEPT_PATTERNS: usize = 20;
const KEPT_PATTERN_BYTES: usize = 1000;
/// Most work for one value that a server does itself.
const MOST_WORK: u64 = 2_000;
/// The schema of schemas: it refers to itself in ways of its own.
const METASCHEMA: &str = "https://json-schema.org/draft/2020-12/schema";

/// What it takes to check a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cost {
    /// At most this much for each value of a document: about how many keywords and names are looked at.
    Known(u64),
    /// That is not known, or too much.
    Unknown,
}

/// Look at a schema.
///
/// # Errors
/// What is wrong with it whatever it costs.
pub(super) fn measure(schema: &Value) -> Result<Cost, String> {
    let Value::Object(root) = schema else { return Ok(Cost::Known(1)) };
    let reading = Reading::of(schema, root)?;
    let patterns = reading.patterns <= KEPT_PATTERNS && reading.pattern_bytes <= KEPT_PATTERN_BYTES;
    if !patterns || reading.is_odd {
        return Ok(Cost::Unknown);
    }
    let work = growth::most_work(&reading);
    Ok(work.filter(|work| *work <= MOST_WORK).map_or(Cost::Unknown, Cost::Known))
}

/// A schema that may come to be applied.
struct Node<'a> {
    members: &'a Map<String, Value>,
    /// The schemas that apply to the same value.
    in_place: Vec<NodeIndex>,
}

/// A schema that another one applies, and whether it does so to the same value.
type Target<'a> = (&'a Map<String, Value>, bool);

/// All schemas that may come to be applied, with edges to those that each applies to the same value or to what is inside
/// of it.
struct Reading<'a> {
    root: &'a Value,
    graph: DiGraph<Node<'a>, ()>,
    known: HashMap<*const Map<String, Value>, NodeIndex>,
    patterns: usize,
    pattern_bytes: usize,
    /// Whether something is there of which the cost is not clear.
    is_odd: bool,
}

impl<'a> Reading<'a> {
    fn of(schema: &'a Value, root: &'a Map<String, Value>) -> Result<Self, String> {
        let (graph, known) = (DiGraph::new(), HashMap::new());
        let mut reading = Self { root: schema, graph, known, patterns: 0, pattern_bytes: 0, is_odd: false };
        let mut open = vec![reading.node(root).0];
        while let Some(from) = open.pop() {
            let members = reading.graph[from].members;
            reading.read(members)?;
            for (target, is_in_place) in reading.targets(members)? {
                let (to, is_new) = reading.node(target);
                reading.graph.update_edge(from, to, ());
                if is_in_place {
                    reading.graph[from].in_place.push(to);
                }
                open.extend(is_new.then_some(to));
            }
        }
        let mut seen = HashMap::new();
        for node in reading.graph.node_indices() {
            reading.in_place(node, 0, &mut seen)?;
        }
        Ok(reading)
    }

    fn node(&mut self, members: &'a Map<String, Value>) -> (NodeIndex, bool) {
        let address = std::ptr::from_ref(members);
        if let Some(known) = self.known.get(&address) {
            return (*known, false);
        }
        let node = self.graph.add_node(Node { members, in_place: Vec::new() });
        self.known.insert(address, node);
        (node, true)
    }

    /// What a schema is besides those that it applies.
    fn read(&mut self, members: &Map<String, Value>) -> Result<(), String> {
        let own = members.get("pattern").and_then(Value::as_str);
        let of_names = members.get("patternProperties").and_then(Value::as_object);
        let names = of_names.into_iter().flat_map(Map::keys).map(String::as_str);
        for pattern in own.into_iter().chain(names) {
            self.patterns += 1;
            self.pattern_bytes += pattern.len();
            if self.patterns > MOST_PATTERNS || pattern.len() > LONGEST_PATTERN {
                return Err(format!("has more than {MOST_PATTERNS} patterns, or one of over {LONGEST_PATTERN} bytes"));
            }
        }
        for keyword in ["$dynamicRef", "$recursiveRef", "$dynamicAnchor", "$recursiveAnchor"] {
            if members.contains_key(keyword) {
                return Err(format!("has a `{keyword}`, which is not taken here"));
            }
        }
        // What members or elements others have seen to is found out by looking at those again and again.
        let sees = |keyword: &str| members.contains_key(keyword);
        let is_nested = ["allOf", "anyOf", "oneOf", "not", "if", "dependentSchemas", "$ref"].into_iter().any(sees);
        self.is_odd |= is_nested && (sees("unevaluatedProperties") || sees("unevaluatedItems"));
        if !std::ptr::eq(members, self.root.as_object().unwrap_or(members)) {
            return own_base(members);
        }
        match members.get("$id").and_then(Value::as_str) {
            Some(id) if id.starts_with("https://json-schema.org/") => Err("has the `$id` of another schema".to_owned()),
            _ => Ok(()),
        }
    }

    /// The schemas that one with these members applies: to the same value, and to what is inside of it.
    fn targets(&mut self, members: &'a Map<String, Value>) -> Result<Vec<Target<'a>>, String> {
        let mut found: Vec<(&Value, bool)> = Vec::new();
        for (keyword, value) in members {
            match (keyword.as_str(), value) {
                ("allOf" | "anyOf" | "oneOf", Value::Array(items)) => {
                    found.extend(items.iter().map(|item| (item, true)))
                }
                ("not" | "if" | "then" | "else", schema) => found.push((schema, true)),
                ("dependentSchemas" | "dependencies", Value::Object(schemas)) => {
                    found.extend(schemas.values().map(|schema| (schema, true)));
                }
                ("$ref", Value::String(reference)) if reference == METASCHEMA => self.is_odd = true,
                ("$ref", Value::String(reference)) => found.push((self.target(reference)?, true)),
                _ => {}
            }
        }
        found.extend(growth::everything_inside(members).into_iter().map(|schema| (schema, false)));
        Ok(found.into_iter().filter_map(|(schema, in_place)| Some((schema.as_object()?, in_place))).collect())
    }

    /// What a reference leads to inside the schema.
    fn target(&self, reference: &str) -> Result<&'a Value, String> {
        let Some(fragment) = reference.strip_prefix('#') else {
            return Err(format!("refers to `{reference}`, which is not inside of it"));
        };
        let pointer = percent_encoding::percent_decode_str(fragment).decode_utf8_lossy().into_owned();
        if !pointer.is_empty() && !pointer.starts_with('/') {
            return Err(format!("refers to the anchor `{reference}`; references are JSON pointers here"));
        }
        for (end, _) in pointer.match_indices('/').skip(1) {
            if let Some(Value::Object(members)) = self.root.pointer(&pointer[..end]) {
                own_base(members)?;
            }
        }
        self.root.pointer(&pointer).ok_or_else(|| format!("refers to `{reference}`, which is not there"))
    }

    /// How many schemas apply to a value that this one applies to, and how deep they refer to each other; `None` in `seen`
    /// while that is counted.
    fn in_place(
        &self,
        node: NodeIndex,
        depth: usize,
        seen: &mut HashMap<NodeIndex, Option<(u64, usize)>>,
    ) -> Result<(u64, usize), String> {
        let too_deep = || format!("refers from schema to schema more than {DEEPEST} deep");
        if depth > DEEPEST {
            return Err(too_deep());
        }
        match seen.get(&node) {
            Some(Some(known)) => return Ok(*known),
            Some(None) => return Err("refers to itself without going into the document".to_owned()),
            None => {}
        }
        seen.insert(node, None);
        let (mut sum, mut height) = (1_u64, 0);
        for inner in &self.graph[node].in_place {
            let (count, below) = self.in_place(*inner, depth + 1, seen)?;
            (sum, height) = (sum.saturating_add(count), height.max(below + 1));
        }
        if sum > MOST_APPLIED {
            return Err(format!("applies more than {MOST_APPLIED} schemas to one value"));
        }
        if height > DEEPEST {
            return Err(too_deep());
        }
        seen.insert(node, Some((sum, height)));
        Ok((sum, height))
    }
}

/// Inside of a schema with an id or a dialect of its own, references mean something else.
fn own_base(members: &Map<String, Value>) -> Result<(), String> {
    let is_named = ["$id", "$schema"].iter().any(|keyword| members.get(*keyword).is_some_and(Value::is_string));
    if is_named { Err("has an `$id` or `$schema` inside, which is not taken here".to_owned()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_people_write_is_checked_by_the_server_itself() {
        for schema in [
            json!(true),
            json!({"type": "object", "properties": {"allOf": {"type": "string", "pattern": "^a"}}}),
            json!({"$defs": {"tree": {"properties": {"left": {"$ref": "#/$defs/tree"}, "right": {"$ref": "#/$defs/tree"}}}},
                "$ref": "#/$defs/tree"}),
            json!({"items": {"$ref": "#"}}),
            json!({"$id": "https://a.example/s", "properties": {"id": {"const": {"id": "x"}}}, "items": {"$ref": "#"}}),
            json!({"prefixItems": [{"const": "add"}, {"$ref": "#"}, {"$ref": "#"}], "items": {"$ref": "#"}}),
            json!({"properties": {"next": {"$ref": "#"}}, "additionalProperties": {"$ref": "#"}}),
            json!({"oneOf": [{"properties": {"all": {"items": {"$ref": "#"}}}}, {"properties": {"not": {"$ref": "#"}}}]}),
            json!({"oneOf": (0..200).map(|n| json!({"const": n})).collect::<Vec<_>>()}),
            json!({"$ref": "#/$defs/node", "$defs": {
                "node": {"allOf": [{"$ref": "#/$defs/base"}], "properties": {"kind": {"enum": ["a", "b"]}}},
                "base": {"properties": {
                    "children": {"type": "array", "items": {"$ref": "#/$defs/node"}}, "next": {"$ref": "#/$defs/node"},
                    "by": {"additionalProperties": {"$ref": "#/$defs/node"}}, "pair": {"$ref": "#/$defs/pair"},
                }},
                "pair": {"prefixItems": [{"$ref": "#/$defs/node"}, {"$ref": "#/$defs/node"}]},
            }}),
            json!({"properties": {"a": {"unevaluatedProperties": false}}}),
            json!({"examples": [{"$schema": "x"}], "default": {"$ref": "https://a.example/s"}}),
        ] {
            let cost = measure(&schema).unwrap_or_else(|error| panic!("{schema}: {error}"));
            assert!(matches!(cost, Cost::Known(_)), "{schema}");
        }
    }

    #[test]
    fn what_multiplies_or_is_not_clear_is_for_a_process_of_its_own() {
        let level = |n: usize| json!({"$ref": format!("#/$defs/a{}", n + 1)});
        let twice = |n: usize| json!({"allOf": vec![json!({"properties": {"a": level(n)}}); 2]});
        let mut levels: Map<String, Value> = (0..20).map(|n| (format!("a{n}"), twice(n))).collect();
        levels.insert("a20".to_owned(), json!(true));
        let through_a = || json!({"properties": {"a": {"$ref": "#"}}});
        let wrapped = (0..60).fold(through_a(), |inner, _| json!({"anyOf": [inner]}));
        let patterns: Vec<Value> = (0..21).map(|n| json!({"pattern": format!("^{n}")})).collect();
        let names = json!({"propertyNames": {"allOf": vec![json!({"maxLength": 9}); 100]}});
        let tagged = |name: &str| json!({"properties": {"op": {"const": name}, "of": {"items": {"$ref": "#"}}}, "required": ["op", "of"]});
        for schema in [
            json!({"$defs": levels, "$ref": "#/$defs/a0"}),
            json!({"oneOf": [tagged("and"), tagged("or")]}),
            json!({"allOf": [through_a(), through_a()]}),
            json!({"anyOf": [{"additionalProperties": {"$ref": "#"}}, through_a()]}),
            json!({"anyOf": [{"patternProperties": {"^a": {"$ref": "#"}}}, through_a()]}),
            json!({"anyOf": [{"items": {"$ref": "#"}}], "contains": {"$ref": "#"}}),
            json!({"anyOf": [{"prefixItems": [true, {"$ref": "#"}]}], "items": {"$ref": "#"}}),
            json!({"anyOf": [through_a()], "unevaluatedProperties": false}),
            json!({"properties": {"a": {"allOf": [{"$ref": "#"}, {"not": {"$ref": "#"}}]}}}),
            json!({"allOf": vec![names; 30]}),
            json!({"items": {"required": (0..3000).map(|n| n.to_string()).collect::<Vec<_>>()}}),
            json!({"items": {"enum": (0..3000).collect::<Vec<_>>()}}),
            json!({"anyOf": patterns}),
            json!({"$ref": METASCHEMA}),
            wrapped,
        ] {
            assert_eq!(measure(&schema), Ok(Cost::Unknown), "{schema}");
        }
    }

    #[test]
    fn what_never_ends_or_means_something_else_is_refused() {
        let level = |n: usize| json!({"$ref": format!("#/$defs/a{}", n + 1)});
        let end = |name: &str| (name.to_owned(), json!({"minimum": 1}));
        let doubling = (0..20).map(|n| (format!("a{n}"), json!({"allOf": [level(n), level(n)]})));
        let doubling: Map<String, Value> = doubling.chain([end("a20")]).collect();
        let chain = (0..30_000).map(|n| (format!("a{n}"), level(n)));
        let chain: Map<String, Value> = chain.chain([end("a30000")]).collect();
        let patterns: Vec<Value> = (0..101).map(|n| json!({"pattern": format!("^{n}")})).collect();
        for (schema, words) in [
            (json!({"$defs": doubling, "$ref": "#/$defs/a0"}), "applies more than"),
            (json!({"$defs": chain, "$ref": "#/$defs/a0"}), "more than 64 deep"),
            (json!({"$ref": "#"}), "refers to itself"),
            (
                json!({"items": {"$ref": "#/%24defs/a"}, "$defs": {"a": {"not": {"$ref": "#/%24defs/a"}}}}),
                "refers to itself",
            ),
            (json!({"properties": {"default": {"$ref": "#/properties/default"}}}), "refers to itself"),
            (json!({"$defs": {"a": {"$anchor": "x"}}, "$ref": "#x"}), "anchor"),
            (json!({"$dynamicRef": "#x"}), "$dynamicRef"),
            (json!({"$dynamicAnchor": "meta", "$ref": METASCHEMA}), "$dynamicAnchor"),
            (json!({"anyOf": patterns}), "patterns"),
            (json!({"pattern": "a".repeat(1001)}), "patterns"),
            (json!({"items": {"$id": "https://a.example/s"}}), "`$id`"),
            (json!({"x": {"$id": "https://a.example/s", "y": {}}, "$ref": "#/x/y"}), "`$id`"),
            (json!({"$id": "https://json-schema.org/draft/x"}), "`$id`"),
            (json!({"$ref": "https://json-schema.org/draft/x"}), "not inside"),
            (json!({"$ref": "https://a.example/s"}), "not inside"),
            (json!({"x": [{}, {"minLength": 1}], "$ref": "#/x/01"}), "not there"),
        ] {
            let refused = measure(&schema).unwrap_err();
            assert!(refused.contains(words), "{refused}");
        }
    }
}
