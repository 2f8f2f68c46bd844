//! The catalogue over HTTP.

pub(super) mod delete;
pub(super) mod grants;
pub(super) mod list;
pub(super) mod read;
pub(super) mod test;
pub(super) mod upload;
pub(super) mod version;

use std::sync::Arc;

use axum::http::StatusCode;

use super::ApiState;
use super::problem::{ApiError, ApiResult};
use crate::blocks::{Block, Catalogue, ResolveError};
use crate::domain::BlockRef;

/// What `look` finds. If that is nothing it looks once more after the catalogue has: another process on the database may
/// have answered a moment ago that it is there.
async fn look_twice<T>(state: &ApiState, look: impl Fn() -> ApiResult<T>) -> ApiResult<T> {
    match look() {
        Err(error) if state.store.is_shared() && error.status != StatusCode::BAD_REQUEST => {
            state.catalogue.refresh().await?;
            look()
        }
        found => found,
    }
}

/// The block that a request names: `category.name`, perhaps pinned, perhaps with a version beside it.
fn find(catalogue: &Catalogue, block_type: &str, version: Option<&str>) -> ApiResult<Arc<Block>> {
    let text = version.map_or_else(|| block_type.to_owned(), |version| format!("{block_type}@{version}"));
    // What is no block type cannot be a block that is here.
    let wanted: BlockRef = match (text.parse(), version) {
        (Ok(wanted), _) => wanted,
        (Err(_), None) => return Err(unknown(block_type)),
        (Err(message), Some(_)) if block_type.parse::<BlockRef>().is_ok() => {
            return Err(ApiError::bad_request("invalid-version", message));
        }
        (Err(_), Some(_)) => return Err(unknown(block_type)),
    };
    catalogue.resolve(&wanted).map_err(|error| {
        let (code, detail) = (error.code(), error.to_string());
        match error {
            ResolveError::UnknownBlock(_) | ResolveError::UnknownVersion { .. } => ApiError::not_found(code, detail),
            ResolveError::NotActive { .. } | ResolveError::Pending(..) => ApiError::conflict(code, detail),
        }
    })
}

/// The same, of a version that may not be used yet too.
fn find_version(catalogue: &Catalogue, block_type: &str, version: Option<&str>) -> ApiResult<Arc<Block>> {
    let exact = || {
        let (block_type, version) = (block_type.parse().ok()?, semver::Version::parse(version?).ok()?);
        catalogue.versions(&block_type)?.all.get(&version).cloned()
    };
    exact().map_or_else(|| find(catalogue, block_type, version), Ok)
}

fn unknown(block_type: &str) -> ApiError {
    ApiError::not_found("unknown-block", format!("there is no block `{block_type}`"))
}
