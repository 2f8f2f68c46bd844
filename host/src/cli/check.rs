//! The hidden command by which the server checks documents by costly schemas, in a process of its own.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use crate::blocks::check_alone;
use crate::runtime::{ProcessLimits, end_with_parent};

/// Check the document on standard input by the schema on its first line
#[derive(Debug, Args)]
pub(super) struct Check {
    #[arg(long, env = "BLOCKYARD_CHECK_CPU_SECONDS")]
    cpu_seconds: u64,
    #[arg(long, env = "BLOCKYARD_CHECK_DATA_BYTES")]
    data_bytes: u64,
}

impl Check {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        end_with_parent()?;
        let limits = ProcessLimits { cpu: Duration::from_secs(self.cpu_seconds), data_bytes: self.data_bytes };
        check_alone(limits, std::io::stdin().lock(), std::io::stdout()).map_err(anyhow::Error::msg)?;
        Ok(ExitCode::SUCCESS)
    }
}
