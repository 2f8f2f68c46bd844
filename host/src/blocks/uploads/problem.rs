//! Why an upload is refused.

use serde::Serialize;

use super::super::RegisterError;
use crate::domain::{BlockType, Problem};
use crate::runtime::{COMPILE_FAILED, ComponentError};

/// Categories of what ships with the product.
pub const RESERVED: [&str; 4] = ["core", "api", "ai", "host"];

/// Why an upload is refused, in the form that is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UploadProblem {
    /// Stable and machine-readable.
    pub code: &'static str,
    /// One sentence for a person.
    pub message: String,
    /// All findings, if there can be several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Problem>,
}

/// The version is there with other bytes.
pub const VERSION_EXISTS: &str = "version-exists";
/// The type is another's.
pub const NOT_OWNER: &str = "not-owner";
/// Processes that compiled it did not live to see it done.
pub(super) const COMPILE_CRASHED: &str = "compile-crashed";
/// There is no room for it.
pub const DISK_FULL: &str = "disk-full";
/// The server is at fault.
pub const INTERNAL: &str = "internal-error";

impl UploadProblem {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), errors: Vec::new() }
    }

    pub(super) fn internal(error: &impl std::fmt::Display) -> Self {
        tracing::error!(%error, "an upload failed");
        Self::new(INTERNAL, "something went wrong in the server; upload it again")
    }

    pub(super) fn crashed(times: u32) -> Self {
        Self::new(COMPILE_CRASHED, format!("{times} processes ended while they compiled it"))
    }

    pub(super) fn disk_full(bytes: usize) -> Self {
        let message = format!("the disk of the server's database has too little room left for {bytes} bytes more");
        tracing::error!("{message}");
        Self::new(DISK_FULL, message)
    }

    pub(super) fn reserved(block_type: &BlockType) -> Self {
        let message = format!(
            "the category `{}` of `{block_type}` is reserved for blocks that ship with the server; uploads take another, \
             such as `custom`",
            block_type.category()
        );
        Self::new("reserved-category", message)
    }

    pub(super) fn of_the_server(block_type: &BlockType) -> Self {
        Self::new(NOT_OWNER, format!("the type `{block_type}` is one of this server's own"))
    }

    pub(super) fn not_owner(block_type: &BlockType) -> Self {
        let message =
            format!("the type `{block_type}` belongs to another user, who can upload versions of it, as admins can");
        Self::new(NOT_OWNER, message)
    }

    pub(super) fn other_bytes(block_type: &BlockType, version: &semver::Version, digest: &str) -> Self {
        let message = format!(
            "`{block_type}` {version} is already there with other bytes ({digest}); versions never change: raise it in the \
             manifest"
        );
        Self::new(VERSION_EXISTS, message)
    }
}

impl From<ComponentError> for UploadProblem {
    fn from(error: ComponentError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

impl From<RegisterError> for UploadProblem {
    fn from(error: RegisterError) -> Self {
        let message = error.to_string();
        match error {
            RegisterError::Component(error) => error.into(),
            RegisterError::ManifestCall(_) => Self::new("manifest-failed", message),
            RegisterError::Manifest(errors) => Self { errors, ..Self::new("invalid-manifest", message) },
            RegisterError::Exists(..) => Self::new(VERSION_EXISTS, message),
        }
    }
}

impl UploadProblem {
    /// Whether another try may go better.
    pub fn is_internal(&self) -> bool {
        [INTERNAL, COMPILE_FAILED].contains(&self.code)
    }
}
