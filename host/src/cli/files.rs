//! Reading what the command line names.

use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use serde_json::Value;

use super::Usage;
use crate::api::from_text;
use crate::domain::{Json, Problem, Report};

/// Read a workflow document. A text that is none is a report.
pub(super) fn workflow(path: &Path) -> anyhow::Result<Result<Value, Report>> {
    let text = read(path)?;
    Ok(from_text(&text).map_err(|error| {
        let problem = Problem::new("", "invalid-document", error.to_string());
        Report::new(vec![problem], Vec::new())
    }))
}

/// Read a value given as JSON text, as the name of a JSON or YAML file, or as `-` for standard input. JSON keeps its
/// spelling.
pub(super) fn value(argument: &str) -> anyhow::Result<Json> {
    let looks_like_json = argument.trim_start().starts_with(['{', '[', '"']);
    match Json::parse(argument.to_owned()) {
        Ok(json) => return Ok(json),
        Err(error) if looks_like_json => return Err(Usage(format!("the given text is {error}")).into()),
        Err(_) => {}
    }
    let text = read(Path::new(argument))?;
    if let Ok(json) = Json::parse(text.trim().to_owned()) {
        return Ok(json);
    }
    let value: Value = from_text(&text).map_err(|error| Usage(format!("{argument}: {error}")))?;
    Ok(value.into())
}

fn read(path: &Path) -> anyhow::Result<String> {
    if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("standard input cannot be read")?;
        return Ok(text);
    }
    std::fs::read_to_string(path).map_err(|error| Usage(format!("{}: {error}", path.display())).into())
}
