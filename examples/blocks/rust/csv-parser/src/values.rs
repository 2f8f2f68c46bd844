//! What a field means.

use serde_json::{Number, Value};

use crate::records::Field;

/// A number, a boolean, null for an empty field, or text. What stood in quotes is text, and so is what would not come out
/// as it went in: `007`, `1e999`, digits that no integer holds.
pub fn inferred(field: Field) -> Value {
    match field.text.as_str() {
        _ if field.quoted => Value::String(field.text),
        "" => Value::Null,
        "true" | "TRUE" | "True" => Value::Bool(true),
        "false" | "FALSE" | "False" => Value::Bool(false),
        text => number(text).unwrap_or(Value::String(field.text)),
    }
}

fn number(text: &str) -> Option<Value> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let padded = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
    if padded || !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        // -0 is no integer.
        return text.parse::<i64>().ok().filter(|_| text != "-0").map(Value::from);
    }
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte)) && !digits.ends_with('.');
    let value = plain.then(|| text.parse::<f64>().ok()).flatten()?;
    Number::from_f64(value).map(Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_comes_out_as_it_went_in_becomes_a_value() {
        let value = |text: &str| inferred(Field { text: text.to_owned(), quoted: false });
        for (text, expected) in [
            ("0", json!(0)),
            ("-12", json!(-12)),
            ("9223372036854775807", json!(i64::MAX)),
            ("1.50", json!(1.5)),
            ("-0.25", json!(-0.25)),
            ("1e3", json!(1000.0)),
            ("true", json!(true)),
            ("FALSE", json!(false)),
            ("", json!(null)),
        ] {
            assert_eq!(value(text), expected, "{text}");
        }
        for text in [
            "007",
            "-0",
            "-",
            "+1",
            ".5",
            "1.",
            "1e999",
            "0x10",
            "1_000",
            "1,5",
            "NaN",
            "inf",
            "92233720368547758080",
            " 1",
            "tRUE",
            "null",
        ] {
            assert_eq!(value(text), json!(text), "{text}");
        }
        assert_eq!(inferred(Field { text: "1".to_owned(), quoted: true }), json!("1"));
    }
}
