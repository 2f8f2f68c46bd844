//! Running blocks natively, in plain `cargo test`: no host, no sandbox, no network.

pub(crate) mod stage;

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::log::Level;
use crate::{Block, Failure, Outcome, call, manifest};

pub use stage::{Host, Sent};

/// A line that the block logged in this thread.
#[derive(Debug, Clone, PartialEq)]
pub struct LogLine {
    /// How much it matters.
    pub level: Level,
    /// The message.
    pub message: String,
    /// A JSON object, empty if there were no fields.
    pub fields: Value,
}

/// A progress report of this thread.
#[derive(Debug, Clone, PartialEq)]
pub struct ProgressReport {
    /// As given, not clamped.
    pub percent: f32,
    /// What was being done.
    pub message: String,
}

thread_local! {
    static LOGS: RefCell<Vec<LogLine>> = const { RefCell::new(Vec::new()) };
    static PROGRESS: RefCell<Vec<ProgressReport>> = const { RefCell::new(Vec::new()) };
}

/// The lines logged by this thread since the last time it asked.
pub fn take_logs() -> Vec<LogLine> {
    LOGS.take()
}

/// The progress reported by this thread since the last time it asked.
pub fn take_progress() -> Vec<ProgressReport> {
    PROGRESS.take()
}

pub(crate) fn record_log(level: Level, message: &str, fields: Value) {
    LOGS.with_borrow_mut(|logs| logs.push(LogLine { level, message: message.to_owned(), fields }));
}

pub(crate) fn record_progress(percent: f32, message: &str) {
    PROGRESS.with_borrow_mut(|reports| reports.push(ProgressReport { percent, message: message.to_owned() }));
}

/// What a call did, with everything parsed.
#[derive(Debug, Clone, PartialEq)]
pub enum Ended {
    /// Finished.
    Done {
        /// Data by port.
        outputs: BTreeMap<String, Value>,
        /// Null if there was none.
        metadata: Value,
    },
    /// Wants to be called again.
    Suspended {
        /// In milliseconds.
        after_ms: u64,
        /// Given to the next call.
        state: Value,
    },
}

impl Ended {
    /// The data of a port, if the call finished and the port fired.
    pub fn output(&self, port: &str) -> Option<&Value> {
        match self {
            Self::Done { outputs, .. } => outputs.get(port),
            Self::Suspended { .. } => None,
        }
    }
}

/// Calls a block as the host would, through JSON text.
///
/// # Errors
/// The block's failure, and those of the SDK for a config or input that does not fit.
///
/// # Panics
/// If the block emits something that is no JSON.
pub fn run<B: Block>(config: &Value, input: &Value, context: &Value) -> Result<Ended, Failure> {
    let outcome = run_text::<B>(&config.to_string(), &input.to_string(), &context.to_string())?;
    Ok(match outcome {
        TextOutcome::Done { outputs, metadata } => Ended::Done {
            outputs: outputs.into_iter().map(|(port, text)| (port, parse(&text))).collect(),
            metadata: metadata.map_or(Value::Null, |text| parse(&text)),
        },
        TextOutcome::Suspended { after_ms, state } => Ended::Suspended { after_ms, state: parse(&state) },
    })
}

/// What a call did, as the text that the host would get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextOutcome {
    /// Finished.
    Done {
        /// Port and JSON text, in the order of emission.
        outputs: Vec<(String, String)>,
        /// JSON text.
        metadata: Option<String>,
    },
    /// Wants to be called again.
    Suspended {
        /// In milliseconds.
        after_ms: u64,
        /// JSON text.
        state: String,
    },
}

/// Calls a block with text that may be no JSON at all.
///
/// # Errors
/// As [`run`].
pub fn run_text<B: Block>(config: &str, input: &str, context: &str) -> Result<TextOutcome, Failure> {
    Ok(match call::call::<B>(config.to_owned(), input.to_owned(), context)? {
        Outcome::Done { output, metadata } => TextOutcome::Done {
            outputs: output.into_pairs(),
            metadata: metadata.map(|raw| Box::<str>::from(raw).into_string()),
        },
        Outcome::Suspend { after_ms, state } => {
            TextOutcome::Suspended { after_ms, state: Box::<str>::from(state).into_string() }
        }
    })
}

/// The manifest as the host gets it.
pub fn manifest_of<B: Block>() -> Value {
    manifest::manifest_json::<B>()
}

/// Runs every example of the manifest and compares all ports. Requests are answered from the example's exchanges and
/// from nothing else; the manifest's secrets are granted, and its settings have their example values.
///
/// # Panics
/// If one gives something else than it documents, or there are none.
pub fn check_examples<B: Block>() {
    let manifest = B::manifest();
    assert!(!manifest.examples().is_empty(), "the manifest has no examples");
    for example in manifest.examples() {
        let host = manifest.secret_names().fold(Host::new(), |host, name| host.secret(name));
        let host = host.exchanges(&Value::Array(example.exchanges().to_vec()));
        let context = json!({
            "executionId": "example",
            "nodeId": "example",
            "mode": "demo",
            "idempotencyKey": "00000000000000000000000000000000",
            "settings": manifest.example_settings(),
        });
        let ended = host.run_to_end::<B>(example.config(), example.input(), &context);
        let expected = example.outputs().clone().into_iter().collect::<BTreeMap<_, _>>();
        match ended {
            Ok(Ended::Done { outputs, .. }) => assert_eq!(outputs, expected, "the example `{}`", example.name()),
            other => panic!("the example `{}` ended with {other:#?}", example.name()),
        }
    }
}

fn parse(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(value) => value,
        Err(error) => panic!("the block emitted something that is no JSON ({error}): {text}"),
    }
}
