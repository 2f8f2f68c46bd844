//! One process a database file.

use std::fs::{File, TryLockError};
use std::path::Path;

use super::StoreError;

/// An exclusive lock on `<path>.lock`, held until dropped. The file stays: removing it would race with the next taker.
#[derive(Debug)]
pub(super) struct LockFile(#[expect(dead_code, reason = "held for the lock that the open file carries")] File);

impl LockFile {
    /// Take the lock for the database at `path`.
    ///
    /// # Errors
    /// If another holds it, or the lock file cannot be made.
    pub(super) fn take(path: &Path) -> Result<Self, StoreError> {
        let shown = path.display().to_string();
        let mut name = path.as_os_str().to_owned();
        name.push(".lock");
        let file =
            File::options().create(true).truncate(false).write(true).open(&name).map_err(|error| {
                StoreError::open(&shown, format!("lock file {}: {error}", Path::new(&name).display()))
            })?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse { path: shown }),
            Err(TryLockError::Error(error)) => Err(StoreError::open(shown, format!("cannot lock it: {error}"))),
        }
    }
}
