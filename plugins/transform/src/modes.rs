//! The four ways to use the block.

use blockyard_sdk::expressions::{self, Engine, Expression, ExpressionError, Scope, Value, document};
use blockyard_sdk::scan::ScanError;
use blockyard_sdk::{Failure, RawJson};
use serde_json::{Map, json};

use crate::config::Mapping;

/// One expression over the whole input.
pub(crate) fn expression<'s>(
    engine: &Engine<'s>,
    source: &'s str,
    input: RawJson,
    variables: &str,
) -> Result<RawJson, Failure> {
    let located = |error: ExpressionError| error.into_failure("/expression", None);
    let expression = engine.compile(source).map_err(located)?;
    let scope = Scope::new().with("variables", variables_of(variables)?).with("input", input_of(input)?);
    expression.eval_json(&scope.into_value()).map(RawJson::new).map_err(located)
}

/// A field of the mapping, ready to be written.
struct Field<'e, 's> {
    /// The name as JSON, with the colon.
    key: String,
    expression: Expression<'e, 's>,
    pointer: String,
}

/// The mapping for each item of a list, or for the one object.
pub(crate) fn mapping<'s>(
    engine: &Engine<'s>,
    mapping: &'s Mapping,
    input: RawJson,
    variables: &str,
) -> Result<RawJson, Failure> {
    let fields = mapping.0.iter().map(|(name, source)| field(engine, name, source)).collect::<Result<Vec<_>, _>>()?;
    let capacity = input.get().len();
    let is_list = input.get().trim_start().starts_with('[');
    let input = input_of(input)?;
    let outer = Scope::new().with("variables", variables_of(variables)?).with("input", input.clone());
    if !is_list {
        let mut text = String::new();
        write_item(&fields, item_scope(&outer, input, 0), None, &mut text)?;
        return Ok(RawJson::new(text));
    }
    let mut text = String::with_capacity(capacity);
    text.push('[');
    for (index, item) in input.try_iter().into_iter().flatten().enumerate() {
        if index > 0 {
            text.push(',');
        }
        write_item(&fields, item_scope(&outer, item, index), Some(index), &mut text)?;
    }
    text.push(']');
    Ok(RawJson::new(text))
}

fn field<'e, 's>(engine: &'e Engine<'s>, name: &str, source: &'s str) -> Result<Field<'e, 's>, Failure> {
    let pointer = format!("/mapping/{}", name.replace('~', "~0").replace('/', "~1"));
    let expression = engine.compile(source).map_err(|error| error.into_failure(&pointer, None))?;
    Ok(Field { key: format!("{}:", json!(name)), expression, pointer })
}

fn item_scope(outer: &Scope, item: Value, index: usize) -> Value {
    outer.clone().with("index", Value::from(index)).with("item", item).into_value()
}

fn write_item(fields: &[Field<'_, '_>], scope: Value, index: Option<usize>, text: &mut String) -> Result<(), Failure> {
    text.push('{');
    for (position, field) in fields.iter().enumerate() {
        if position > 0 {
            text.push(',');
        }
        text.push_str(&field.key);
        field.expression.write_json(&scope, text).map_err(|error| error.into_failure(&field.pointer, index))?;
    }
    text.push('}');
    Ok(())
}

/// Several expressions over the names that the input gives.
pub(crate) fn evaluate<'s>(
    engine: &Engine<'s>,
    sources: &'s [String],
    input: RawJson,
    variables: &str,
) -> Result<RawJson, Failure> {
    if !input.get().trim_start().starts_with('{') {
        return Err(Failure::invalid_input("", "it is an object with the names that the expressions may use"));
    }
    let mut scope = input_of(input)?;
    if scope.get_attr("variables").is_ok_and(|given| given.is_undefined()) {
        scope = with_names(&scope, Scope::new().with("variables", variables_of(variables)?));
    }
    let mut text = String::from("[");
    for (index, source) in sources.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        let failed = |error: ExpressionError| {
            let expression = source.as_str();
            error
                .into_failure(&format!("/evaluate/{index}"), None)
                .detail("index", index)
                .detail("expression", expression)
        };
        engine.compile(source).map_err(failed)?.write_json(&scope, &mut text).map_err(failed)?;
    }
    text.push(']');
    Ok(RawJson::new(text))
}

fn with_names(names: &Value, scope: Scope) -> Value {
    let members = names.as_object().and_then(|object| object.try_iter_pairs());
    members.into_iter().flatten().fold(scope, |scope, (name, value)| scope.with(name.to_string(), value)).into_value()
}

/// What can be said about expressions without data.
pub(crate) fn check(engine: &Engine<'_>, sources: &[String]) -> Result<RawJson, Failure> {
    let checks: Vec<_> = sources
        .iter()
        .map(|source| {
            let check = expressions::check(engine, source);
            let error = check.error.map(|error| {
                let mut object = Map::new();
                object.insert("message".to_owned(), error.message().into());
                if let Some(offset) = error.offset() {
                    object.insert("offset".to_owned(), offset.into());
                }
                object
            });
            json!({ "error": error, "references": check.references })
        })
        .collect();
    Ok(RawJson::new(serde_json::to_string(&checks)?))
}

fn input_of(input: RawJson) -> Result<Value, Failure> {
    document(input.into_string()).map_err(|error| Failure::invalid_input("", error))
}

fn variables_of(variables: &str) -> Result<Value, Failure> {
    document(variables.to_owned()).map_err(|error: ScanError| Failure::invalid_input("", error))
}
