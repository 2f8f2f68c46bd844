//! Results as JSON text.

use std::fmt::{self, Write};

use minijinja::Value;
use minijinja::value::ValueKind;

use super::document;

/// How deep a result may be nested; deeper ones come from no sensible expression and would exhaust the stack.
const MAX_DEPTH: usize = 256;

/// Something in a result that JSON cannot hold.
#[derive(Debug)]
pub(super) struct Unwritable {
    /// The way to it, innermost first.
    way: Vec<String>,
    problem: Problem,
}

#[derive(Debug)]
enum Problem {
    Undefined,
    NotFinite,
    Other(String),
}

impl Unwritable {
    pub(super) fn is_undefined(&self) -> bool {
        matches!(self.problem, Problem::Undefined)
    }

    fn below(mut self, segment: impl ToString) -> Self {
        self.way.push(segment.to_string());
        self
    }
}

impl From<Problem> for Unwritable {
    fn from(problem: Problem) -> Self {
        Self { way: Vec::new(), problem }
    }
}

impl fmt::Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("its result")?;
        if !self.way.is_empty() {
            f.write_str(" at ")?;
            self.way.iter().rev().try_for_each(|segment| write!(f, "/{segment}"))?;
        }
        match &self.problem {
            Problem::Undefined => f.write_str(" is undefined"),
            Problem::NotFinite => f.write_str(" is not a finite number"),
            Problem::Other(what) => write!(f, " is {what}, which JSON has no place for"),
        }
    }
}

/// Appends `value` to `out` as JSON.
pub(super) fn write(value: &Value, out: &mut String) -> Result<(), Unwritable> {
    nested(value, out, 0)
}

fn nested(value: &Value, out: &mut String, depth: usize) -> Result<(), Unwritable> {
    if depth > MAX_DEPTH {
        return Err(Problem::Other("nested too deeply".to_owned()).into());
    }
    if let Some(text) = document::text_of(value) {
        out.push_str(text);
        return Ok(());
    }
    match value.kind() {
        ValueKind::None => out.push_str("null"),
        ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
        ValueKind::Number => number(value, out)?,
        ValueKind::String => string(value.as_str().unwrap_or_default(), out),
        ValueKind::Seq | ValueKind::Iterable => list(value, out, depth)?,
        ValueKind::Map => map(value, out, depth)?,
        ValueKind::Undefined => return Err(Problem::Undefined.into()),
        ValueKind::Invalid => return Err(Problem::Other(format!("an error ({value})")).into()),
        kind => return Err(Problem::Other(format!("a {kind}")).into()),
    }
    Ok(())
}

fn number(value: &Value, out: &mut String) -> Result<(), Unwritable> {
    let written = if let Some(integer) = value.as_i64().filter(|_| value.is_integer()) {
        write!(out, "{integer}")
    } else if !value.is_integer() {
        let float = f64::try_from(value.clone()).unwrap_or(f64::NAN);
        let number = serde_json::Number::from_f64(float).ok_or(Problem::NotFinite)?;
        write!(out, "{number}")
    } else if let Ok(integer) = i128::try_from(value.clone()) {
        write!(out, "{integer}")
    } else {
        write!(out, "{}", u128::try_from(value.clone()).unwrap_or(u128::MAX))
    };
    written.map_err(|_| Problem::Other("a number that cannot be written".to_owned()).into())
}

fn list(value: &Value, out: &mut String, depth: usize) -> Result<(), Unwritable> {
    let elements = value.try_iter().map_err(|error| Problem::Other(error.to_string()))?;
    out.push('[');
    for (position, element) in elements.enumerate() {
        if position > 0 {
            out.push(',');
        }
        nested(&element, out, depth + 1).map_err(|problem| problem.below(position))?;
    }
    out.push(']');
    Ok(())
}

fn map(value: &Value, out: &mut String, depth: usize) -> Result<(), Unwritable> {
    let members = value.as_object().and_then(|object| object.try_iter_pairs());
    out.push('{');
    for (position, (key, member)) in members.into_iter().flatten().enumerate() {
        if position > 0 {
            out.push(',');
        }
        match key.as_str() {
            Some(name) => string(name, out),
            None if matches!(key.kind(), ValueKind::Number | ValueKind::Bool | ValueKind::None) => {
                string(&key.to_string(), out);
            }
            None => return Err(Problem::Other(format!("a mapping with a {} as key", key.kind())).into()),
        }
        out.push(':');
        nested(&member, out, depth + 1).map_err(|problem| problem.below(&key))?;
    }
    out.push('}');
    Ok(())
}

/// A JSON string. Control characters, quotes and backslashes are escaped, everything else stands as it is.
pub(super) fn string(text: &str, out: &mut String) {
    out.push('"');
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..0x20 => "",
            _ => continue,
        };
        out.push_str(&text[plain..at]);
        if escape.is_empty() {
            // Writing into a `String` cannot fail.
            let _ = write!(out, "\\u{byte:04x}");
        } else {
            out.push_str(escape);
        }
        plain = at + 1;
    }
    out.push_str(&text[plain..]);
    out.push('"');
}
