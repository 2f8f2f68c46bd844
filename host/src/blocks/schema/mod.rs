//! JSON Schemas of configs and inputs.

mod apart;
mod fields;

use std::time::Duration;

use jsonschema::{Draft, PatternOptions, ValidationError, Validator};
use serde_json::Value;
use tokio::sync::Semaphore;

use super::schema_cost::{self, Cost};
use crate::domain::Problem;
use crate::runtime::{CallFailure, Runtime};

use apart::Apart;
pub(super) use apart::NoAnswer;
pub use apart::{COMMAND as CHECK_COMMAND, run as check_alone};
pub use fields::{PathSegment, is_expression_field};

/// Most findings reported for one document.
const MAX_FINDINGS: usize = 50;
/// What one pattern may take once it is compiled, in bytes.
const PATTERN_BYTES: usize = 1 << 20;
/// The same of a pattern that is kept compiled.
const KEPT_PATTERN_BYTES: usize = 64 << 10;
/// Most work that is done here: what takes more, by the schema's [`Cost`] and the document's size, is done by a process of
/// its own.
const MOST_WORK: u64 = 2_000_000;
/// The same where all that is wrong is collected, which takes memory for each finding.
const MOST_COLLECTED: u64 = 200_000;
/// From this size on, in values, documents are not repeated in messages.
const SHOWN: u64 = 1_000;
/// All findings together, in bytes.
const FINDINGS_BYTES: usize = 256 << 10;
/// Longest message in bytes.
const MESSAGE_BYTES: usize = 1_000;

/// A schema by which documents are checked.
pub(super) struct Schema {
    kind: Kind,
    /// What processes of their own check by it at once: there are some for other schemas, if the machine has the cores.
    lane: Semaphore,
}

enum Kind {
    /// Everything is welcome.
    Anything,
    /// Checking takes so much for each value, which is little.
    Here(Compiled, u64),
    /// Checking may take anything: the schema as JSON, for a process of its own.
    Apart(String),
}

/// What is found out about a document before its call.
#[derive(Debug, Default)]
pub struct Early {
    /// What is wrong whatever comes later.
    pub problems: Vec<Problem>,
    /// Whether that is all that can be wrong: else the call finds out.
    pub is_all: bool,
}

struct Compiled {
    source: Value,
    validator: Validator,
}

impl Schema {
    /// Compile `schema`. References to other documents are not followed, and patterns run in linear time.
    ///
    /// # Errors
    /// If it is none, as far as that is found out here; see [`Schema::verify`].
    pub(super) fn compile(schema: &Value) -> Result<Self, String> {
        if welcomes_everything(schema) {
            return Ok(Self::of(Kind::Anything));
        }
        let text = || Ok(Self::of(Kind::Apart(schema.to_string())));
        let Cost::Known(work) = schema_cost::measure(schema)? else { return text() };
        match Compiled::new(schema, KEPT_PATTERN_BYTES) {
            Ok(compiled) => Ok(Self::of(Kind::Here(compiled, work))),
            Err(_) => Compiled::new(schema, PATTERN_BYTES).and_then(|_| text()),
        }
    }

    fn of(kind: Kind) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { kind, lane: Semaphore::new(cores.div_ceil(2)) }
    }

    /// Whether every document fits.
    #[cfg(test)]
    pub(super) fn is_trivial(&self) -> bool {
        matches!(self.kind, Kind::Anything)
    }

    /// Whether it is a schema, of which only a process of its own can tell.
    ///
    /// # Errors
    /// Why not.
    pub(super) async fn verify(&self, runtime: &Runtime, limit: Duration) -> Result<(), NoAnswer> {
        match &self.kind {
            Kind::Apart(schema) => apart::verify(runtime, Apart { schema, lane: &self.lane }, limit).await,
            Kind::Anything | Kind::Here(..) => Ok(()),
        }
    }

    /// What is wrong with a document in which the values at the pointers `templated` are not known yet: what may change
    /// once they are is left out.
    pub(super) fn check_early(&self, value: &Value, at: &str, code: &'static str, templated: &[&str]) -> Early {
        let is_known = templated.is_empty();
        let (compiled, work) = match &self.kind {
            Kind::Anything => return Early { problems: Vec::new(), is_all: is_known },
            Kind::Here(compiled, work) => (compiled, work),
            Kind::Apart(_) => return Early::default(),
        };
        let all = weight(value).saturating_mul(*work);
        if all > MOST_WORK {
            return Early::default();
        }
        if compiled.validator.is_valid(value) {
            return Early { problems: Vec::new(), is_all: is_known };
        }
        if all > MOST_COLLECTED {
            let somewhere = "does not fit the block's schema, and is too large to say where";
            let problems = is_known.then(|| Problem::new(at, code, somewhere)).into_iter().collect();
            return Early { problems, is_all: is_known };
        }
        let mut problems = Vec::new();
        for error in compiled.validator.iter_errors(value).take(MAX_FINDINGS) {
            let pointer = format!("{at}{}", error.instance_path());
            let unknown = templated.iter().any(|template| {
                template.strip_prefix(pointer.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            });
            // Which members there are is known whatever their values.
            let by_names = matches!(error.kind().keyword(), "required" | "additionalProperties" | "dependentRequired");
            if !unknown || by_names {
                problems.push(Problem::new(pointer, code, compiled.message(&error, value)));
            }
        }
        Early { problems, is_all: is_known }
    }

    /// What is wrong with the document that `text` is, with pointers below `at`; to be known within `limit`.
    ///
    /// # Errors
    /// If it is no JSON, or the check takes too much.
    pub(super) async fn check(
        &self,
        runtime: &Runtime,
        text: &str,
        at: &str,
        code: &'static str,
        limit: Duration,
    ) -> Result<Vec<Problem>, CallFailure> {
        let lane = &self.lane;
        let findings = match &self.kind {
            Kind::Anything => return Ok(Vec::new()),
            Kind::Apart(schema) => apart::check(runtime, Apart { schema, lane }, text, code, limit).await?,
            Kind::Here(compiled, work) => {
                let value: Value =
                    serde_json::from_str(text).map_err(|error| CallFailure::permanent(code, error.to_string()))?;
                let all = weight(&value).saturating_mul(*work);
                if all <= MOST_WORK && compiled.validator.is_valid(&value) {
                    return Ok(Vec::new());
                }
                if all <= MOST_COLLECTED {
                    compiled.findings(&value)
                } else {
                    let schema = compiled.source.to_string();
                    apart::check(runtime, Apart { schema: &schema, lane }, text, code, limit).await?
                }
            }
        };
        Ok(findings
            .into_iter()
            .map(|(pointer, message)| Problem::new(format!("{at}{pointer}"), code, message))
            .collect())
    }
}

/// A JSON pointer, and what is wrong there.
type Finding = (String, String);

impl Compiled {
    fn new(schema: &Value, pattern_bytes: usize) -> Result<Self, String> {
        let options = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .with_pattern_options(PatternOptions::regex().size_limit(pattern_bytes))
            .offline();
        let validator = options.build(schema).map_err(|error| {
            let mut message = error.to_string();
            cut(&mut message);
            message
        })?;
        Ok(Self { source: schema.clone(), validator })
    }

    fn findings(&self, value: &Value) -> Vec<Finding> {
        let errors = self.validator.iter_errors(value).take(MAX_FINDINGS);
        let found = errors.map(|error| (error.instance_path().to_string(), self.message(&error, value)));
        // Names of members may be of any length, and come with each finding below them.
        let fits = |room: &mut usize, finding: Finding| {
            *room = room.checked_sub(finding.0.len() + finding.1.len())?;
            Some(finding)
        };
        let found: Vec<Finding> = found.scan(FINDINGS_BYTES, fits).collect();
        if found.is_empty() { vec![(String::new(), "does not fit the block's schema".to_owned())] } else { found }
    }

    /// What is wrong; a choice of constants, each in a schema of its own for the sake of its description, is listed.
    fn message(&self, error: &ValidationError<'_>, document: &Value) -> String {
        let choices = self.source.pointer(error.schema_path().as_str()).and_then(Value::as_array);
        let constants: Option<Vec<&Value>> =
            choices.map(|choices| choices.iter().map(|choice| choice.get("const")).collect()).unwrap_or_default();
        let is_shown = weight(document) <= SHOWN;
        let mut message = match constants {
            Some(constants) if !constants.is_empty() && is_shown => {
                let names: Vec<String> = constants.iter().map(ToString::to_string).collect();
                format!("{} is none of {}", error.instance(), names.join(", "))
            }
            _ if is_shown => error.to_string(),
            _ => error.masked().to_string(),
        };
        cut(&mut message);
        message
    }
}

fn cut(message: &mut String) {
    if message.len() > MESSAGE_BYTES {
        message.truncate(message.floor_char_boundary(MESSAGE_BYTES));
        message.push('\u{2026}');
    }
}

/// The size of a document: its values, long texts as several.
fn weight(value: &Value) -> u64 {
    let text = |text: &str| 1 + text.len() as u64 / 64;
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 1,
        Value::String(string) => text(string),
        Value::Array(items) => 1 + items.iter().map(weight).sum::<u64>(),
        Value::Object(members) => 1 + members.iter().map(|(name, value)| text(name) + weight(value)).sum::<u64>(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

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
    fn findings_take_no_more_than_their_room() {
        let strings = json!({"additionalProperties": {"items": {"type": "string"}}});
        let found = |name: &str| {
            let compiled = Compiled::new(&strings, KEPT_PATTERN_BYTES).unwrap();
            compiled.findings(&json!({name: [1, 2, 3]}))
        };
        assert_eq!(found("a").len(), 3);
        assert_eq!(found(&"a".repeat(FINDINGS_BYTES / 2)).len(), 1);
        let whole = found(&"a".repeat(FINDINGS_BYTES));
        assert_eq!((whole.len(), whole[0].0.as_str()), (1, ""));
    }

    #[test]
    fn what_is_not_known_of_a_config_is_left_to_its_call() {
        let schema = Schema::compile(&json!({"items": {"type": "string"}})).unwrap();
        let list = |value: Value, count: u64| json!(vec![value; usize::try_from(count).unwrap()]);
        let early = |schema: &Schema, config: &Value, templated: &[&str]| {
            let early = schema.check_early(config, "/config", "invalid-config", templated);
            (early.problems.len(), early.is_all)
        };
        let template = ["/config/0"];
        assert_eq!(early(&schema, &list(json!("x"), 3), &[]), (0, true));
        assert_eq!(early(&schema, &list(json!("x"), 3), &template), (0, false));
        assert_eq!(early(&schema, &list(json!(1), 3), &[]), (3, true));
        assert_eq!(early(&schema, &list(json!(1), 3), &template), (2, false));
        // Too large to say where; too large to be looked at here.
        assert_eq!(early(&schema, &list(json!(1), MOST_COLLECTED + 1), &[]), (1, true));
        assert_eq!(early(&schema, &list(json!(1), MOST_COLLECTED + 1), &template), (0, false));
        assert_eq!(early(&schema, &list(json!("x"), MOST_WORK + 1), &[]), (0, false));
        let apart = Schema::compile(&json!({"items": {"$ref": "#"}, "anyOf": [{"$ref": "#/$defs/x"}], "$defs": {"x": {"items": {"$ref": "#"}}}})).unwrap();
        assert!(matches!(apart.kind, Kind::Apart(_)));
        assert_eq!(early(&apart, &json!(1), &[]), (0, false));
    }

    #[test]
    fn findings_have_pointers() {
        let schema = Schema::compile(&json!({"properties": {"a": {"items": {"type": "integer"}}}})).unwrap();
        let early = schema.check_early(&json!({"a": [1, "x"]}), "/config", "invalid-config", &[]);
        assert_eq!(early.problems[0].pointer, "/config/a/1");
        assert!(Schema::compile(&json!({"type": 7})).is_err());
        assert!(Schema::compile(&json!({"$ref": "https://elsewhere.test/schema"})).is_err());
    }
}
