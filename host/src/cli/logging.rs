//! What is logged, and how: to standard error, so that results stay alone on standard output.

use std::io::IsTerminal as _;

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

#[derive(Debug, Args)]
pub(super) struct Logging {
    /// What to log: `error`, `warn`, `info`, `debug`, `trace`, or filters such as `blockyard::jobs=debug`.
    #[arg(long, global = true, env = "BLOCKYARD_LOG", value_name = "FILTER")]
    log: Option<String>,
    /// How to log.
    #[arg(long, global = true, env = "BLOCKYARD_LOG_FORMAT", value_enum, default_value_t = Format::Text)]
    log_format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// Log from now on; `level` if nothing else is asked for.
pub(super) fn start(logging: &Logging, level: &str) {
    // Guests can make that library warn as often as they like; who wants to read it can ask for it by its name.
    let filter = EnvFilter::new(format!("wasmtime_wasi_http=error,{}", logging.log.as_deref().unwrap_or(level)));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second subscriber is refused, which happens in tests only.
    let _ = match logging.log_format {
        Format::Text => builder.with_ansi(std::io::stderr().is_terminal()).try_init(),
        Format::Json => builder.json().try_init(),
    };
}
