//! The command line.

/// A line on standard output.
macro_rules! say {
    () => { $crate::cli::output::line(format_args!("")) };
    ($($line:tt)+) => { $crate::cli::output::line(format_args!($($line)+)) };
}

/// The same on standard error, where nobody can be told if it fails.
macro_rules! tell {
    ($($line:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($line)*);
    }};
}

mod block;
mod check;
mod compile;
mod files;
mod http;
mod jobs;
mod layout;
mod limits;
mod logging;
mod output;
mod progress;
mod report;
mod run;
mod serve;
mod settings;
mod stop;
mod validate;
mod warm;
mod worker;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A server that runs workflows of sandboxed WebAssembly blocks.
#[derive(Debug, Parser)]
#[command(name = "blockyard", version, propagate_version = true)]
pub struct Cli {
    #[command(flatten)]
    logging: logging::Logging,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the HTTP API and run what it is given.
    Serve(Box<serve::Serve>),
    /// Work on jobs, beside other processes on the same Postgres database.
    Worker(Box<worker::Worker>),
    /// Run one workflow and print its result.
    Run(Box<run::Run>),
    /// Check a workflow and print what is wrong with it.
    Validate(Box<validate::Validate>),
    /// Write, build, test and upload blocks.
    Block(Box<block::Block>),
    #[command(name = crate::runtime::COMPILE_COMMAND, hide = true)]
    Compile(compile::Compile),
    #[command(name = crate::blocks::CHECK_COMMAND, hide = true)]
    Check(check::Check),
}

/// The caller asked for something that cannot be done. Ends the process with [`USAGE`].
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

/// Exit code of an execution that failed, and of a server that could not start.
const FAILED: u8 = 1;
/// Exit code of a call that makes no sense, an invalid workflow among them.
const USAGE: u8 = 2;

/// Read the command line. Ends the process if it makes no sense, or only asks for help.
pub fn parse() -> Cli {
    Cli::parse()
}

/// Do what the command line says. Errors are told on standard error.
pub async fn main(cli: Cli) -> ExitCode {
    let outcome = match cli.command {
        Command::Serve(serve) => {
            logging::start(&cli.logging, "info");
            serve.run().await
        }
        Command::Worker(worker) => {
            logging::start(&cli.logging, "info");
            worker.run().await
        }
        Command::Run(run) => {
            logging::start(&cli.logging, "error");
            run.run().await
        }
        Command::Validate(validate) => {
            logging::start(&cli.logging, "error");
            validate.run().await
        }
        Command::Block(block) => {
            logging::start(&cli.logging, "warn");
            block.run().await
        }
        Command::Compile(compile) => compile.run(),
        Command::Check(check) => check.run(),
    };
    match outcome {
        Ok(_) if output::is_lost() => ExitCode::from(FAILED),
        Ok(code) => code,
        Err(error) => {
            tell!("error: {error:#}");
            ExitCode::from(if error.is::<Usage>() { USAGE } else { FAILED })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_has_a_variable() {
        for command in std::iter::once(&Cli::command()).chain(Cli::command().get_subcommands()) {
            for flag in command.get_arguments().filter(|flag| !flag.is_positional()) {
                let builtin = matches!(flag.get_id().as_str(), "help" | "version");
                let variable = flag.get_env().map(|name| name.to_string_lossy().into_owned());
                let named = variable.is_some_and(|name| name.starts_with("BLOCKYARD_"));
                assert!(builtin || named, "{} {}", command.get_name(), flag.get_id());
            }
        }
    }
}
