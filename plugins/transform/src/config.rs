//! What the block can be told to do.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

/// What is made of the input: exactly one of the four.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [
    {"required": ["expression"]}, {"required": ["mapping"]}, {"required": ["evaluate"]}, {"required": ["check"]}
]))]
pub struct Config {
    /// An expression over `input` and `variables` whose value is the output, such as `input|selectattr('email')|list`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", extend("x-expression" = true))]
    pub(crate) expression: Option<String>,
    /// A field of the output each: its name, and an expression over `item` (one element of a list, or the input if
    /// it is no list), `index` (from 0), `input` and `variables`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Mapping")]
    pub(crate) mapping: Option<Mapping>,
    /// For the host. Expressions over the names that the input, an object, has as its keys; `variables` are the
    /// workflow's unless the input has that key. The output is the list of values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<ExpressionText>")]
    pub(crate) evaluate: Option<Vec<String>>,
    /// For the host. Expressions that are looked at and not evaluated. The output is a list of
    /// `{error: null | {message, offset?}, references: [[segment, ...], ...]}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<ExpressionText>")]
    pub(crate) check: Option<Vec<String>>,
}

/// Names and expressions, in the order of the config. A name that is there twice is refused.
#[derive(Debug)]
pub(crate) struct Mapping(pub(crate) Vec<(String, String)>);

impl<'de> Deserialize<'de> for Mapping {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MappingVisitor)
    }
}

struct MappingVisitor;

impl<'de> Visitor<'de> for MappingVisitor {
    type Value = Mapping;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with an expression for each field")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Mapping, A::Error> {
        let mut mapping: Vec<(String, String)> = Vec::new();
        while let Some((name, expression)) = members.next_entry::<String, String>()? {
            if mapping.iter().any(|(earlier, _)| *earlier == name) {
                return Err(A::Error::custom(format_args!("the field `{name}` is there twice")));
            }
            mapping.push((name, expression));
        }
        Ok(Mapping(mapping))
    }
}

impl JsonSchema for Mapping {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Mapping".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "object", "additionalProperties": {"type": "string", "x-expression": true}})
    }
}

/// The schema of an expression in a list.
struct ExpressionText;

impl JsonSchema for ExpressionText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Expression".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "x-expression": true})
    }
}
