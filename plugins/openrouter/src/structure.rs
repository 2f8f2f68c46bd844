//! The user's JSON Schema.

use blockyard_chat::{Format, find};
use blockyard_sdk::Failure;
use jsonschema::{ValidationError, Validator};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::config::Config;

/// How many violations are named.
const MOST_NAMED: usize = 5;
/// The longest place and the longest rule that are named, in characters.
const LONGEST: usize = 160;

/// A schema, ready to check answers.
#[derive(Debug)]
pub(crate) struct Structure {
    schema: Value,
    validator: Validator,
}

impl Structure {
    /// `None` if the answer is to be plain text.
    pub(crate) fn new(config: &Config) -> Result<Option<Self>, Failure> {
        let Some(schema) = config.response_schema() else { return Ok(None) };
        let schema = Value::Object(schema.clone());
        let validator = jsonschema::options().build(&schema).map_err(|error| {
            let pointer = format!("/responseSchema{}", error.instance_path().as_str());
            Failure::invalid_config(pointer, format!("it is no JSON Schema: {error}"))
        })?;
        Ok(Some(Self { schema, validator }))
    }

    pub(crate) fn format(&self, config: &Config) -> Format {
        Format { name: config.schema_name().to_owned(), strict: config.is_strict(), schema: self.schema.clone() }
    }

    /// The JSON of an answer, digit for digit as it came.
    ///
    /// # Errors
    /// What is wrong: places in the answer and rules of the schema, without a value of the answer.
    pub(crate) fn read(&self, text: &str) -> Result<Box<RawValue>, String> {
        let json = find(text)?;
        let not_json = |error| format!("it is not valid JSON: {error}");
        let value: Value = serde_json::from_str(json.get()).map_err(not_json)?;
        let wrong: Vec<_> =
            self.validator.iter_errors(&value).take(MOST_NAMED).map(|error| self.told(&error)).collect();
        if !wrong.is_empty() {
            return Err(format!("it breaks the JSON Schema {}", wrong.join("; ")));
        }
        RawValue::from_string(json.into_string()).map_err(not_json)
    }

    fn told(&self, error: &ValidationError) -> String {
        let (place, rule) = (error.instance_path().as_str(), error.schema_path().as_str());
        let place = if place.is_empty() { "as a whole".to_owned() } else { format!("at {}", short(place)) };
        match self.schema.pointer(rule) {
            Some(asked) => format!("{place}: `{}` is {}", short(rule), short(&asked.to_string())),
            None => format!("{place}: `{}`", short(rule)),
        }
    }
}

fn short(text: &str) -> String {
    text.chars().filter(|char| !char.is_control()).take(LONGEST).collect()
}
