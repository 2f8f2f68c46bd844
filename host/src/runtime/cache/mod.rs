//! Compiled code on disk, so that a second start compiles nothing.
//!
//! Loading compiled code is running it, so nobody else may be able to write to the directory, and a file that is not as
//! it was written is of no use.

mod bound;

use std::fs::{self, File, Permissions};
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

/// Extension of the files with code.
const CODE: &str = "cwasm";
/// Of the hashes of those.
const HASH: &str = "sha256";
/// Of the manifests.
const MANIFEST: &str = "json";
/// Of what says that somebody compiles.
const LOCK: &str = "lock";
/// Of what is being written.
const UNFINISHED: &str = "tmp";
/// Most of a file that is held in memory while it is hashed.
const CHUNK: usize = 256 << 10;

/// Where compiled components of one engine configuration are kept.
#[derive(Debug)]
pub(super) struct Cache {
    place: Option<Place>,
}

#[derive(Debug)]
struct Place {
    /// With the directories of other engines.
    root: PathBuf,
    /// Of this engine.
    directory: PathBuf,
    /// What all files below `root` may take.
    most_bytes: u64,
}

/// The right to compile a component, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Alone {
    path: PathBuf,
    _locked: File,
}

impl Drop for Alone {
    fn drop(&mut self) {
        // Who waits for the lock has the file open, and gets it although it has no name any more.
        let _ = fs::remove_file(&self.path);
    }
}

impl Cache {
    /// Use `root`, or keep nothing if it is absent.
    pub(super) fn open(root: Option<&Path>, most_bytes: u64, engine: &Engine) -> io::Result<Self> {
        let Some(root) = root else {
            return Ok(Self { place: None });
        };
        let directory = root.join(compatibility(engine));
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory).map_err(|error| at(&directory, error))?;
        // From here on without links on the way.
        let root = root.canonicalize().map_err(|error| at(root, error))?;
        let directory = root.join(compatibility(engine));
        check_ancestors(&root)?;
        let metadata = fs::symlink_metadata(&directory).map_err(|error| at(&directory, error))?;
        if !metadata.is_dir() || metadata.uid() != rustix::process::geteuid().as_raw() {
            return Err(refused(&directory, "is not a directory of this user"));
        }
        if metadata.mode() & 0o077 != 0 {
            fs::set_permissions(&directory, Permissions::from_mode(0o700)).map_err(|error| at(&directory, error))?;
        }
        let cache = Self { place: Some(Place { root, directory, most_bytes }) };
        cache.tidy();
        Ok(cache)
    }

    /// Whether there is a compiled form of the component with this digest.
    pub(super) fn has(&self, digest: &str) -> bool {
        self.path(digest, CODE).is_some_and(|path| path.exists())
    }

    /// The compiled form of the component with this digest, if it is here and as it was written.
    pub(super) fn load(&self, engine: &Engine, digest: &str) -> Option<Component> {
        let (path, hash) = (self.path(digest, CODE)?, self.path(digest, HASH)?);
        if !path.exists() {
            return None;
        }
        match checked(engine, digest, &path, &hash) {
            Ok(component) => Some(component),
            Err(Unusable::Unread(error)) => {
                // Too many files are open, say: it may be as good as ever.
                tracing::warn!(path = %path.display(), %error, "cached code cannot be read, compiling again");
                None
            }
            Err(Unusable::Spoiled(why)) => {
                tracing::warn!(path = %path.display(), why, "cached code is unusable, compiling again");
                let _ = fs::remove_file(&path);
                None
            }
        }
    }

    /// Hold back others that would compile the same component, in this process and in others, until the answer is dropped.
    /// Without it (no cache, or no way to lock) the work may be done twice, and nothing else happens.
    ///
    /// # Errors
    /// If somebody else holds it.
    pub(super) fn try_alone(&self, digest: &str) -> Result<Option<Alone>, Busy> {
        let Some(path) = self.path(digest, LOCK) else { return Ok(None) };
        let opened = File::options().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let Ok(file) = opened else { return Ok(None) };
        match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Alone { path, _locked: file })),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(Busy),
            Err(_) => Ok(None),
        }
    }

    /// Keep the code of a component. A failure is logged: the next start compiles again.
    pub(super) fn store(&self, digest: &str, code: &[u8]) {
        let (Some(path), Some(hash)) = (self.path(digest, CODE), self.path(digest, HASH)) else { return };
        let mut hasher = hasher(digest);
        hasher.update(code);
        // Between the two writes the code, if there was some, is of no use, which is found out.
        let written = write_whole(&hash, &hasher.finalize()).and_then(|()| write_whole(&path, code));
        if let Err(error) = written {
            tracing::warn!(path = %path.display(), %error, "compiled code could not be kept");
        }
        self.tidy();
    }

    /// The manifest kept for the component with this digest, if its code is here too.
    pub(super) fn manifest(&self, digest: &str) -> Option<String> {
        fs::read_to_string(self.path(digest, MANIFEST).filter(|_| self.has(digest))?).ok()
    }

    /// Keep what a component says of itself beside its code.
    pub(super) fn store_manifest(&self, digest: &str, manifest: &str) {
        let Some(path) = self.path(digest, MANIFEST) else { return };
        if let Err(error) = write_whole(&path, manifest.as_bytes()) {
            tracing::warn!(path = %path.display(), %error, "a manifest could not be kept");
        }
    }

    /// Keep to what the cache may take: what was not used for longest goes.
    fn tidy(&self) {
        let Some(place) = &self.place else { return };
        if let Err(error) = bound::keep_to(&place.root, place.most_bytes, SystemTime::now()) {
            tracing::warn!(root = %place.root.display(), %error, "old compiled code could not be removed");
        }
    }

    fn path(&self, digest: &str, extension: &str) -> Option<PathBuf> {
        let directory = &self.place.as_ref()?.directory;
        Some(directory.join(format!("{}.{extension}", digest.trim_start_matches("sha256:"))))
    }
}

/// Somebody else compiles the component.
#[derive(Debug)]
pub(super) struct Busy;

/// Why there is no code although there is a file.
enum Unusable {
    /// Reading failed, which says nothing of the file.
    Unread(io::Error),
    /// It will never be of use.
    Spoiled(String),
}

/// The code in the file, if it is what was written for the component with this digest.
fn checked(engine: &Engine, digest: &str, path: &Path, hash: &Path) -> Result<Component, Unusable> {
    let mut file = File::open(path).map_err(Unusable::Unread)?;
    let wanted = fs::read(hash).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Unusable::Spoiled("it has no hash".to_owned()),
        _ => Unusable::Unread(error),
    })?;
    let (mut hasher, mut chunk) = (hasher(digest), vec![0; CHUNK]);
    loop {
        match file.read(&mut chunk).map_err(Unusable::Unread)? {
            0 => break,
            read => hasher.update(&chunk[..read]),
        }
    }
    if hasher.finalize().as_slice() != wanted {
        return Err(Unusable::Spoiled("it is not as it was written".to_owned()));
    }
    // Of those that are long unused the oldest go first.
    let _ = File::options().append(true).open(path).and_then(|file| file.set_modified(SystemTime::now()));
    // SAFETY: the file holds what `store` wrote for this component and an engine of this kind, by the hash beside it. It
    // lies in a directory that only this user can write to (checked in `open`), and is replaced as a whole or not at all.
    unsafe { Component::deserialize_file(engine, path) }.map_err(|error| Unusable::Spoiled(format!("{error:#}")))
}

/// Of code: the component that it belongs to comes first.
fn hasher(digest: &str) -> Sha256 {
    Sha256::new_with_prefix(digest.trim_start_matches("sha256:"))
}

/// Another version, target or configuration of the engine gets another directory.
fn compatibility(engine: &Engine) -> String {
    let mut hasher = std::hash::DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// Refuse a directory that others could put another one in the place of.
fn check_ancestors(root: &Path) -> io::Result<()> {
    let user = rustix::process::geteuid().as_raw();
    for directory in root.ancestors() {
        let metadata = fs::metadata(directory).map_err(|error| at(directory, error))?;
        // In a sticky directory, as /tmp is, nobody can rename what is another's.
        if metadata.mode() & 0o1002 == 0o002 {
            return Err(refused(directory, "can be written to by every user"));
        }
        if directory == root && ![user, 0].contains(&metadata.uid()) {
            return Err(refused(directory, "belongs to another user"));
        }
    }
    Ok(())
}

fn refused(path: &Path, why: &str) -> io::Error {
    at(path, io::Error::other(format!("{why}; compiled code is not loaded from below it")))
}

fn at(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// Write beside, flush, rename: a reader, or a start after a crash, sees the whole file or none.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // Others may have the same process id, in another container.
    let unique = RandomState::new().hash_one(std::process::id());
    let beside = path.with_extension(format!("{unique:016x}.{UNFINISHED}"));
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(&beside)?;
    let mut write = || {
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().inspect_err(|_| drop(fs::remove_file(&beside)))
}

#[cfg(test)]
mod tests;
