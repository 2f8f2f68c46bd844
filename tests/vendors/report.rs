//! What came of it, for people.

use crate::table::Origin;

/// One document's outcome.
pub(crate) struct Line {
    vendor: &'static str,
    document: &'static str,
    origin: Origin,
    /// Operations whose requests were accepted and whose result is as expected.
    pub(crate) accepted: usize,
    /// Errors of the document that became what they should.
    pub(crate) errors: usize,
    /// The same for errors that the document lacks.
    pub(crate) told: usize,
    pub(crate) problems: Vec<String>,
    /// The end of the mock's output, if there are problems.
    pub(crate) mock_log: String,
}

impl Line {
    pub(crate) fn new(vendor: &'static str, document: &'static str, origin: Origin) -> Self {
        Self {
            vendor,
            document,
            origin,
            accepted: 0,
            errors: 0,
            told: 0,
            problems: Vec::new(),
            mock_log: String::new(),
        }
    }

    pub(crate) fn is_good(&self) -> bool {
        self.problems.is_empty()
    }

    /// The problems, followed by what the mock said.
    pub(crate) fn problems(&self) -> Vec<String> {
        let log = (!self.is_good()).then(|| format!("the mock of {} said last:\n{}", self.document, self.mock_log));
        self.problems.iter().cloned().chain(log).collect()
    }
}

const EXPLAINED: &str = "
accepted: calls whose requests the mock took and whose results are right
its errors: error answers of the document, at each operation
other errors: error answers that only the vendor's documentation or clients have
";

/// A table with a line for each document.
pub(crate) fn table(lines: &[Line]) -> String {
    let origin = |origin| match origin {
        Origin::Vendor => "the vendor's own",
        Origin::ThirdParty => "third party",
        Origin::Project => "written for this project",
    };
    let mut text = format!(
        "\n{:<12} {:<24} {:<26} {:>10} {:>12} {:>13}\n",
        "vendor", "document", "origin", "accepted", "its errors", "other errors"
    );
    for line in lines {
        text += &format!(
            "{:<12} {:<24} {:<26} {:>10} {:>12} {:>13}\n",
            line.vendor,
            line.document,
            origin(line.origin),
            line.accepted,
            line.errors,
            line.told
        );
    }
    let sum = |of: fn(&Line) -> usize| lines.iter().map(of).sum::<usize>();
    let (accepted, errors, told) = (sum(|line| line.accepted), sum(|line| line.errors), sum(|line| line.told));
    text += &format!("{:<12} {:<24} {:<26} {accepted:>10} {errors:>12} {told:>13}\n", "", "", "all");
    text + EXPLAINED
}
