//! `blockyard block push FILE`

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde::Deserialize;

use super::server::{Answer, Problem, Refused, Server, ServerArgs};
use super::{inspect, permissions, sandbox};
use crate::domain::{Grant, Missing};

/// Time between two looks at an upload that is compiled.
const POLL: Duration = Duration::from_millis(250);

#[derive(Debug, Args)]
pub(super) struct Push {
    /// The component, or the folder of a block that was built
    #[arg(default_value = ".")]
    file: PathBuf,
    /// Make it the version that workflows use
    #[arg(long)]
    activate: bool,
    #[command(flatten)]
    server: ServerArgs,
}

/// A version on the server.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Version {
    #[serde(rename = "type")]
    pub(super) block_type: String,
    pub(super) version: String,
    /// `active`, `inactive`, or `pending` while it asks for more than it is granted.
    pub(super) status: String,
    #[serde(default)]
    missing: Option<Missing>,
}

/// What became of what was sent.
#[derive(Debug, Deserialize)]
struct Upload {
    /// `compiling`, `ready` or `failed`.
    status: String,
    #[serde(default)]
    version: Option<Version>,
    #[serde(default)]
    error: Problem,
}

impl Version {
    /// What it asks for beyond its type's grant, as a grant that would give it.
    pub(super) fn missing(&self) -> Grant {
        let Missing { http, reveal, stateless } = self.missing.clone().unwrap_or_default();
        Grant { http, reveal, stateless }
    }

    /// Whether it asks for anything beyond it.
    pub(super) fn asks_for_more(&self) -> bool {
        self.missing.as_ref().is_some_and(|missing| !missing.is_empty())
    }
}

impl Push {
    pub(super) async fn run(&self) -> anyhow::Result<ExitCode> {
        let (file, bytes) = sandbox::component(&self.file)?;
        let server = self.server.connect()?;
        tell!("{} ({}) -> {}", file.display(), inspect::size(bytes.len()), self.server.url());
        let answer = server.post("/blocks", Some(("application/wasm", bytes))).await?;
        let version = followed(&server, &answer).await?;
        let is_next = self.activate && version.status == "inactive";
        if !is_next {
            say!("{} {}: {}", version.block_type, version.version, version.status);
        }
        let lines = permissions::lines(&version.missing());
        if !lines.is_empty() {
            say!("\nIt asks to\n");
            lines.iter().for_each(|line| say!("  {line}"));
            say!("\nand waits until that is granted:\n");
            // With its version: a newer one may be there, which asks for something else.
            let Version { block_type, version, .. } = &version;
            say!("  blockyard block grant {block_type}@{version} --all{}", self.server.flag());
        }
        if self.activate && version.status != "active" {
            return activate(&server, &version.block_type, &version.version).await;
        }
        if version.status != "active" && lines.is_empty() {
            say!("\n`blockyard block push --activate` makes it the version that workflows use.");
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The version that an upload becomes, which takes as long as it takes to compile it.
async fn followed(server: &Server, accepted: &Answer) -> anyhow::Result<Version> {
    let (mut upload, mut told): (Upload, String) = (accepted.decode()?, String::new());
    loop {
        if let Some(version) = upload.version {
            return Ok(version);
        }
        if upload.status == "failed" {
            return Err(Refused::of(upload.error).into());
        }
        let place = accepted.location.as_deref().filter(|_| upload.status == "compiling");
        let Some(place) = place else {
            anyhow::bail!("the server says `{}` of the upload, and no more", upload.status)
        };
        if upload.status != told {
            tell!("{} …", upload.status);
        }
        told = upload.status;
        tokio::time::sleep(POLL).await;
        upload = server.get(place).await?.decode()?;
    }
}

/// Make a version the one that workflows use.
pub(super) async fn activate(server: &Server, block_type: &str, version: &str) -> anyhow::Result<ExitCode> {
    server.post(&format!("/blocks/{block_type}/versions/{version}/activate"), None).await?;
    say!("{block_type} {version}: active");
    Ok(ExitCode::SUCCESS)
}
