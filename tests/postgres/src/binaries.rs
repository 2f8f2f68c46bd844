//! Where Postgres is installed, and as whom it can run.

use std::path::PathBuf;

/// The folder with `initdb`, `pg_ctl` and `postgres`: from `PATH`, else the newest that Debian's packages brought.
pub(crate) fn folder() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let packaged = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut packaged: Vec<(u32, PathBuf)> = packaged
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    packaged.sort();
    let complete = |folder: &PathBuf| ["initdb", "pg_ctl", "postgres"].iter().all(|name| folder.join(name).is_file());
    std::env::split_paths(&path)
        .chain(packaged.into_iter().rev().map(|(_, folder)| folder))
        .find(complete)
        .unwrap_or_else(|| {
            panic!("the tests need Postgres: install its server, on Debian `apt-get install postgresql`")
        })
}

/// A user and its group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// As whom the server runs, which refuses to be root; `None` if we are somebody else already.
pub(crate) fn account() -> Option<Account> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let named = |name: &str| {
        let line = accounts.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some(Account { uid: fields.next()?.parse().ok()?, gid: fields.next()?.parse().ok()? })
    };
    let account = named("postgres").or_else(|| named("nobody"));
    Some(
        account.unwrap_or_else(|| panic!("Postgres does not run as root, and there is no user `postgres` or `nobody`")),
    )
}
