//! The languages' own tools, run as their users run them.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use crate::cli::{FAILED, Usage};

/// A tool ended with this exit code, and what it said was shown.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the build failed")]
pub(super) struct ToolFailed(pub(super) u8);

/// What a tool wrote.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
}

/// One call of a tool.
#[derive(Debug)]
pub(super) struct Tool {
    command: Command,
    shown: String,
    missing: &'static str,
}

impl Tool {
    /// `program` in `folder`; `missing` says how to get it.
    pub(super) fn new(program: impl AsRef<OsStr>, folder: &Path, missing: &'static str) -> Self {
        let mut command = Command::new(&program);
        command.current_dir(folder).stdin(Stdio::null()).kill_on_drop(true);
        let shown = Path::new(&program).file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self { command, shown, missing }
    }

    /// With these arguments, which are shown.
    pub(super) fn args(mut self, arguments: &[&str]) -> Self {
        self.command.args(arguments);
        for argument in arguments {
            self.shown.push(' ');
            self.shown.push_str(argument);
        }
        self
    }

    /// With an argument of no interest to people.
    pub(super) fn quiet_arg(mut self, argument: &str) -> Self {
        self.command.arg(argument);
        self
    }

    /// With a variable.
    pub(super) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Say what is run, run it, and give what it wrote, whatever came of it.
    pub(super) async fn run(mut self) -> anyhow::Result<Result<Said, Failed>> {
        tell!("$ {}", self.shown);
        let output = self.command.output().await.map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Usage(self.missing.to_owned()),
            _ => Usage(format!("{}: {error}", self.shown)),
        })?;
        let said = Said { stdout: output.stdout, stderr: output.stderr };
        if output.status.success() {
            return Ok(Ok(said));
        }
        let code = output.status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(FAILED);
        Ok(Err(Failed { said, code }))
    }

    /// The same, where nothing but success is of use: what a tool wrote that failed is shown.
    pub(super) async fn succeed(self) -> anyhow::Result<Said> {
        match self.run().await? {
            Ok(said) => Ok(said),
            Err(failed) => {
                failed.said.show();
                Err(ToolFailed(failed.code).into())
            }
        }
    }
}

/// A tool that did not succeed.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) said: Said,
    pub(super) code: u8,
}

impl Said {
    /// On standard error, as it came. Whoever reads may have gone.
    pub(super) fn show(&self) {
        let mut terminal = std::io::stderr().lock();
        let _ = terminal.write_all(&self.stdout);
        let _ = terminal.write_all(&self.stderr);
    }
}
