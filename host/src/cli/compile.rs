//! The hidden command by which the server compiles components from outside in a process of its own.

use std::io::{Read as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use crate::runtime::{COMPILE_REFUSED, ProcessLimits, compile, end_with_parent};

/// Compile the component on standard input to standard output
#[derive(Debug, Args)]
pub(super) struct Compile {
    #[arg(long, env = "BLOCKYARD_MEMORY_BYTES")]
    memory_bytes: usize,
    #[arg(long, env = "BLOCKYARD_COMPILE_CPU_SECONDS")]
    cpu_seconds: u64,
    #[arg(long, env = "BLOCKYARD_COMPILE_DATA_BYTES")]
    data_bytes: u64,
}

impl Compile {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        end_with_parent()?;
        let mut component = Vec::new();
        std::io::stdin().lock().read_to_end(&mut component)?;
        let limits = ProcessLimits { cpu: Duration::from_secs(self.cpu_seconds), data_bytes: self.data_bytes };
        match compile(&component, self.memory_bytes, limits) {
            Ok(code) => {
                let mut output = std::io::stdout().lock();
                output.write_all(&code)?;
                output.flush()?;
                Ok(ExitCode::SUCCESS)
            }
            Err(message) => {
                tell!("{message}");
                Ok(ExitCode::from(COMPILE_REFUSED))
            }
        }
    }
}
