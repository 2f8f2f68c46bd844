//! The secret store over HTTP. Values come in and never go out.

pub(super) mod delete;
pub(super) mod list;
pub(super) mod put;

use serde::Serialize;

use super::problem::{ApiError, ApiResult};
use super::time::rfc3339;
use crate::capabilities::vault::VaultError;
use crate::domain::secret::SecretSource;
use crate::domain::{BlockType, Owner, SecretInfo, SecretName, UserId};

/// All that is shown of a secret.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SecretView {
    name: SecretName,
    /// `shared`, or the user's id.
    owner: String,
    hosts: Vec<String>,
    /// `null` for all.
    blocks: Option<Vec<BlockType>>,
    source: SecretSource,
    /// `null` if it comes from the environment.
    created_at: Option<String>,
    /// `null` if it comes from the environment.
    updated_at: Option<String>,
}

impl From<SecretInfo> for SecretView {
    fn from(info: SecretInfo) -> Self {
        Self {
            owner: info.owner.as_str().to_owned(),
            name: info.name,
            hosts: info.hosts,
            blocks: info.blocks,
            source: info.source,
            created_at: info.created_at.map(rfc3339),
            updated_at: info.updated_at.map(rfc3339),
        }
    }
}

impl From<VaultError> for ApiError {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Store(error) => error.into(),
            other => Self::internal(other),
        }
    }
}

/// The name in the path.
fn secret_name(text: &str) -> ApiResult<SecretName> {
    text.parse().map_err(|message: String| ApiError::bad_request("invalid-name", message))
}

/// Whose secret is meant: the user's own unless `given` says `shared`. `None` if it is someone else's.
fn owner(user: &UserId, given: Option<&str>) -> Option<Owner> {
    match given {
        None => Some(Owner::User(user.clone())),
        Some(Owner::SHARED) => Some(Owner::Shared),
        Some(given) => (given == user.as_str()).then(|| Owner::User(user.clone())),
    }
}
