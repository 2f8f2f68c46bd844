//! JavaScript: npm, and the script `build` of the project.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::super::tool::Tool;

const MISSING: &str =
    "npm is missing, which JavaScript blocks are built with: install Node 20.10 or newer, which brings it";

/// Install what is not there, and run the project's `build`.
pub(super) async fn build(folder: &Path) -> anyhow::Result<PathBuf> {
    let locked = folder.join("package-lock.json");
    if !is_installed(folder, &locked) {
        let install = if locked.is_file() { "ci" } else { "install" };
        Tool::new("npm", folder, MISSING).args(&[install]).succeed().await?;
    }
    let since = SystemTime::now();
    Tool::new("npm", folder, MISSING).args(&["run", "build"]).succeed().await?;
    super::made(folder, "`npm run build`", since)
}

/// Whether npm installed what the lock file says now: it leaves a copy of its own.
fn is_installed(folder: &Path, locked: &Path) -> bool {
    let changed = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
    match (changed(&folder.join("node_modules/.package-lock.json")), changed(locked)) {
        (Some(installed), Some(locked)) => installed >= locked,
        (Some(_), None) => true,
        (None, _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_the_lock_file_is_installed_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (locked, installed) = (folder.path().join("package-lock.json"), folder.path().join("node_modules"));
        let old = SystemTime::now() - std::time::Duration::from_secs(60);
        std::fs::write(&locked, "{}").unwrap();
        assert!(!is_installed(folder.path(), &locked));
        std::fs::create_dir(&installed).unwrap();
        let stamp = std::fs::File::create(installed.join(".package-lock.json")).unwrap();
        assert!(is_installed(folder.path(), &locked));
        stamp.set_modified(old).unwrap();
        assert!(!is_installed(folder.path(), &locked));
    }
}
