//! What is wrong with a workflow, in lines.

use std::fmt::Write as _;
use std::path::Path;

use crate::domain::Report;

/// One line a finding with its place, code and sentence, and a line that counts them.
pub(super) fn text(file: &Path, report: &Report) -> String {
    let mut text = String::new();
    let findings = report.errors.iter().map(|problem| ("error", problem));
    for (kind, problem) in findings.chain(report.warnings.iter().map(|problem| ("warning", problem))) {
        let place = if problem.pointer.is_empty() { "/" } else { &problem.pointer };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{kind}: {place}: {} [{}]", problem.message, problem.code);
    }
    let (errors, warnings) = (report.errors.len(), report.warnings.len());
    let verdict = if report.valid { "valid" } else { "not valid" };
    let name = if file == Path::new("-") { "standard input".into() } else { file.to_string_lossy() };
    let _ = write!(text, "{name} is {verdict}: {}, {}", count(errors, "error"), count(warnings, "warning"));
    text
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Problem;

    #[test]
    fn findings_are_told_with_place_and_code() {
        let errors = vec![Problem::new("/nodes/0/type", "unknown-block", "there is no block `a.b`")];
        let text = text(Path::new("w.yaml"), &Report::new(errors, Vec::new()));
        let expected =
            "error: /nodes/0/type: there is no block `a.b` [unknown-block]\nw.yaml is not valid: 1 error, 0 warnings";
        assert_eq!(text, expected);
    }
}
