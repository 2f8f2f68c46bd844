//! From bytes to a component that is ready to be instantiated.

use sha2::{Digest, Sha256};
use wasmtime::component::Component as Compiled;

use super::engine::Runtime;
use super::invoke::GuestState;
use crate::capabilities::bindings::BlockComponentRevealingPre;
use crate::capabilities::{OFFERED, stdio};

/// A compiled component, linked as far as it can be without an instance.
#[derive(Clone)]
pub struct Component {
    digest: String,
    pub(super) pre: BlockComponentRevealingPre<GuestState>,
}

impl Component {
    /// SHA-256 of the component's bytes, as `sha256:…`.
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

impl std::fmt::Debug for Component {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Component").field("digest", &self.digest).finish_non_exhaustive()
    }
}

/// Why bytes are no component that this host runs.
#[derive(Debug, thiserror::Error)]
pub enum ComponentError {
    /// Not WebAssembly at all, a core module, or malformed.
    #[error("not a WebAssembly component: {0}")]
    Malformed(String),
    /// Machine code is never accepted from outside.
    #[error("precompiled machine code is not accepted; send the WebAssembly component itself")]
    Precompiled,
    /// It wants something that is not offered.
    #[error("imports `{import}`, which this host does not offer; it offers {}", offered())]
    ForeignImport {
        /// The import's name, with its version.
        import: String,
    },
    /// It does not export `blockyard:block/block`, or an import has another type.
    #[error("does not fit the world `blockyard:block/block-component@0.1.0`: {0}")]
    WrongWorld(String),
    /// The compiling thread died.
    #[error("compilation ended unexpectedly")]
    Interrupted,
}

fn offered() -> String {
    OFFERED.iter().chain(stdio::OFFERED).copied().collect::<Vec<_>>().join(", ")
}

/// SHA-256 of `bytes`, as `sha256:…`.
pub fn digest(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let hash = Sha256::digest(bytes);
    hash.iter().fold(String::from("sha256:"), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl Runtime {
    /// Make a component ready: from the cache if it is there, else compiled off the async threads.
    ///
    /// # Errors
    /// If the bytes are no component, or one that does not fit this host.
    pub async fn load(&self, bytes: impl Into<bytes::Bytes>) -> Result<Component, ComponentError> {
        let (runtime, bytes) = (self.clone(), bytes.into());
        tokio::task::spawn_blocking(move || runtime.load_blocking(&bytes, digest(&bytes)))
            .await
            .map_err(|_| ComponentError::Interrupted)?
    }

    /// The same for bytes whose digest is known: they are not read if they were compiled before.
    ///
    /// # Errors
    /// As [`Runtime::load`].
    pub async fn load_known(&self, bytes: bytes::Bytes, digest: &str) -> Result<Component, ComponentError> {
        let (runtime, digest) = (self.clone(), digest.to_owned());
        tokio::task::spawn_blocking(move || runtime.load_blocking(&bytes, digest))
            .await
            .map_err(|_| ComponentError::Interrupted)?
    }

    fn load_blocking(&self, bytes: &[u8], digest: String) -> Result<Component, ComponentError> {
        let shared = &self.shared;
        if wasmtime::Engine::detect_precompiled(bytes).is_some() {
            return Err(ComponentError::Precompiled);
        }
        let compiled = match shared.cache.load(&shared.engine, &digest) {
            Some(compiled) => compiled,
            None => self.compile(bytes, &digest)?,
        };
        self.check_imports(&compiled)?;
        let wrong_world = |error: wasmtime::Error| ComponentError::WrongWorld(format!("{error:#}"));
        let pre = shared.linker.instantiate_pre(&compiled).map_err(wrong_world)?;
        let pre = BlockComponentRevealingPre::new(pre).map_err(wrong_world)?;
        Ok(Component { digest, pre })
    }

    fn compile(&self, bytes: &[u8], digest: &str) -> Result<Compiled, ComponentError> {
        let shared = &self.shared;
        let _alone = shared.cache.compiling(digest);
        // Somebody else may have done it meanwhile.
        if let Some(compiled) = shared.cache.load(&shared.engine, digest) {
            return Ok(compiled);
        }
        tracing::info!(digest, "compiling a block; the next start finds it compiled");
        let compiled = Compiled::from_binary(&shared.engine, bytes)
            .map_err(|error| ComponentError::Malformed(format!("{error:#}")))?;
        shared.cache.store(digest, &compiled);
        Ok(compiled)
    }

    fn check_imports(&self, compiled: &Compiled) -> Result<(), ComponentError> {
        let component_type = compiled.component_type();
        for (name, _) in component_type.imports(&self.shared.engine) {
            if !is_offered(name) {
                return Err(ComponentError::ForeignImport { import: name.to_owned() });
            }
        }
        Ok(())
    }
}

/// Whether the host offers the interface `name` in a compatible version.
fn is_offered(name: &str) -> bool {
    let (interface, version) = name.split_once('@').unwrap_or((name, ""));
    let compatible = |wanted: &str| version == wanted || version.starts_with(&format!("{wanted}."));
    (OFFERED.contains(&interface) && compatible("0.1")) || (stdio::OFFERED.contains(&interface) && compatible("0.2"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_are_compared_by_name_and_version() {
        for yes in [
            "wasi:io/streams@0.2.6",
            "wasi:cli/stderr@0.2.0",
            "blockyard:block/log@0.1.0",
            "blockyard:block/secrets-reveal@0.1.0",
        ] {
            assert!(is_offered(yes), "{yes}");
        }
        for no in [
            "wasi:sockets/tcp@0.2.6",
            "wasi:filesystem/types@0.2.6",
            "wasi:io/streams@0.3.0",
            "wasi:io/streams@0.20.0",
            "wasi:io/streams",
            "blockyard:block/log@0.2.0",
            "blockyard:block/files@0.1.0",
            "log",
        ] {
            assert!(!is_offered(no), "{no}");
        }
    }
}
