//! JSON Schemas of configs and inputs.

use jsonschema::{Draft, PatternOptions, ValidationError, Validator};
use serde_json::Value;

use crate::domain::Problem;

/// Most findings reported for one document.
const MAX_FINDINGS: usize = 50;

/// A compiled schema, or none where everything is welcome.
pub(super) struct Schema(Option<Compiled>);

struct Compiled {
    source: Value,
    validator: Validator,
}

/// What one pattern may take once it is compiled, in bytes.
const PATTERN_BYTES: usize = 1 << 20;

impl Schema {
    /// Compile `schema`. References to other documents are not followed, and patterns run in linear time.
    pub(super) fn compile(schema: &Value) -> Result<Self, String> {
        if welcomes_everything(schema) {
            return Ok(Self(None));
        }
        let options = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .with_pattern_options(PatternOptions::regex().size_limit(PATTERN_BYTES))
            .offline();
        let validator = options.build(schema).map_err(|error| error.to_string())?;
        Ok(Self(Some(Compiled { source: schema.clone(), validator })))
    }

    /// Whether every document fits.
    pub(super) fn is_trivial(&self) -> bool {
        self.0.is_none()
    }

    /// The same for a document in which the values at the pointers `templated` are not known yet: what may change once
    /// they are is left out.
    pub(super) fn check_partial(
        &self,
        value: &Value,
        at: &str,
        code: &'static str,
        templated: &[&str],
    ) -> Vec<Problem> {
        let Some(compiled) = &self.0 else { return Vec::new() };
        let mut found = Vec::new();
        for error in compiled.validator.iter_errors(value).take(MAX_FINDINGS) {
            let pointer = format!("{at}{}", error.instance_path());
            let unknown = templated.iter().any(|template| {
                template.strip_prefix(pointer.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            });
            // Which members there are is known whatever their values.
            let by_names = matches!(error.kind().keyword(), "required" | "additionalProperties" | "dependentRequired");
            if !unknown || by_names {
                found.push(Problem::new(pointer, code, compiled.message(&error)));
            }
        }
        found
    }

    /// What is wrong with `value`, with pointers below `at`.
    pub(super) fn check(&self, value: &Value, at: &str, code: &'static str) -> Vec<Problem> {
        let Some(compiled) = &self.0 else { return Vec::new() };
        if compiled.validator.is_valid(value) {
            return Vec::new();
        }
        let errors = compiled.validator.iter_errors(value).take(MAX_FINDINGS);
        errors
            .map(|error| Problem::new(format!("{at}{}", error.instance_path()), code, compiled.message(&error)))
            .collect()
    }
}

impl Compiled {
    /// What is wrong; a choice of constants, each in a schema of its own for the sake of its description, is listed.
    fn message(&self, error: &ValidationError<'_>) -> String {
        let choices = self.source.pointer(error.schema_path().as_str()).and_then(Value::as_array);
        let constants: Option<Vec<&Value>> =
            choices.map(|choices| choices.iter().map(|choice| choice.get("const")).collect()).unwrap_or_default();
        match constants {
            Some(constants) if !constants.is_empty() => {
                let names: Vec<String> = constants.iter().map(ToString::to_string).collect();
                format!("{} is none of {}", error.instance(), names.join(", "))
            }
            _ => error.to_string(),
        }
    }
}

/// Whether a schema says nothing but what it is about. Checking by it would mean parsing documents for nothing.
fn welcomes_everything(schema: &Value) -> bool {
    const ANNOTATIONS: [&str; 8] =
        ["$schema", "$comment", "title", "description", "default", "deprecated", "examples", "x-expression"];
    match schema {
        Value::Bool(welcome) => *welcome,
        Value::Object(keywords) => keywords.keys().all(|keyword| ANNOTATIONS.contains(&keyword.as_str())),
        _ => false,
    }
}

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
    let mut found: Vec<&Value> = Vec::new();
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        if found.iter().any(|seen| std::ptr::eq(*seen, node)) {
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

    #[test]
    fn schemas_that_only_describe_check_nothing() {
        for schema in [json!(true), json!({}), json!({"title": "t", "description": "d"})] {
            assert!(Schema::compile(&schema).unwrap().is_trivial(), "{schema}");
        }
        for schema in [json!(false), json!({"type": "object"}), json!({"title": "t", "minimum": 1})] {
            assert!(!Schema::compile(&schema).unwrap().is_trivial(), "{schema}");
        }
    }

    #[test]
    fn findings_have_pointers() {
        let schema = Schema::compile(&json!({"properties": {"a": {"items": {"type": "integer"}}}})).unwrap();
        let findings = schema.check(&json!({"a": [1, "x"]}), "/config", "invalid-config");
        assert_eq!(findings[0].pointer, "/config/a/1");
        assert!(Schema::compile(&json!({"type": 7})).is_err());
        assert!(Schema::compile(&json!({"$ref": "https://elsewhere.test/schema"})).is_err());
    }
}
