//! `blockyard block …`: for those who write blocks.

mod build;
mod embedded;
mod grant;
mod inspect;
mod new;
mod permissions;
mod project;
mod push;
mod sandbox;
mod server;
mod test;
mod tool;

use std::process::ExitCode;

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(super) struct Block {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start a block in a new folder.
    New(new::New),
    /// Build the block in a folder, and check that it is one.
    Build(build::Build),
    /// Run a block's examples and cases in the real sandbox, offline.
    Test(Box<test::Test>),
    /// Show what a block imports, is, and has to be granted.
    Inspect(inspect::Inspect),
    /// Upload a block to a server.
    Push(push::Push),
    /// Allow a block of a server what it asks for.
    Grant(grant::Grant),
}

impl Block {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::New(new) => new.run(),
            Command::Build(build) => build.run().await,
            Command::Test(test) => test.run().await,
            Command::Inspect(inspect) => inspect.run().await,
            Command::Push(push) => push.run().await,
            Command::Grant(grant) => grant.run().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn flags_that_outlast_a_call_have_variables() {
        let cli = super::super::Cli::command();
        let block = cli.find_subcommand("block").unwrap();
        for command in block.get_subcommands() {
            for flag in command.get_arguments() {
                let lasting = ["server", "cache_dir", "json"].contains(&flag.get_id().as_str());
                assert!(!lasting || flag.get_env().is_some(), "{} {}", command.get_name(), flag.get_id());
            }
        }
    }
}
