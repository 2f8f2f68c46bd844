//! Python: an environment of the project's own, and the SDK's build.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context as _;

use super::super::tool::Tool;
use crate::cli::Usage;

const MISSING: &str =
    "python3 is missing, which Python blocks are built with: install Python 3.11 or newer, with its venv";
const ENVIRONMENT: &str = ".venv";
/// What was installed into the environment: a copy of the requirements.
const STAMP: &str = ".venv/blockyard-requirements.txt";

/// Make the environment if it is not there, install what is not there, and build.
pub(super) async fn build(folder: &Path) -> anyhow::Result<PathBuf> {
    // The environment's program is started in the folder, by its path.
    let absolute = folder.canonicalize().with_context(|| folder.display().to_string())?;
    let python = absolute.join(ENVIRONMENT).join("bin/python");
    if !python.is_file() {
        Tool::new("python3", folder, MISSING).args(&["-m", "venv", ENVIRONMENT]).succeed().await?;
    }
    install(folder, &python).await?;
    let sdk = sdk(&absolute)?;
    let since = SystemTime::now();
    let build = Tool::new(&python, folder, MISSING).args(&["-m", "blockyard_sdk.build"]);
    build.env("PYTHONPATH", sdk).env("PYTHONDONTWRITEBYTECODE", "1").succeed().await?;
    super::made(folder, "`python -m blockyard_sdk.build`", since)
}

async fn install(folder: &Path, python: &Path) -> anyhow::Result<()> {
    let (wanted, stamp) = (folder.join("requirements.txt"), folder.join(STAMP));
    let Ok(requirements) = std::fs::read(&wanted) else { return Ok(()) };
    if std::fs::read(&stamp).is_ok_and(|installed| installed == requirements) {
        return Ok(());
    }
    let pip = ["-m", "pip", "install", "--disable-pip-version-check", "-r", "requirements.txt"];
    Tool::new(python, folder, MISSING).args(&pip).succeed().await?;
    std::fs::write(&stamp, requirements).with_context(|| stamp.display().to_string())
}

/// In a project beside its sources; in this repository further up.
fn sdk(folder: &Path) -> anyhow::Result<PathBuf> {
    let places = std::iter::once(folder.join("sdk")).chain(folder.ancestors().map(|up| up.join("plugin-sdk/python")));
    let found = places.into_iter().find(|place| place.join("blockyard_sdk/build.py").is_file());
    let missing = || Usage(format!("{} has no SDK, which a new project has in sdk/", folder.display()));
    Ok(found.ok_or_else(missing)?)
}
