//! Checking documents by schemas that may take anything, in a process that is started for it.

use std::io::{Read, Write};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Semaphore;

use super::{Compiled, Finding, PATTERN_BYTES};
use crate::runtime::{ApartError, CallFailure, ProcessLimits, Runtime, code};

/// What the command line calls it.
pub const COMMAND: &str = "check-document";
/// Memory that one check may take.
const DATA_BYTES: u64 = 2 << 30;
/// Of the thread that checks: schemas inside of each other, on every level of a document.
const STACK_BYTES: usize = 512 << 20;
/// Longest answer.
const ANSWER_BYTES: u64 = 1 << 20;
/// What cannot be said any more.
const NOWHERE: &str = "does not fit the block's schema; where cannot be found out within the limits";

/// A line of the answer, as JSON.
#[derive(Debug, Serialize, Deserialize)]
enum Line {
    /// The schema is none.
    NoSchema(String),
    /// The document is no JSON.
    NoDocument(String),
    Fits,
    /// What is wrong comes next, if it can be found out.
    Unfit,
    Findings(Vec<Finding>),
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(in crate::blocks) enum NoAnswer {
    /// The server is at fault, for now.
    #[error("{0}")]
    Unavailable(String),
    /// It takes too much, or is no schema.
    #[error("{0}")]
    Refused(String),
}

impl From<ApartError> for NoAnswer {
    fn from(error: ApartError) -> Self {
        match error {
            ApartError::Late(_) => Self::Refused(error.to_string()),
            ApartError::Busy(_) | ApartError::Failed(_) => Self::Unavailable(error.to_string()),
        }
    }
}

/// A schema for a process of its own, with the turns that those who check by it share.
pub(super) struct Apart<'a> {
    pub(super) schema: &'a str,
    pub(super) lane: &'a Semaphore,
}

/// What is wrong with the document.
pub(super) async fn check(
    runtime: &Runtime,
    apart: Apart<'_>,
    document: &str,
    wrong: &'static str,
    limit: Duration,
) -> Result<Vec<Finding>, CallFailure> {
    let failed = |why: NoAnswer| {
        let message = format!("it cannot be checked by the block's schema: {why}");
        match why {
            NoAnswer::Unavailable(_) => CallFailure::unavailable(message),
            NoAnswer::Refused(_) => CallFailure::permanent(wrong, message),
        }
    };
    match ask(runtime, apart, document, limit).await.map_err(failed)? {
        (Some(Line::Fits), _) => Ok(Vec::new()),
        (Some(Line::Unfit), Some(Line::Findings(found))) => Ok(found),
        (Some(Line::Unfit), _) => Ok(vec![(String::new(), NOWHERE.to_owned())]),
        (Some(Line::NoDocument(why) | Line::NoSchema(why)), _) => Err(CallFailure::permanent(wrong, why)),
        (found, _) => Err(CallFailure::permanent(code::TRAP, format!("the check answered {found:?}"))),
    }
}

/// Whether the schema is one.
pub(super) async fn verify(runtime: &Runtime, apart: Apart<'_>, limit: Duration) -> Result<(), NoAnswer> {
    match ask(runtime, apart, "null", limit).await {
        Ok((Some(Line::NoSchema(why)), _)) => Err(NoAnswer::Refused(why)),
        Ok((Some(Line::Fits | Line::Unfit), _)) => Ok(()),
        Ok((found, _)) => Err(NoAnswer::Unavailable(format!("the check answered {found:?}"))),
        Err(NoAnswer::Refused(why)) => Err(NoAnswer::Refused(format!("it cannot be compiled: {why}"))),
        Err(why) => Err(why),
    }
}

/// The first two lines of the answer.
async fn ask(
    runtime: &Runtime,
    Apart { schema, lane }: Apart<'_>,
    document: &str,
    limit: Duration,
) -> Result<(Option<Line>, Option<Line>), NoAnswer> {
    let cpu = runtime.config().cpu;
    let (seconds, data) = (cpu.as_secs().max(1).to_string(), DATA_BYTES.to_string());
    let arguments = [COMMAND, "--cpu-seconds", &seconds, "--data-bytes", &data];
    // The schema was written by this process: it has no line break.
    let input = [schema.as_bytes(), b"\n", document.as_bytes()];
    let answer = match runtime.apart(lane, &arguments, &input, ANSWER_BYTES, limit).await {
        Some(ended) => ended?,
        None => {
            let (schema, document) = (schema.to_owned(), document.to_owned());
            let work = move || {
                let mut answer = Vec::new();
                answer_to(&schema, &document, &mut answer).map(|()| answer)
            };
            let done = tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other);
            done.and_then(|answer| answer).map_err(ApartError::from)?
        }
    };
    let mut lines = answer.split(|byte| *byte == b'\n').map(|line| serde_json::from_slice(line).ok());
    match (lines.next().flatten(), lines.next().flatten()) {
        (None, _) => Err(NoAnswer::Refused(format!("it takes more than {seconds} s of CPU time, or too much memory"))),
        lines => Ok(lines),
    }
}

/// Check in this process, which does nothing else: a line with the schema and then the document on `input`.
///
/// # Errors
/// If the process cannot be held to `limits`, or cannot read or write.
pub fn run(limits: ProcessLimits, mut input: impl Read, mut output: impl Write + Send) -> Result<(), String> {
    limits.hold()?;
    let mut text = String::new();
    input.read_to_string(&mut text).map_err(|error| error.to_string())?;
    let (schema, document) = text.split_once('\n').ok_or("a line with the schema comes first")?;
    std::thread::scope(|scope| {
        let work = || answer_to(schema, document, &mut output).map_err(|error| error.to_string());
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work);
        let thread = thread.map_err(|error| error.to_string())?;
        thread.join().unwrap_or_else(|_| Err("it panicked".to_owned()))
    })
}

fn answer_to(schema: &str, document: &str, output: &mut impl Write) -> std::io::Result<()> {
    let mut say = |line: Line| {
        serde_json::to_writer(&mut *output, &line)?;
        output.write_all(b"\n")?;
        output.flush()
    };
    let compiled = serde_json::from_str(schema).map_err(|error| error.to_string());
    let compiled = match compiled.and_then(|schema: Value| Compiled::new(&schema, PATTERN_BYTES)) {
        Ok(compiled) => compiled,
        Err(why) => return say(Line::NoSchema(why)),
    };
    let document: Value = match serde_json::from_str(document) {
        Ok(document) => document,
        Err(error) => return say(Line::NoDocument(error.to_string())),
    };
    if compiled.validator.is_valid(&document) {
        return say(Line::Fits);
    }
    // Finding out where may take more than there is.
    say(Line::Unfit)?;
    say(Line::Findings(compiled.findings(&document)))
}
