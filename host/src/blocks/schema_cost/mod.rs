//! What checking against a schema may cost, found out before it is compiled: schemas come with uploads, and are checked
//! outside of the sandbox.

mod growth;

use std::collections::HashMap;

use serde_json::{Map, Value};

/// Schemas that apply to one value, with all that they refer to written out.
const MOST_APPLIED: u64 = 10_000;
/// How deep one may refer to the next without going into the value.
const DEEPEST: usize = 64;
/// Patterns of one schema.
const MOST_PATTERNS: usize = 100;
/// Longest pattern in bytes.
const LONGEST_PATTERN: usize = 1000;

/// Refuse a schema that multiplies by referring to itself, or has more patterns than anyone needs.
///
/// # Errors
/// What is too much.
pub(super) fn check(schema: &Value) -> Result<(), String> {
    let mut found = Found { root: schema, applied: HashMap::new(), patterns: 0 };
    found.walk(schema)?;
    growth::check(&found)
}

struct Found<'a> {
    root: &'a Value,
    /// How many schemas apply where this one does; `None` while that is counted.
    applied: HashMap<*const Value, Option<u64>>,
    patterns: usize,
}

impl<'a> Found<'a> {
    /// Every object may be a schema.
    fn walk(&mut self, value: &'a Value) -> Result<(), String> {
        match value {
            Value::Array(items) => items.iter().try_for_each(|item| self.walk(item)),
            Value::Object(members) => {
                self.count_patterns(members)?;
                self.check_id(value, members)?;
                self.applied(value, 0)?;
                members.values().try_for_each(|member| self.walk(member))
            }
            _ => Ok(()),
        }
    }

    /// Inside of a schema with an id or a dialect of its own, references would mean something else.
    fn check_id(&self, value: &Value, members: &Map<String, Value>) -> Result<(), String> {
        let is_named = ["$id", "$schema"].iter().any(|keyword| members.get(*keyword).is_some_and(Value::is_string));
        if is_named && !std::ptr::eq(value, self.root) {
            return Err("has an `$id` or `$schema` inside, which is not taken here".to_owned());
        }
        Ok(())
    }

    fn count_patterns(&mut self, members: &Map<String, Value>) -> Result<(), String> {
        let own = members.get("pattern").and_then(Value::as_str);
        let of_names = members.get("patternProperties").and_then(Value::as_object);
        let names = of_names.into_iter().flat_map(Map::keys).map(String::as_str);
        for pattern in own.into_iter().chain(names) {
            self.patterns += 1;
            if self.patterns > MOST_PATTERNS || pattern.len() > LONGEST_PATTERN {
                return Err(format!("has more than {MOST_PATTERNS} patterns, or one of over {LONGEST_PATTERN} bytes"));
            }
        }
        Ok(())
    }

    /// How many schemas apply to a value that this one applies to.
    fn applied(&mut self, schema: &'a Value, depth: usize) -> Result<u64, String> {
        let Value::Object(members) = schema else { return Ok(1) };
        if depth > DEEPEST {
            return Err(format!("refers from schema to schema more than {DEEPEST} deep"));
        }
        match self.applied.get(&std::ptr::from_ref(schema)) {
            Some(Some(known)) => return Ok(*known),
            Some(None) => return Err("refers to itself without going into the document".to_owned()),
            None => {}
        }
        self.applied.insert(schema, None);
        let mut sum = 1_u64;
        for inner in self.in_place(members)? {
            sum = sum.saturating_add(self.applied(inner, depth + 1)?);
            if sum > MOST_APPLIED {
                return Err(format!("applies more than {MOST_APPLIED} schemas to one value"));
            }
        }
        self.applied.insert(schema, Some(sum));
        Ok(sum)
    }

    /// The schemas that apply to the same value as the one with these members.
    fn in_place(&self, members: &'a Map<String, Value>) -> Result<Vec<&'a Value>, String> {
        let mut found = Vec::new();
        for (keyword, value) in members {
            match (keyword.as_str(), value) {
                ("allOf" | "anyOf" | "oneOf", Value::Array(items)) => found.extend(items),
                ("not" | "if" | "then" | "else", schema) => found.push(schema),
                ("dependentSchemas" | "dependencies", Value::Object(schemas)) => found.extend(schemas.values()),
                ("$ref", Value::String(reference)) => found.extend(self.target(reference)?),
                ("$dynamicRef" | "$recursiveRef", Value::String(_)) => {
                    return Err(format!("has a `{keyword}`, which is not taken here"));
                }
                _ => {}
            }
        }
        Ok(found)
    }

    /// What a reference leads to inside the schema; that it exists is for the compiler to see.
    fn target(&self, reference: &str) -> Result<Option<&'a Value>, String> {
        let Some(fragment) = reference.strip_prefix('#') else {
            let is_standard = reference.starts_with("https://json-schema.org/draft/");
            return if is_standard {
                Ok(None)
            } else {
                Err(format!("refers to `{reference}`, which is not inside of it"))
            };
        };
        let pointer = percent_encoding::percent_decode_str(fragment).decode_utf8_lossy().into_owned();
        if !pointer.is_empty() && !pointer.starts_with('/') {
            return Err(format!("refers to the anchor `{reference}`; references are JSON pointers here"));
        }
        Ok(self.root.pointer(&pointer))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_people_write_passes() {
        for schema in [
            json!(true),
            json!({"type": "object", "properties": {"allOf": {"type": "string", "pattern": "^a"}}}),
            json!({"$defs": {"tree": {"properties": {"left": {"$ref": "#/$defs/tree"}, "right": {"$ref": "#/$defs/tree"}}}},
                "$ref": "#/$defs/tree"}),
            json!({"items": {"$ref": "#"}}),
            json!({"$ref": "https://json-schema.org/draft/2020-12/schema"}),
            json!({"$id": "https://a.example/s", "properties": {"id": {"const": {"id": "x"}}}, "items": {"$ref": "#"}}),
            json!({"prefixItems": [{"const": "add"}, {"$ref": "#"}, {"$ref": "#"}], "items": {"$ref": "#"}}),
            json!({"properties": {"next": {"$ref": "#"}}, "additionalProperties": {"$ref": "#"}}),
            json!({"oneOf": [{"properties": {"all": {"items": {"$ref": "#"}}}}, {"properties": {"not": {"$ref": "#"}}}]}),
            json!({"oneOf": (0..200).map(|n| json!({"const": n})).collect::<Vec<_>>()}),
        ] {
            check(&schema).unwrap_or_else(|error| panic!("{schema}: {error}"));
        }
    }

    #[test]
    fn what_multiplies_or_never_ends_is_refused() {
        let level = |n: usize| json!({"$ref": format!("#/$defs/a{}", n + 1)});
        let doubling: Map<String, Value> =
            (0..20).map(|n| (format!("a{n}"), json!({"allOf": [level(n), level(n)]}))).collect();
        let chain: Map<String, Value> = (0..30_000).map(|n| (format!("a{n}"), level(n))).collect();
        let twice = |n: usize| json!({"allOf": vec![json!({"properties": {"a": level(n)}}); 2]});
        let levels: Map<String, Value> = (0..20).map(|n| (format!("a{n}"), twice(n))).collect();
        let through_a = || json!({"properties": {"a": {"$ref": "#"}}});
        let patterns: Vec<Value> = (0..101).map(|n| json!({"pattern": format!("^{n}")})).collect();
        for (schema, words) in [
            (json!({"$defs": doubling, "$ref": "#/$defs/a0"}), "applies more than"),
            (json!({"$defs": chain, "$ref": "#/$defs/a0"}), "more than 64 deep"),
            (json!({"$ref": "#"}), "refers to itself"),
            (json!({"$defs": {"a": {"not": {"$ref": "#/%24defs/a"}}}}), "refers to itself"),
            (json!({"$defs": {"a": {"$anchor": "x"}}, "$ref": "#x"}), "anchor"),
            (json!({"$dynamicRef": "#x"}), "$dynamicRef"),
            (json!({"anyOf": patterns}), "patterns"),
            (json!({"pattern": "a".repeat(1001)}), "patterns"),
            (json!({"items": {"$id": "https://a.example/s"}}), "`$id`"),
            (json!({"properties": {"default": {"$ref": "#/properties/default"}}}), "refers to itself"),
            (json!({"$ref": "https://a.example/s"}), "not inside"),
            (json!({"$defs": levels, "$ref": "#/$defs/a0"}), "applies more than"),
            (json!({"allOf": [through_a(), through_a()]}), "for the member `a`"),
            (json!({"anyOf": [{"additionalProperties": {"$ref": "#"}}, through_a()]}), "for the member `a`"),
            (json!({"anyOf": [{"patternProperties": {"^a": {"$ref": "#"}}}, through_a()]}), "for the member `a`"),
            (json!({"anyOf": [{"items": {"$ref": "#"}}], "contains": {"$ref": "#"}}), "for an element"),
            (json!({"anyOf": [{"prefixItems": [true, {"$ref": "#"}]}], "items": {"$ref": "#"}}), "for an element"),
            (json!({"anyOf": [through_a()], "unevaluatedProperties": false}), "for the member `a`"),
            (json!({"properties": {"a": {"allOf": [{"$ref": "#"}, {"not": {"$ref": "#"}}]}}}), "for the member `a`"),
        ] {
            let refused = check(&schema).unwrap_err();
            assert!(refused.contains(words), "{refused}");
        }
    }
}
