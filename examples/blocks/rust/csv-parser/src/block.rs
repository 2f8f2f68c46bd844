//! The block: what it is, and how records become rows.

use std::collections::HashSet;

use blockyard_sdk::{Block, Context, Example, Failure, Manifest, Outcome, export_block, ports};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::records::{Field, Record, Records};
use crate::values::inferred;

struct CsvParser;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Config {
    /// What stands between two fields.
    #[schemars(length(min = 1, max = 1))]
    delimiter: String,
    /// Whether the first record names the columns. Rows are objects then, and lists of values without it.
    header: bool,
    /// Whether unquoted numbers, `true`, `false` and empty fields become numbers, booleans and null. Everything is text
    /// without it.
    infer_types: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { delimiter: ",".to_owned(), header: true, infer_types: true }
    }
}

#[derive(Deserialize, JsonSchema)]
struct Text {
    /// The CSV text.
    text: String,
}

/// A record that is no row.
#[derive(Debug, Serialize, JsonSchema)]
struct Rejected {
    /// Where it begins, from 1.
    line: usize,
    /// What could be read of it.
    fields: Vec<String>,
    /// What is wrong with it.
    message: String,
}

ports! {
    /// Both fire, whether or not they have anything.
    struct Parsed {
        /// The rows, in their order: objects by column, or lists.
        rows: Vec<Value>,
        /// The records that are none, with their lines.
        rejected: Vec<Rejected>,
    }
}

impl Block for CsvParser {
    type Config = Config;
    type Input = Text;
    type Output = Parsed;

    fn manifest() -> Manifest {
        Manifest::new("custom.csv-parser", env!("CARGO_PKG_VERSION"), "CSV parser")
            .description(
                "Turns CSV text (RFC 4180) into rows, and says of each record that is none what is wrong with it.",
            )
            .category("Data")
            .stateless()
            .example(
                Example::new(
                    "People",
                    json!({}),
                    json!({"text": "name,age,note\nAda,36,\"first, of all\"\nBob,,\nEve\n"}),
                )
                .output(
                    "rows",
                    json!([
                        {"name": "Ada", "age": 36, "note": "first, of all"},
                        {"name": "Bob", "age": null, "note": null},
                    ]),
                )
                .output("rejected", json!([{"line": 4, "fields": ["Eve"], "message": "has 1 field instead of 3"}])),
            )
            .example(
                Example::new(
                    "No header, nothing but text",
                    json!({"delimiter": ";", "header": false, "inferTypes": false}),
                    json!({"text": "1;2\n3;4\n"}),
                )
                .output("rows", json!([["1", "2"], ["3", "4"]]))
                .output("rejected", json!([])),
            )
    }

    fn execute(config: Config, Text { text }: Text, _: &Context) -> Result<Outcome<Parsed>, Failure> {
        let mut records = Records::new(&text, delimiter(&config)?);
        let columns = if config.header { header(records.next())? } else { None };
        let mut width = columns.as_ref().map(Vec::len);
        let (mut rows, mut rejected) = (Vec::new(), Vec::new());
        for record in records {
            // Without a header the first record says how many fields there are.
            let wanted = *width.get_or_insert(record.fields.len());
            match problem(&record, wanted) {
                Some(message) => rejected.push(Rejected { line: record.line, fields: texts(record.fields), message }),
                None => rows.push(row(columns.as_deref(), record.fields, config.infer_types)),
            }
        }
        let counts = json!({"rows": rows.len(), "rejected": rejected.len()});
        Outcome::done_with(Parsed { rows: Some(rows), rejected: Some(rejected) }, &counts)
    }
}

export_block!(CsvParser);

fn delimiter(config: &Config) -> Result<char, Failure> {
    let mut chars = config.delimiter.chars();
    match (chars.next(), chars.next()) {
        (Some(only), None) if !['"', '\r', '\n'].contains(&only) => Ok(only),
        _ => Err(Failure::invalid_config("/delimiter", "it must be one character, no quote and no line end")),
    }
}

/// The names of the columns, if there is any record.
fn header(record: Option<Record>) -> Result<Option<Vec<String>>, Failure> {
    let Some(record) = record else { return Ok(None) };
    let wrong =
        |what: &str| Err(Failure::invalid_input("/text", format!("the header on line {}: {what}", record.line)));
    if let Some(problem) = record.problem {
        return wrong(problem);
    }
    let number = |(index, field): (usize, &Field)| match field.text.trim() {
        "" => format!("column {}", index + 1),
        name => name.to_owned(),
    };
    let names: Vec<String> = record.fields.iter().enumerate().map(number).collect();
    let mut known = HashSet::new();
    match names.iter().find(|name| !known.insert(name.as_str())) {
        Some(twice) => wrong(&format!("two columns are called `{twice}`")),
        None => Ok(Some(names)),
    }
}

fn problem(record: &Record, wanted: usize) -> Option<String> {
    let count = record.fields.len();
    let plural = if count == 1 { "" } else { "s" };
    let ragged = || (count != wanted).then(|| format!("has {count} field{plural} instead of {wanted}"));
    record.problem.map(str::to_owned).or_else(ragged)
}

fn row(columns: Option<&[String]>, fields: Vec<Field>, infer: bool) -> Value {
    let values = fields.into_iter().map(|field| if infer { inferred(field) } else { Value::String(field.text) });
    match columns {
        Some(columns) => Value::Object(columns.iter().cloned().zip(values).collect::<Map<_, _>>()),
        None => Value::Array(values.collect()),
    }
}

fn texts(fields: Vec<Field>) -> Vec<String> {
    fields.into_iter().map(|field| field.text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use blockyard_sdk::testing::{self, Ended};

    fn run(config: &Value, text: &str) -> Result<(Value, Value), Failure> {
        match testing::run::<CsvParser>(config, &json!({"text": text}), &json!({}))? {
            Ended::Done { outputs, .. } => Ok((outputs["rows"].clone(), outputs["rejected"].clone())),
            Ended::Suspended { .. } => panic!("it never suspends"),
        }
    }

    #[test]
    fn its_examples_hold() {
        testing::check_examples::<CsvParser>();
    }

    #[test]
    fn columns_keep_their_order_and_nameless_ones_get_a_number() {
        let (rows, _) = run(&json!({}), "b,,a\n1,2,3\n").unwrap();
        assert_eq!(rows.to_string(), r#"[{"b":1,"column 2":2,"a":3}]"#);
    }

    #[test]
    fn nothing_gives_nothing() {
        for text in ["", "\n\n", "a,b\n", "\u{feff}"] {
            assert_eq!(run(&json!({}), text).unwrap(), (json!([]), json!([])), "{text:?}");
        }
    }

    #[test]
    fn a_header_that_cannot_name_columns_fails_the_call() {
        for (text, says) in [("a,a\n1,2\n", "two columns are called `a`"), ("\n\"a\nb,c\n", "line 2")] {
            let failure = run(&json!({}), text).unwrap_err();
            assert!(failure.message().contains(says), "{failure}");
            assert_eq!(failure.details().unwrap()["pointer"], "/text");
        }
    }

    #[test]
    fn a_delimiter_is_one_character() {
        assert_eq!(run(&json!({"delimiter": "\t"}), "a\tb\n1\t2\n").unwrap().0, json!([{"a": 1, "b": 2}]));
        for bad in ["", "\"", "\n", ";;"] {
            assert_eq!(run(&json!({"delimiter": bad}), "a").unwrap_err().code(), "invalid-config", "{bad:?}");
        }
    }
}
