//! From bytes to a component that is ready to be instantiated.

use bytes::Bytes;
use sha2::{Digest, Sha256};
use wasmtime::component::Component as Compiled;

use super::compile;
use super::engine::{CompileTurn, Runtime};
use super::inspect::inspect;
use super::instance::GuestState;
use crate::capabilities::bindings::BlockComponentRevealingPre;
use crate::capabilities::{OFFERED, http, stdio};

/// A compiled component, linked as far as it can be without an instance.
#[derive(Clone)]
pub struct Component {
    digest: String,
    sends_standard: bool,
    pub(super) pre: BlockComponentRevealingPre<GuestState>,
}

impl Component {
    /// SHA-256 of the component's bytes, as `sha256:…`.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Whether it can ask for the text of secrets.
    pub fn reveals(&self) -> bool {
        imports(self.pre.instance_pre().component(), "blockyard:block/secrets-reveal")
    }

    /// Whether it sends requests by the standard interface, which knows no handles of secrets.
    pub fn sends_standard(&self) -> bool {
        self.sends_standard
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
    /// Not WebAssembly at all, or malformed.
    #[error("not a WebAssembly component: {0}")]
    Malformed(String),
    /// WebAssembly, but not of the component model.
    #[error(
        "a core module, not a WebAssembly component; `blockyard block build` makes one, and so does the Rust target wasm32-wasip2"
    )]
    CoreModule,
    /// Machine code is never accepted from outside.
    #[error("precompiled machine code is not accepted; send the WebAssembly component itself")]
    Precompiled,
    /// It wants something that is not offered.
    #[error("imports `{}`, which this host does not offer; it offers {}", .0.join("`, `"), offered())]
    ForeignImport(Vec<String>),
    /// It does not export `blockyard:block/block`, or an import has another type.
    #[error("does not fit the world `blockyard:block/block-component@0.1.0`: {0}")]
    WrongWorld(String),
    /// Compiling it takes more than it may.
    #[error("compiling it {0}, which is the limit")]
    TooCostly(String),
    /// The compiler failed, through no fault of the component that is known.
    #[error("the compiler failed: {0}")]
    Compiler(String),
}

/// [`ComponentError::Compiler`]
pub const COMPILE_FAILED: &str = "compile-failed";

impl ComponentError {
    /// Stable and machine-readable.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "not-a-component",
            Self::CoreModule => "core-module",
            Self::Precompiled => "machine-code",
            Self::ForeignImport(_) => "foreign-import",
            Self::WrongWorld(_) => "wrong-world",
            Self::TooCostly(_) => "compile-limit",
            Self::Compiler(_) => COMPILE_FAILED,
        }
    }
}

/// All interfaces that the host offers, with their versions.
fn offered() -> String {
    let own = OFFERED.iter().map(|name| format!("{name}@0.1"));
    own.chain(standard().map(|name| format!("{name}@0.2"))).collect::<Vec<_>>().join(", ")
}

/// Those of WASI.
fn standard() -> impl Iterator<Item = &'static str> {
    stdio::OFFERED.iter().chain(http::STANDARD_OFFERED).copied()
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
    /// Make a component ready when it is its turn, as [`Runtime::load_in_turn`] does.
    ///
    /// # Errors
    /// As there.
    pub async fn load(&self, bytes: impl Into<Bytes>) -> Result<Component, ComponentError> {
        let bytes = bytes.into();
        let known = bytes.clone();
        let digest = off_thread(move || Ok(digest(&known))).await?;
        let _turn = self.compile_turn(self.compile_claim(&digest).await).await;
        self.load_digested(bytes, digest).await
    }

    /// Make a component ready: from the cache if it is there, else compiled in a process of its own if the configuration
    /// names a program for that, and else here, off the async threads.
    ///
    /// # Errors
    /// If the bytes are no component, or one that does not fit this host.
    pub async fn load_in_turn(&self, bytes: Bytes, _turn: &CompileTurn<'_>) -> Result<Component, ComponentError> {
        let known = bytes.clone();
        let digest = off_thread(move || Ok(digest(&known))).await?;
        self.load_digested(bytes, digest).await
    }

    async fn load_digested(&self, bytes: Bytes, digest: String) -> Result<Component, ComponentError> {
        match self.config().compiler.clone() {
            Some(program) => self.load_apart(&program, bytes, digest).await,
            None => self.load_here(bytes, digest).await,
        }
    }

    /// The same for bytes whose digest is known and that are trusted: they are not read if they were compiled before, and
    /// compiled in this process if that cannot be done in another one.
    ///
    /// # Errors
    /// As [`Runtime::load`].
    pub async fn load_known(&self, bytes: Bytes, digest: &str) -> Result<Component, ComponentError> {
        let _claim = self.compile_claim(digest).await;
        if let Some(program) = self.config().compiler.clone() {
            match self.load_apart(&program, bytes.clone(), digest.to_owned()).await {
                Err(error @ (ComponentError::Compiler(_) | ComponentError::TooCostly(_))) => {
                    tracing::warn!(digest, %error, "a block of the server's own is compiled in the server");
                }
                ended => return ended,
            }
        }
        self.load_here(bytes, digest.to_owned()).await
    }

    async fn load_apart(
        &self,
        program: &std::path::Path,
        bytes: Bytes,
        digest: String,
    ) -> Result<Component, ComponentError> {
        let (runtime, known, known_digest) = (self.clone(), bytes.clone(), digest.clone());
        if let Some(component) = off_thread(move || runtime.prepare(&known, known_digest)).await? {
            return Ok(component);
        }
        tracing::info!(digest, "compiling a block; the next start finds it compiled");
        let code = compile::apart(program, self.config(), bytes).await?;
        let runtime = self.clone();
        off_thread(move || runtime.adopt(digest, &code)).await
    }

    async fn load_here(&self, bytes: Bytes, digest: String) -> Result<Component, ComponentError> {
        let runtime = self.clone();
        off_thread(move || runtime.load_blocking(&bytes, digest)).await
    }

    /// Whether a component was compiled before.
    pub fn has_cached(&self, digest: &str) -> bool {
        self.shared.cache.has(digest)
    }

    /// A component that was compiled before; `None` if the cache has it not.
    ///
    /// # Errors
    /// If it does not fit this host.
    pub async fn load_cached(&self, digest: &str) -> Result<Option<Component>, ComponentError> {
        let (runtime, digest) = (self.clone(), digest.to_owned());
        off_thread(move || {
            let compiled = runtime.shared.cache.load(&runtime.shared.engine, &digest);
            compiled.map(|compiled| runtime.link(&compiled, digest)).transpose()
        })
        .await
    }

    /// What a component that was compiled before said of itself, if that was kept.
    pub async fn kept_manifest(&self, digest: &str) -> Option<String> {
        let (runtime, digest) = (self.clone(), digest.to_owned());
        let read = tokio::task::spawn_blocking(move || runtime.shared.cache.manifest(&digest));
        read.await.ok().flatten()
    }

    /// Keep what a component says of itself for the next start.
    pub async fn keep_manifest(&self, digest: &str, manifest: &str) {
        let (runtime, digest, manifest) = (self.clone(), digest.to_owned(), manifest.to_owned());
        let written = tokio::task::spawn_blocking(move || runtime.shared.cache.store_manifest(&digest, &manifest));
        // Without it the next start asks again.
        drop(written.await);
    }

    fn load_blocking(&self, bytes: &[u8], digest: String) -> Result<Component, ComponentError> {
        let shared = &self.shared;
        if let Some(compiled) = shared.cache.load(&shared.engine, &digest) {
            return self.link(&compiled, digest);
        }
        inspect(bytes)?.check()?;
        tracing::info!(digest, "compiling a block; the next start finds it compiled");
        let compiled = Compiled::from_binary(&shared.engine, bytes)
            .map_err(|error| ComponentError::Malformed(format!("{error:#}")))?;
        match compiled.serialize() {
            Ok(code) => shared.cache.store(&digest, &code),
            Err(error) => tracing::warn!(digest, %error, "compiled code could not be kept"),
        }
        self.link(&compiled, digest)
    }

    /// The component if it was compiled before; else whether it is one that may be.
    fn prepare(&self, bytes: &[u8], digest: String) -> Result<Option<Component>, ComponentError> {
        let shared = &self.shared;
        match shared.cache.load(&shared.engine, &digest) {
            Some(compiled) => self.link(&compiled, digest).map(Some),
            None => inspect(bytes)?.check().map(|()| None),
        }
    }

    /// Take code over from the compiler.
    fn adopt(&self, digest: String, code: &[u8]) -> Result<Component, ComponentError> {
        let shared = &self.shared;
        // SAFETY: the code comes over a pipe from this same program, which was started to compile this component.
        let compiled = unsafe { Compiled::deserialize(&shared.engine, code) }
            .map_err(|error| ComponentError::Compiler(format!("{error:#}")))?;
        shared.cache.store(&digest, code);
        // Mapped from the file it shares its pages with other processes.
        let compiled = shared.cache.load(&shared.engine, &digest).unwrap_or(compiled);
        self.link(&compiled, digest)
    }

    fn link(&self, compiled: &Compiled, digest: String) -> Result<Component, ComponentError> {
        self.check_imports(compiled)?;
        let wrong_world = |error: wasmtime::Error| ComponentError::WrongWorld(format!("{error:#}"));
        let pre = self.shared.linker.instantiate_pre(compiled).map_err(wrong_world)?;
        let pre = BlockComponentRevealingPre::new(pre).map_err(wrong_world)?;
        Ok(Component { digest, sends_standard: imports(compiled, "wasi:http/outgoing-handler"), pre })
    }

    fn check_imports(&self, compiled: &Compiled) -> Result<(), ComponentError> {
        let component_type = compiled.component_type();
        refuse_foreign(component_type.imports(&self.shared.engine).map(|(name, _)| name))
    }
}

/// Refuse a component if one of its imports is not offered.
pub(super) fn refuse_foreign<'a>(imports: impl Iterator<Item = &'a str>) -> Result<(), ComponentError> {
    let foreign: Vec<String> = imports.filter(|name| !is_offered(name)).map(str::to_owned).collect();
    if foreign.is_empty() { Ok(()) } else { Err(ComponentError::ForeignImport(foreign)) }
}

async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ComponentError> + Send + 'static,
) -> Result<T, ComponentError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(ComponentError::Compiler(error.to_string())))
}

/// Whether a component imports this interface, in whatever version.
fn imports(compiled: &Compiled, interface: &str) -> bool {
    let component_type = compiled.component_type();
    let mut imports = component_type.imports(compiled.engine());
    imports.any(|(name, _)| name.split('@').next() == Some(interface))
}

/// Whether the host offers the interface `name` in a compatible version.
pub(super) fn is_offered(name: &str) -> bool {
    let (interface, version) = name.split_once('@').unwrap_or((name, ""));
    let compatible = |wanted: &str| version == wanted || version.starts_with(&format!("{wanted}."));
    (OFFERED.contains(&interface) && compatible("0.1"))
        || (standard().any(|known| known == interface) && compatible("0.2"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_are_compared_by_name_and_version() {
        for yes in [
            "wasi:io/streams@0.2.6",
            "wasi:cli/stderr@0.2.0",
            "wasi:http/outgoing-handler@0.2.12",
            "wasi:http/types@0.2.0",
            "blockyard:block/log@0.1.0",
            "blockyard:block/secrets-reveal@0.1.0",
        ] {
            assert!(is_offered(yes), "{yes}");
        }
        for no in [
            "wasi:sockets/tcp@0.2.6",
            "wasi:filesystem/types@0.2.6",
            "wasi:http/incoming-handler@0.2.0",
            "wasi:http/types@0.3.0",
            "wasi:http/handler@0.3.0",
            "wasi:http/outgoing-handler",
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
