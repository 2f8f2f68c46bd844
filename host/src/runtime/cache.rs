//! Compiled code on disk, so that a second start compiles nothing.
//!
//! Loading compiled code is running it, so the directory must be one that nobody else can write to.

use std::fs::{self, File, Permissions};
use std::hash::{Hash, Hasher};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use wasmtime::Engine;
use wasmtime::component::Component;

/// Extension of the files with manifests.
const MANIFEST: &str = "json";

/// Where compiled components of one engine configuration are kept.
#[derive(Debug)]
pub(super) struct Cache {
    directory: Option<PathBuf>,
}

impl Cache {
    /// Use `root`, or keep nothing if it is absent.
    pub(super) fn open(root: Option<&Path>, engine: &Engine) -> io::Result<Self> {
        let Some(root) = root else {
            return Ok(Self { directory: None });
        };
        let directory = root.join(compatibility(engine));
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory).map_err(|error| at(&directory, error))?;
        let metadata = fs::metadata(&directory).map_err(|error| at(&directory, error))?;
        if metadata.uid() != rustix::process::geteuid().as_raw() {
            return Err(at(
                &directory,
                io::Error::other("belongs to another user; compiled code is not loaded from it"),
            ));
        }
        if metadata.mode() & 0o077 != 0 {
            fs::set_permissions(&directory, Permissions::from_mode(0o700)).map_err(|error| at(&directory, error))?;
        }
        Ok(Self { directory: Some(directory) })
    }

    /// Whether there is a compiled form of the component with this digest.
    pub(super) fn has(&self, digest: &str) -> bool {
        self.path(digest).is_some_and(|path| path.exists())
    }

    /// The compiled form of the component with this digest, if it is here and usable.
    pub(super) fn load(&self, engine: &Engine, digest: &str) -> Option<Component> {
        let path = self.path(digest)?;
        if !path.exists() {
            return None;
        }
        // SAFETY: the file lies in a directory that only this user can write to (checked in `open`), under a name made
        // of the component's digest and the engine's compatibility hash, and was put there whole by `store`.
        match unsafe { Component::deserialize_file(engine, &path) } {
            Ok(component) => Some(component),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "cached code is unusable, compiling again");
                let _ = fs::remove_file(&path);
                None
            }
        }
    }

    /// Hold back others that would compile the same component, in this process and in others, until the answer is
    /// dropped. Without it (no cache, or no way to lock) the work is done twice, and nothing else happens.
    pub(super) fn compiling(&self, digest: &str) -> Option<File> {
        let path = self.path(digest)?.with_extension("lock");
        let file = File::options().create(true).truncate(false).write(true).mode(0o600).open(path).ok()?;
        rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive).ok()?;
        Some(file)
    }

    /// Keep the code of a component. A failure is logged: the next start compiles again.
    pub(super) fn store(&self, digest: &str, code: &[u8]) {
        let Some(path) = self.path(digest) else { return };
        if let Err(error) = write_whole(&path, code) {
            tracing::warn!(path = %path.display(), %error, "compiled code could not be kept");
        }
    }

    /// The manifest kept for the component with this digest, if its code is here too.
    pub(super) fn manifest(&self, digest: &str) -> Option<String> {
        let path = self.path(digest).filter(|path| path.exists())?;
        fs::read_to_string(path.with_extension(MANIFEST)).ok()
    }

    /// Keep what a component says of itself beside its code.
    pub(super) fn store_manifest(&self, digest: &str, manifest: &str) {
        let Some(path) = self.path(digest).map(|path| path.with_extension(MANIFEST)) else { return };
        if let Err(error) = write_whole(&path, manifest.as_bytes()) {
            tracing::warn!(path = %path.display(), %error, "a manifest could not be kept");
        }
    }

    fn path(&self, digest: &str) -> Option<PathBuf> {
        Some(self.directory.as_ref()?.join(format!("{}.cwasm", digest.trim_start_matches("sha256:"))))
    }
}

/// Another version, target or configuration of the engine gets another directory.
fn compatibility(engine: &Engine) -> String {
    let mut hasher = std::hash::DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

fn at(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// Write beside, flush, rename: a reader, or a start after a crash, sees the whole file or none.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    static UNIQUE: AtomicU64 = AtomicU64::new(0);
    let unique = UNIQUE.fetch_add(1, Ordering::Relaxed);
    let beside = path.with_extension(format!("{}-{unique}.tmp", std::process::id()));
    let write = || {
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().inspect_err(|_| drop(fs::remove_file(&beside)))
}
