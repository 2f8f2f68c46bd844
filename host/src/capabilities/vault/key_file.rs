//! The master keys, and the file that holds the current one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::cipher::{self, Key, Keyring};
use crate::config::SecretsConfig;

/// More than any form of a key takes.
const MOST_BYTES: u64 = 1024;

/// The keys that `config` gives. Reads and writes files.
///
/// # Errors
/// If one of them is no key, or as [`load_or_create`].
pub(super) fn keyring(config: &SecretsConfig) -> Result<Keyring, String> {
    let parse = |text: &str, variable: &str| {
        let what = || format!("{variable} is no key: 32 bytes as base64, or 64 hexadecimal digits");
        Key::parse(text).ok_or_else(what)
    };
    let current = match (&config.master_key, &config.key_file) {
        (Some(key), _) => parse(key, "BLOCKYARD_MASTER_KEY")?,
        (None, Some(path)) => load_or_create(path)?,
        (None, None) => {
            let text = cipher::new_key_text().map_err(|error| error.to_string())?;
            parse(&text, "a key made in memory")?
        }
    };
    let previous = config.previous_keys.iter().map(|key| parse(key, "an entry of BLOCKYARD_MASTER_KEY_PREVIOUS"));
    Ok(Keyring::new(current, previous.collect::<Result<_, _>>()?))
}

/// The key in the file at `path`; without a file a new key is made and kept there, readable by its owner alone. Whoever
/// else does the same at the same time ends up with the same key.
///
/// # Errors
/// If the file cannot be read or made, holds no key, or is open to others. The message says how to mend it.
pub(super) fn load_or_create(path: &Path) -> Result<Key, String> {
    if let Some(key) = load(path)? {
        return Ok(key);
    }
    let made = create(path).map_err(|error| format!("the key file {} cannot be made: {error}", path.display()))?;
    if made {
        let path = path.display();
        tracing::info!("made the master key {path}; keep a copy of it, without it stored secrets cannot be read");
    }
    load(path)?.ok_or_else(|| format!("the key file {} is gone as soon as it is made", path.display()))
}

/// The key in the file; `None` if there is no file.
fn load(path: &Path) -> Result<Option<Key>, String> {
    let shown = path.display();
    let unreadable = |error: io::Error| format!("the key file {shown} cannot be read: {error}");
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file.map_err(unreadable)?,
    };
    let about = file.metadata().map_err(unreadable)?;
    if !about.is_file() {
        return Err(format!("the key file {shown} is no file"));
    }
    let mode = about.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(format!("the key file {shown} is open to other users (mode {mode:04o}); run: chmod 600 '{shown}'"));
    }
    let mut text = Zeroizing::new(String::with_capacity(MOST_BYTES as usize));
    let read = file.take(MOST_BYTES).read_to_string(&mut text);
    let key = read.ok().and_then(|_| Key::parse(&text));
    let wanted = cipher::KEY_BYTES;
    key.map(Some).ok_or_else(|| {
        format!("the key file {shown} holds no key: {wanted} bytes as base64, or {} hexadecimal digits", wanted * 2)
    })
}

/// Make the file; `false` if another was first. It appears under its name whole, and on the disk, or not at all.
fn create(path: &Path) -> io::Result<bool> {
    let text = cipher::new_key_text().map_err(io::Error::other)?;
    let mut number = [0; 8];
    cipher::fill_random(&mut number).map_err(io::Error::other)?;
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{:016x}.new", u64::from_le_bytes(number)));
    let draft = Draft(PathBuf::from(name));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft.0)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    // Unlike a rename, a link never replaces what is there.
    match fs::hard_link(&draft.0, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(false),
        linked => linked?,
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()?;
    Ok(true)
}

/// A file that goes when this is dropped.
struct Draft(PathBuf);

impl Drop for Draft {
    fn drop(&mut self) {
        // It may never have been made.
        let _ = fs::remove_file(&self.0);
    }
}
