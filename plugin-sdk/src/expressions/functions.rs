//! What is added to Jinja's filters.

use minijinja::value::{Kwargs, Rest, ValueKind, ValueOrKwargs, from_args};
use minijinja::{Environment, Error, ErrorKind, State, Value, filters};

use super::culprit::has_path;

pub(super) fn install(environment: &mut Environment<'_>) {
    environment.add_filter("map", map);
    environment.add_filter("sum", sum);
    environment.set_unknown_method_callback(method);
}

/// Jinja's `map`, where an item that lacks the attribute is an error unless there is a `default`.
fn map(state: &mut State, value: Value, arguments: Rest<ValueOrKwargs>) -> Result<Vec<Value>, Error> {
    let mapped = filters::map(state, value, arguments)?;
    match mapped.iter().position(Value::is_undefined) {
        Some(index) => Err(Error::new(ErrorKind::UndefinedError, format!("item {index} lacks the attribute"))),
        None => Ok(mapped),
    }
}

/// Jinja's `sum`, where an item that lacks the attribute is an error.
fn sum(
    state: &State,
    values: Value,
    attribute: Option<Value>,
    start: Option<Value>,
    options: Kwargs,
) -> Result<Value, Error> {
    let attribute = match attribute {
        Some(attribute) => Some(attribute),
        None => options.get::<Option<Value>>("attribute")?,
    };
    if let Some(attribute) = &attribute
        && let Some(index) = values.try_iter()?.position(|item| !has_path(&item, attribute))
    {
        return Err(Error::new(ErrorKind::UndefinedError, format!("item {index} lacks `{attribute}`")));
    }
    filters::sum(state, values, attribute.as_ref().and_then(Value::as_str), start, options)
}

/// The Python methods that people know from Jinja elsewhere.
fn method(state: &mut State, value: &Value, name: &str, arguments: &[Value]) -> Result<Value, Error> {
    let filter = |state: &mut State, filter: &str| {
        let mut all = vec![value.clone()];
        all.extend_from_slice(arguments);
        state.apply_filter(filter, &all)
    };
    match (value.kind(), name) {
        (ValueKind::String, "lower" | "upper" | "title" | "capitalize" | "replace" | "split") => filter(state, name),
        (ValueKind::String, "strip") => filter(state, "trim"),
        (ValueKind::String, "startswith" | "endswith") => {
            let (affix,): (&str,) = from_args(arguments)?;
            let text = value.as_str().unwrap_or_default();
            Ok(Value::from(if name == "startswith" { text.starts_with(affix) } else { text.ends_with(affix) }))
        }
        (ValueKind::String, "join") => {
            let (list,): (Value,) = from_args(arguments)?;
            state.apply_filter("join", &[list, value.clone()])
        }
        (ValueKind::Map, "items") => filter(state, "items"),
        (ValueKind::Map, "keys") => filter(state, "list"),
        (ValueKind::Map, "values") => {
            let () = from_args(arguments)?;
            value.try_iter()?.map(|key| value.get_item(&key)).collect::<Result<Vec<_>, _>>().map(Value::from)
        }
        (ValueKind::Map, "get") => {
            let (key, default): (Value, Option<Value>) = from_args(arguments)?;
            let found = value.get_item(&key)?;
            Ok(if found.is_undefined() { default.unwrap_or(Value::from(())) } else { found })
        }
        _ => Err(Error::from(ErrorKind::UnknownMethod)),
    }
}
