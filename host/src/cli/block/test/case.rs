//! What is tried, and what should come of it: an example of the manifest, or a file in `cases/`.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use blockyard_replay::{Exchange, Replay};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::cli::Usage;
use crate::domain::Json;
use crate::domain::block::Example;

/// One call with its result.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) name: String,
    /// Where it is written; `None` for an example of the manifest.
    pub(super) file: Option<PathBuf>,
    pub(super) config: Value,
    pub(super) input: Json,
    /// `None` if it was not recorded yet.
    pub(super) expected: Option<Expected>,
    /// What answers it.
    pub(super) replay: Replay,
    /// The workflow's variables.
    pub(super) variables: Json,
    /// Besides those that the manifest has examples of.
    pub(super) settings: BTreeMap<String, String>,
}

/// How a case ends.
#[derive(Debug)]
pub(super) enum Expected {
    Outputs(Map<String, Value>),
    Error(ExpectedError),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedError {
    pub(super) code: String,
    /// A part of the message.
    pub(super) message: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: Option<String>,
    #[serde(default)]
    config: Map<String, Value>,
    #[serde(default = "Json::null")]
    input: Json,
    outputs: Option<Map<String, Value>>,
    error: Option<ExpectedError>,
    #[serde(default)]
    exchanges: Vec<Exchange>,
    #[serde(default)]
    context: WrittenContext,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct WrittenContext {
    variables: Map<String, Value>,
    settings: BTreeMap<String, String>,
}

impl Case {
    /// An example, whose exchanges were checked when the block was loaded.
    pub(super) fn of_example(example: &Example) -> anyhow::Result<Self> {
        let exchanges = example.exchanges.clone().map(serde_json::from_value::<Vec<Exchange>>).transpose()?;
        Ok(Self {
            name: example.name.clone(),
            file: None,
            config: example.config.clone(),
            input: Json::encode(&example.input),
            expected: Some(Expected::Outputs(example.outputs.as_object().cloned().unwrap_or_default())),
            replay: Replay::strict(exchanges.unwrap_or_default())?,
            variables: Json::empty_object(),
            settings: BTreeMap::new(),
        })
    }

    /// Read a file.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let wrong = |what: String| Usage(format!("{}: {what}", path.display()));
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let mut deserializer = serde_json::Deserializer::from_str(&text);
        let written: Written =
            serde_path_to_error::deserialize(&mut deserializer).map_err(|error| wrong(error.to_string()))?;
        deserializer.end().map_err(|error| wrong(error.to_string()))?;
        let expected = match (written.outputs, written.error) {
            (Some(outputs), None) => Some(Expected::Outputs(outputs)),
            (None, Some(error)) => Some(Expected::Error(error)),
            (None, None) => None,
            (Some(_), Some(_)) => return Err(wrong("a case has `outputs` or an `error`, not both".to_owned()).into()),
        };
        let stem = || path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self {
            name: written.name.unwrap_or_else(stem),
            file: Some(path.to_owned()),
            config: Value::Object(written.config),
            input: written.input,
            expected,
            replay: Replay::strict(written.exchanges).map_err(|error| wrong(error.to_string()))?,
            variables: Json::encode(&written.context.variables),
            settings: written.context.settings,
        })
    }

    /// Whether a person means it by this text: its name, or its file's with or without the ending.
    pub(super) fn is_called(&self, text: &str) -> bool {
        let of_file = |file: &PathBuf| {
            [file.file_name(), file.file_stem()].iter().flatten().any(|name| name.to_string_lossy() == text)
        };
        self.name == text || self.file.as_ref().is_some_and(of_file)
    }
}

/// Names that more than one of them has.
pub(super) fn ambiguous(cases: &[Case]) -> HashSet<String> {
    let mut known = HashSet::new();
    cases.iter().filter(|case| !known.insert(&case.name)).map(|case| case.name.clone()).collect()
}

/// The files in `cases/` beside a component, which may lie in `dist/`, by name.
pub(super) fn files(component: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let beside = component.parent().unwrap_or(Path::new("."));
    let is_dist = beside.file_name().is_some_and(|name| name == "dist");
    // `dist/x.wasm` has an empty parent two levels up, which is the current folder.
    let project = if is_dist { beside.parent().unwrap_or(beside) } else { beside };
    let folder = project.join("cases");
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| folder.display().to_string()),
    };
    let is_json = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "json");
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_json).collect();
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Case, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("by-name.json");
        std::fs::write(&path, text).unwrap();
        Case::read(&path).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn a_case_has_defaults_and_the_name_of_its_file() {
        let case = read(r#"{"outputs": {"output": 1}}"#).unwrap();
        assert_eq!((case.name.as_str(), case.input.as_str()), ("by-name", "null"));
        assert!(case.is_called("by-name") && case.is_called("by-name.json") && !case.is_called("by"));
        assert!(read(r#"{"config": {}}"#).unwrap().expected.is_none());
    }

    #[test]
    fn a_name_that_is_there_twice_is_found() {
        let case = |name: &str| read(&format!(r#"{{"name": "{name}", "outputs": {{}}}}"#)).unwrap();
        let found = ambiguous(&[case("a"), case("b"), case("a"), case("a"), case("by-name")]);
        assert_eq!(found, HashSet::from(["a".to_owned()]));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_place() {
        for (text, says) in [
            ("{", "by-name.json"),
            ("{} {}", "trailing"),
            (r#"{"outputs": [], "x": 1}"#, "outputs"),
            (r#"{"output": {}}"#, "unknown field `output`"),
            (r#"{"outputs": {}, "error": {"code": "x"}}"#, "not both"),
            (r#"{"exchanges": [{"request": {"method": "GET"}}]}"#, "exchanges[0].request"),
            (r#"{"context": {"settings": {"a": 1}}}"#, "context.settings"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn cases_stand_beside_the_component_or_beside_its_dist() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("cases")).unwrap();
        for name in ["b.json", "a.json", "notes.md"] {
            std::fs::write(path("cases").join(name), "{}").unwrap();
        }
        let expected = [path("cases/a.json"), path("cases/b.json")];
        assert_eq!(files(&path("x.wasm")).unwrap(), expected);
        assert_eq!(files(&path("dist/x.wasm")).unwrap(), expected);
        assert!(files(&path("other/x.wasm")).unwrap().is_empty());
    }
}
