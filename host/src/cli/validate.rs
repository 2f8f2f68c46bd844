//! `blockyard validate FILE`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use clap::builder::FalseyValueParser;

use super::settings::Engine;
use super::{USAGE, files, report};
use crate::app::App;
use crate::domain::Report;

#[derive(Debug, Args)]
pub(super) struct Validate {
    /// The workflow, JSON or YAML; `-` for standard input
    file: PathBuf,
    /// Print the report as JSON
    #[arg(long, env = "BLOCKYARD_JSON", value_parser = FalseyValueParser::new())]
    json: bool,
    #[command(flatten)]
    engine: Engine,
}

impl Validate {
    pub(super) async fn run(&self) -> anyhow::Result<ExitCode> {
        let report = match files::workflow(&self.file)? {
            Err(report) => report,
            Ok(document) => {
                let app = App::start(self.engine.config("sqlite::memory:")?).await?;
                let compiled = app.orchestrator.compile_document(&document, None).await;
                app.stop().await;
                match compiled {
                    Ok((_, warnings)) => Report::new(Vec::new(), warnings),
                    Err(report) => report,
                }
            }
        };
        if self.json {
            say!("{}", serde_json::to_string(&report)?);
        } else {
            say!("{}", report::text(&self.file, &report));
        }
        Ok(if report.valid { ExitCode::SUCCESS } else { ExitCode::from(USAGE) })
    }
}
