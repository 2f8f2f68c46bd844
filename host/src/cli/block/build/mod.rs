//! `blockyard block build [DIR]`

mod js;
mod python;
mod rust;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use clap::Args;

use super::inspect;
use super::project::{Language, components, dist};
use super::sandbox::Local;
use super::tool::ToolFailed;

#[derive(Debug, Args)]
pub(super) struct Build {
    /// The block's folder
    #[arg(default_value = ".")]
    dir: PathBuf,
    #[command(flatten)]
    local: Local,
}

impl Build {
    pub(super) async fn run(&self) -> anyhow::Result<ExitCode> {
        let component = match build(&self.dir).await {
            Ok(component) => component,
            Err(error) => {
                let Some(ToolFailed(code)) = error.downcast_ref() else { return Err(error) };
                return Ok(ExitCode::from(*code));
            }
        };
        let bytes = tokio::fs::read(&component).await.with_context(|| component.display().to_string())?;
        say!("{}  {}  {}", component.display(), inspect::size(bytes.len()), crate::runtime::digest(&bytes));
        let block = self.local.sandbox(false).await?.load(bytes.into()).await;
        let block = block.with_context(|| format!("{} is no block", component.display()))?;
        say!("{} {} is a block", block.manifest.block_type, block.manifest.version);
        Ok(ExitCode::SUCCESS)
    }
}

/// Build what is in `folder` with its language's tools. The component, in `dist/`.
async fn build(folder: &Path) -> anyhow::Result<PathBuf> {
    match Language::of(folder)? {
        Language::Rust => rust::build(folder).await,
        Language::Js => js::build(folder).await,
        Language::Python => python::build(folder).await,
    }
}

/// The component that a tool wrote into `dist/` after `since`.
fn made(folder: &Path, script: &str, since: SystemTime) -> anyhow::Result<PathBuf> {
    let dist = dist(folder);
    let written = |path: &PathBuf| path.metadata().and_then(|metadata| metadata.modified()).ok();
    let newest = components(folder).into_iter().filter_map(|path| Some((written(&path)?, path))).max();
    match newest {
        // Clocks of file systems are coarse.
        Some((at, path)) if at + Duration::from_secs(2) >= since => Ok(path),
        _ => anyhow::bail!("{script} succeeded without writing a component into {}", dist.display()),
    }
}
