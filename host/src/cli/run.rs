//! `blockyard run FILE`

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use clap::builder::FalseyValueParser;
use futures::{StreamExt as _, pin_mut};
use serde_json::{Map, Value};

use super::progress::Progress;
use super::settings::Engine;
use super::{FAILED, USAGE, Usage, files, layout, report};
use crate::app::App;
use crate::domain::{Execution, ExecutionStatus, Json, Mode, Report, RunOptions, UserId};
use crate::jobs::{JobOptions, Submit, Ticket};
use crate::orchestrator::Plan;

#[derive(Debug, Args)]
pub(super) struct Run {
    /// The workflow, JSON or YAML; `-` for standard input
    file: PathBuf,
    /// The input: JSON text, a JSON or YAML file, or `-` for standard input [default: null]
    #[arg(long, env = "BLOCKYARD_INPUT", value_name = "JSON|FILE", allow_hyphen_values = true)]
    input: Option<String>,
    /// Values that override the workflow's variables: a JSON object, or a file with one
    #[arg(long, env = "BLOCKYARD_VARIABLES", value_name = "JSON|FILE")]
    variables: Option<String>,
    /// Whether blocks may talk to the network: `production`, `demo` or `test`
    #[arg(long, env = "BLOCKYARD_MODE", default_value = "production")]
    mode: Mode,
    /// Print nothing but the result, as JSON on one line
    #[arg(long, env = "BLOCKYARD_JSON", value_parser = FalseyValueParser::new())]
    json: bool,
    /// Where the execution is kept: `sqlite://PATH`. Not `BLOCKYARD_DATABASE`, which a running server holds
    #[arg(long, env = "BLOCKYARD_RUN_DATABASE", default_value = "sqlite::memory:", value_name = "URL")]
    database: String,
    #[command(flatten)]
    engine: Engine,
}

impl Run {
    pub(super) async fn run(&self) -> anyhow::Result<ExitCode> {
        let document = match files::workflow(&self.file)? {
            Ok(document) => document,
            Err(report) => return Ok(self.invalid(&report)),
        };
        let input = self.input.as_deref().map_or_else(|| Ok(Json::null()), files::value)?;
        let variables = self.variables()?;
        let config = self.engine.config(&self.database)?;
        if config.database.is_postgres() {
            let message = "`run` keeps its execution in a SQLite database: on Postgres it would work on the jobs of others. \
                           Start the workflow over a server that shares the database";
            return Err(Usage(message.to_owned()).into());
        }
        let app = App::start(config).await?;
        let code = match app.orchestrator.compile_document(&document, None).await {
            Err(report) => Ok(self.invalid(&report)),
            Ok((plan, _)) => self.execute(&app, Arc::new(plan), input, variables).await,
        };
        app.stop().await;
        code
    }

    fn variables(&self) -> anyhow::Result<Map<String, Value>> {
        let Some(given) = &self.variables else { return Ok(Map::new()) };
        files::value(given)?.decode().map_err(|_| Usage("the variables must be a JSON object".to_owned()).into())
    }

    fn invalid(&self, report: &Report) -> ExitCode {
        tell!("{}", report::text(&self.file, report));
        ExitCode::from(USAGE)
    }

    async fn execute(
        &self,
        app: &App,
        plan: Arc<Plan>,
        input: Json,
        variables: Map<String, Value>,
    ) -> anyhow::Result<ExitCode> {
        let mut progress = if self.json { Progress::Silent } else { Progress::new(plan.nodes.len()) };
        let mut ticket = app.queue.submit(Submit {
            plan,
            workflow_version: None,
            input,
            mode: self.mode,
            variables,
            metadata: Json::null(),
            user_id: UserId::local(),
            options: RunOptions::default(),
            job: JobOptions::default(),
            waits: true,
        })?;
        let events = app.hub.follow(app.store.clone(), ticket.execution_id.clone(), 0, false);
        let told = async {
            pin_mut!(events);
            while let Some(event) = events.next().await {
                progress.tell(&event?.entry);
            }
            Ok(())
        };
        let (told, ended) = tokio::join!(told, end_of(app, &mut ticket));
        told.map_err(|error: crate::events::FollowError| error)?;
        let execution = ended?;
        progress.end(&execution);
        self.print(&execution)
    }

    fn print(&self, execution: &Execution) -> anyhow::Result<ExitCode> {
        if execution.status == ExecutionStatus::Completed {
            let output = execution.output.as_str();
            let text = if self.json { layout::compact(output) } else { layout::pretty(output) };
            say!("{text}");
            return Ok(ExitCode::SUCCESS);
        }
        match &execution.error {
            Some(error) => {
                let node = error.node_id.as_ref().map(|node| format!("node `{node}`: "));
                // Most messages name the node themselves.
                let node = node.filter(|node| !error.message.starts_with(node.as_str())).unwrap_or_default();
                tell!("error: {node}{} [{}]", error.message, error.code);
            }
            None => tell!("error: the execution was {}", execution.status.as_str()),
        }
        Ok(ExitCode::from(FAILED))
    }
}

/// The ended execution. Ctrl-C cancels it; a second one ends the process.
async fn end_of(app: &App, ticket: &mut Ticket) -> anyhow::Result<Arc<Execution>> {
    let id = ticket.execution_id.clone();
    tokio::select! {
        ended = ticket.ended() => return ended.context("the execution was not seen to its end"),
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    tell!("cancelling");
    let cancelled = async {
        app.queue.cancel(&id).await?;
        ticket.ended().await.context("the execution was not seen to its end")
    };
    tokio::select! {
        ended = cancelled => ended,
        _ = tokio::signal::ctrl_c() => std::process::exit(i32::from(FAILED)),
    }
}
