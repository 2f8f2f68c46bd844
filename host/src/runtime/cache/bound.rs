//! What a cache of compiled code may take on the disk.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{CODE, HASH, LOCK, MANIFEST, UNFINISHED};

/// Files of work under way that are as old as this were left behind.
const ABANDONED: Duration = Duration::from_secs(24 * 3600);

/// All that is kept of one component.
#[derive(Default)]
struct Kept {
    paths: Vec<PathBuf>,
    bytes: u64,
    used: Option<SystemTime>,
}

/// Remove what was left behind below `root`, and the components that were not used for longest until the others take no
/// more than `most` bytes. Code that is in use goes on, and is compiled again at the next start.
pub(super) fn keep_to(root: &Path, most: u64, now: SystemTime) -> io::Result<()> {
    let mut components: BTreeMap<PathBuf, Kept> = BTreeMap::new();
    for engine in fs::read_dir(root)? {
        let engine = engine?;
        if !is_engine(&engine.file_name()) || !engine.file_type()?.is_dir() {
            continue;
        }
        for entry in fs::read_dir(engine.path())? {
            let path = entry?.path();
            if !is_ours(&path) {
                continue;
            }
            // Others tidy up too.
            let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
            let modified = metadata.modified()?;
            if path.extension().is_some_and(|end| end == LOCK || end == UNFINISHED) {
                if now.duration_since(modified).is_ok_and(|age| age > ABANDONED) {
                    remove(&path)?;
                }
                continue;
            }
            let kept = components.entry(path.with_extension("")).or_default();
            kept.bytes = kept.bytes.saturating_add(metadata.len());
            kept.used = kept.used.max(Some(modified));
            kept.paths.push(path);
        }
    }
    let mut all: u64 = components.values().map(|kept| kept.bytes).sum();
    let mut components: Vec<Kept> = components.into_values().collect();
    components.sort_by_key(|kept| kept.used);
    for kept in components {
        if all <= most {
            break;
        }
        for path in &kept.paths {
            remove(path)?;
        }
        all = all.saturating_sub(kept.bytes);
    }
    Ok(())
}

/// Whether a directory is one of compiled code, going by its name.
fn is_engine(name: &OsStr) -> bool {
    name.len() == 16 && name.as_encoded_bytes().iter().all(u8::is_ascii_hexdigit)
}

/// Whether a file is one that the cache has written, going by its name: a digest, and one of the extensions. Whatever else
/// somebody keeps there is none of its business.
fn is_ours(path: &Path) -> bool {
    let name = path.file_name().map(OsStr::as_encoded_bytes).unwrap_or_default();
    let digest = name.split(|byte| *byte == b'.').next().unwrap_or_default();
    let is_known = |end: &OsStr| [CODE, HASH, MANIFEST, LOCK, UNFINISHED].iter().any(|known| end == *known);
    !digest.is_empty() && digest.iter().all(u8::is_ascii_hexdigit) && path.extension().is_some_and(is_known)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(super::at(path, error)),
        _ => Ok(()),
    }
}
