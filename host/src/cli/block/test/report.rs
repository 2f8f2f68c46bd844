//! What came of the cases, for people as it happens, or for programs at the end.

use std::collections::HashSet;
use std::path::PathBuf;

use serde::Serialize;

use super::super::permissions::printable;
use super::compare::Difference;
use crate::domain::{CallResult, LogLine};

/// How a case ended.
#[derive(Debug)]
pub(super) enum Verdict {
    Passed,
    Recorded,
    /// In sentences, and place by place.
    Failed(Vec<String>, Vec<Difference>),
}

/// All cases so far.
#[derive(Debug)]
pub(super) struct Report {
    json: bool,
    /// Names that say too little.
    ambiguous: HashSet<String>,
    cases: Vec<CaseView>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CaseView {
    name: String,
    /// `null` for an example of the manifest.
    file: Option<PathBuf>,
    /// `passed`, `recorded` or `failed`.
    status: &'static str,
    messages: Vec<String>,
    differences: Vec<Difference>,
    /// Of a failed case.
    logs: Vec<LogLine>,
    /// Milliseconds.
    execution_time: Option<i64>,
}

#[derive(Debug, Serialize)]
struct Summary<'a> {
    passed: usize,
    failed: usize,
    cases: &'a [CaseView],
}

impl Report {
    /// Of no case yet. Of those that have a name in `ambiguous` people are told the file as well.
    pub(super) fn new(json: bool, ambiguous: HashSet<String>) -> Self {
        Self { json, ambiguous, cases: Vec::new() }
    }

    /// One more case. People are told at once.
    pub(super) fn add(&mut self, name: String, file: Option<PathBuf>, verdict: Verdict, result: CallResult) {
        let (status, messages, differences) = match verdict {
            Verdict::Passed => ("passed", Vec::new(), Vec::new()),
            Verdict::Recorded => ("recorded", Vec::new(), Vec::new()),
            Verdict::Failed(messages, differences) => ("failed", messages, differences),
        };
        let logs = if status == "failed" { result.logs } else { Vec::new() };
        let execution_time = result.execution_time;
        let view = CaseView { name, file, status, messages, differences, logs, execution_time };
        if !self.json {
            say!("{}", self.text(&view));
        }
        self.cases.push(view);
    }

    pub(super) fn failed(&self) -> usize {
        self.cases.iter().filter(|case| case.status == "failed").count()
    }

    /// How many there were.
    pub(super) fn end(&self) -> anyhow::Result<()> {
        let failed = self.failed();
        let passed = self.cases.len() - failed;
        if self.json {
            say!("{}", serde_json::to_string_pretty(&Summary { passed, failed, cases: &self.cases })?);
        } else {
            say!("\n{passed} passed, {failed} failed");
        }
        Ok(())
    }

    fn text(&self, case: &CaseView) -> String {
        let kind = if case.file.is_some() { "case" } else { "example" };
        let time = case.execution_time.map(|ms| format!(" ({ms} ms)")).unwrap_or_default();
        let file = case.file.as_ref().filter(|_| self.ambiguous.contains(&case.name));
        let file = file.map(|file| format!(" ({})", file.display())).unwrap_or_default();
        let mut lines = vec![format!("{kind} {}: {}{time}", printable(&format!("{}{file}", case.name)), case.status)];
        lines.extend(case.messages.iter().map(|message| format!("  {}", shown(message))));
        for Difference { pointer, expected, got } in &case.differences {
            let nothing = "nothing".to_owned();
            lines.push(format!("  at {pointer}"));
            lines.push(format!("    expected {}", expected.as_ref().unwrap_or(&nothing)));
            lines.push(format!("    got      {}", got.as_ref().unwrap_or(&nothing)));
        }
        for LogLine { level, message, fields, .. } in &case.logs {
            let fields = fields.as_ref().map(|fields| format!(" {}", fields.as_str())).unwrap_or_default();
            lines.push(format!("  log {level}: {}", printable(&format!("{message}{fields}"))));
        }
        lines.join("\n")
    }
}

/// A message may have lines, as a stack does.
fn shown(message: &str) -> String {
    message.split('\n').map(printable).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Json;

    #[test]
    fn a_failure_is_told_with_its_places_and_its_log() {
        let mut result = CallResult::pending();
        let fields = Some(Json::parse(r#"{"n":1}"#.to_owned()).unwrap());
        result.logs = vec![LogLine { timestamp: 0, level: "info".into(), message: "hello".into(), fields }];
        let difference = Difference { pointer: "/output/a".into(), expected: Some("1".into()), got: None };
        let mut report = Report::new(true, HashSet::new());
        report.add("x".into(), None, Verdict::Passed, CallResult::pending());
        report.add("y".into(), Some("y.json".into()), Verdict::Failed(Vec::new(), vec![difference]), result);
        assert_eq!(report.failed(), 1);
        let lines = [
            "case y: failed",
            "  at /output/a",
            "    expected 1",
            "    got      nothing",
            r#"  log info: hello {"n":1}"#,
        ];
        assert_eq!(report.text(&report.cases[1]), lines.join("\n"));
        assert_eq!(report.text(&report.cases[0]), "example x: passed");
    }

    #[test]
    fn a_name_that_two_cases_have_comes_with_its_file() {
        let mut report = Report::new(true, HashSet::from(["x".to_owned()]));
        for (name, file) in
            [("x", None), ("x", Some("cases/x.json")), ("x", Some("cases/copy.json")), ("y", Some("y.json"))]
        {
            report.add(name.into(), file.map(PathBuf::from), Verdict::Passed, CallResult::pending());
        }
        let told: Vec<String> = report.cases.iter().map(|case| report.text(case)).collect();
        let expected = [
            "example x: passed",
            "case x (cases/x.json): passed",
            "case x (cases/copy.json): passed",
            "case y: passed",
        ];
        assert_eq!(told, expected);
    }
}
