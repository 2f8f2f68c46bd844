//! `blockyard worker`

use std::process::ExitCode;

use clap::Args;

use super::Usage;
use super::settings::Engine;
use super::stop::Stop;
use crate::app::App;

#[derive(Debug, Args)]
pub(super) struct Worker {
    /// The database that it shares with others: `postgres://USER:PASSWORD@HOST/NAME`
    #[arg(long, env = "BLOCKYARD_DATABASE", value_name = "URL")]
    database: String,
    #[command(flatten)]
    engine: Engine,
}

impl Worker {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        if self.database.starts_with("sqlite:") {
            let message = "a SQLite database belongs to one process: `blockyard serve` works on its jobs itself. \
                           Workers of their own need a Postgres database";
            return Err(Usage(message.to_owned()).into());
        }
        let config = self.engine.config(&self.database)?;
        super::limits::raise_open_files();
        // Before anything is said to the outside, so that no signal is lost.
        let stop = Stop::new()?;
        let app = tokio::select! {
            app = App::start(config) => app?,
            () = stop.wait() => return Ok(ExitCode::SUCCESS),
        };
        tracing::info!("working on jobs");
        stop.wait().await;
        tracing::info!("shutting down");
        app.stop().await;
        Ok(ExitCode::SUCCESS)
    }
}
