//! `blockyard block test [FILE|DIR]`

mod case;
mod compare;
mod record;
mod report;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use clap::builder::FalseyValueParser;
use serde_json::{Map, Value};

use self::case::{Case, Expected};
use self::report::{Report, Verdict};
use super::sandbox::{self, Local, Sandbox};
use crate::blocks::{Block, shared};
use crate::cli::http::Http;
use crate::cli::{FAILED, Usage};
use crate::config::HttpConfig;
use crate::domain::{CallError, CallResult, Mode, UserId};
use crate::orchestrator::single::{self, Asked};

#[derive(Debug, Args)]
pub(super) struct Test {
    /// The block's folder, or its component
    #[arg(default_value = ".")]
    file: PathBuf,
    /// Only the cases and the example of this name, or the case in this file
    #[arg(long, value_name = "NAME")]
    case: Option<String>,
    /// Run the cases against the network, with the secrets of BLOCKYARD_SECRET_… variables, and write what comes into their
    /// files
    #[arg(long)]
    record: bool,
    /// Print JSON
    #[arg(long, env = "BLOCKYARD_JSON", value_parser = FalseyValueParser::new())]
    json: bool,
    #[command(flatten)]
    local: Local,
    #[command(flatten)]
    http: Http,
}

impl Test {
    pub(super) async fn run(&self) -> anyhow::Result<ExitCode> {
        let (file, bytes) = sandbox::component(&self.file)?;
        let mut http = HttpConfig::default();
        self.http.apply(&mut http);
        let sandbox = self.local.sandbox_with(self.record, http).await?;
        let block = sandbox.load(bytes).await.with_context(|| file.display().to_string())?;
        let mut cases = case::files(&file)?.iter().map(|path| Case::read(path)).collect::<Result<Vec<_>, _>>()?;
        if !self.record {
            let examples = block.manifest.examples.iter().map(Case::of_example).collect::<Result<Vec<_>, _>>()?;
            cases.splice(0..0, examples);
        }
        let mut report = Report::new(self.json, case::ambiguous(&cases));
        let cases = self.chosen(cases, &file)?;
        for case in cases {
            let (name, file) = (case.name.clone(), case.file.clone());
            let (verdict, result) = self.try_out(&sandbox, &block, case).await;
            report.add(name, file, verdict, result);
        }
        report.end()?;
        Ok(if report.failed() == 0 { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
    }

    /// Those that `--case` means.
    fn chosen(&self, mut cases: Vec<Case>, file: &std::path::Path) -> Result<Vec<Case>, Usage> {
        if let Some(wanted) = &self.case {
            let names: Vec<String> = cases.iter().map(|case| format!("`{}`", case.name)).collect();
            cases.retain(|case| case.is_called(wanted));
            if cases.is_empty() {
                return Err(Usage(format!("no case is called `{wanted}`; there are {}", names.join(", "))));
            }
        }
        if cases.is_empty() {
            let what = if self.record { "no cases in cases/ to record" } else { "no examples, and no cases in cases/" };
            return Err(Usage(format!("{} has {what}", file.display())));
        }
        Ok(cases)
    }

    async fn try_out(&self, sandbox: &Sandbox, block: &std::sync::Arc<Block>, case: Case) -> (Verdict, CallResult) {
        let mode = if self.record { Mode::Production } else { Mode::Test };
        // What the host makes of settings are strings by name.
        let mut settings: BTreeMap<String, String> = block.settings(mode).decode().unwrap_or_default();
        settings.extend(case.settings);
        sandbox.grant(block, block.full_grant(&case.config.to_string(), &settings));
        let asked = Asked {
            mode,
            replay: (!self.record).then(|| shared(case.replay)),
            record: self.record,
            variables: Some(case.variables),
            settings: Some(settings),
            hurry: !self.record,
        };
        let user = UserId::local();
        let result = single::call(block, &case.config, &case.input, asked, &user, &sandbox.sources).await;
        let verdict = match (&case.file, self.record) {
            (Some(file), true) => self.recorded(file, case.expected.as_ref(), &result),
            _ => judged(case.expected.as_ref(), &result),
        };
        (verdict, result)
    }

    /// Write it down, unless it failed in a way that nobody expects.
    fn recorded(&self, file: &std::path::Path, expected: Option<&Expected>, result: &CallResult) -> Verdict {
        let nothing = |why: String| Verdict::Failed(vec![format!("nothing was recorded: {why}")], Vec::new());
        match (&result.error, expected) {
            (None, Some(Expected::Error(expected))) => {
                return nothing(format!("the error `{}` is expected, and it ended well", expected.code));
            }
            (Some(error), Some(Expected::Error(expected))) if expected.code == error.code => {}
            (Some(error), _) => return nothing(told(error)),
            (None, _) => {}
        }
        if result.exchanges_dropped > 0 {
            return nothing(format!("{} HTTP exchanges had no room in the recording", result.exchanges_dropped));
        }
        match record::write(file, result) {
            Ok(()) => Verdict::Recorded,
            Err(error) => Verdict::Failed(vec![format!("{error:#}")], Vec::new()),
        }
    }
}

/// Whether the call ended as it should.
fn judged(expected: Option<&Expected>, result: &CallResult) -> Verdict {
    let failed = |message: String| Verdict::Failed(vec![message], Vec::new());
    match (expected, &result.error) {
        (None, _) => {
            failed("it has neither `outputs` nor an `error`: `blockyard block test --record` fills them in".to_owned())
        }
        (Some(Expected::Outputs(_)), Some(error)) => failed(format!("failed: {}", told(error))),
        (Some(Expected::Error(expected)), None) => {
            failed(format!("expected the error `{}`, and it ended well", expected.code))
        }
        (Some(Expected::Error(expected)), Some(error)) => {
            let part = expected.message.as_deref().unwrap_or_default();
            if expected.code != error.code {
                failed(format!("expected the error `{}`: {}", expected.code, told(error)))
            } else if error.message.contains(part) {
                Verdict::Passed
            } else {
                failed(format!("expected a message with `{part}`: {}", told(error)))
            }
        }
        (Some(Expected::Outputs(expected)), None) => {
            let got = result.outputs.0.iter().map(|(port, data)| (port.clone(), data.to_value().unwrap_or_default()));
            let differences = compare::differences(expected, &got.collect::<Map<String, Value>>());
            if differences.is_empty() { Verdict::Passed } else { Verdict::Failed(Vec::new(), differences) }
        }
    }
}

fn told(error: &CallError) -> String {
    let details = if error.details.is_null() { String::new() } else { format!(" {}", error.details.as_str()) };
    format!("{} [{}]{details}", error.message, error.code)
}
