//! `GET /blocks/{type}/versions` and `POST /blocks/{type}/versions/{version}/activate`

use axum::Json;
use axum::extract::State;
use semver::Version;
use serde::Serialize;

use super::super::ApiState;
use super::super::extract::{InPath, InQuery, NoQuery, Page};
use super::super::problem::{ApiError, ApiResult};
use super::super::workflows::escaped;
use super::{look_twice, unknown};
use crate::blocks::uploads::ActivateError;
use crate::blocks::{Block, Catalogue, Versions};
use crate::domain::{BlockType, Missing, Problem, UserId};

/// One version of a block.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct VersionView {
    r#type: String,
    version: String,
    /// SHA-256 of the component.
    digest: String,
    /// `active`, `inactive`, or `pending`: it asks for more than it is granted.
    status: &'static str,
    /// What it asks for beyond the grant of its type; of a block that ships with the product, what it came with beyond it.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<Missing>,
}

impl VersionView {
    pub(super) fn path(&self) -> String {
        // In a query a plus is a space.
        format!("/blocks/{}?version={}", self.r#type, escaped(&self.version))
    }
}

/// A version as it stands now.
pub(super) fn view(catalogue: &Catalogue, versions: &Versions, block: &Block) -> VersionView {
    let manifest = &block.manifest;
    let missing = Some(catalogue.missing(block)).filter(|missing| !missing.is_empty());
    let status = match (&versions.active, &missing) {
        (Some(active), _) if *active == manifest.version => "active",
        (_, Some(_)) => "pending",
        (_, None) => "inactive",
    };
    VersionView {
        r#type: manifest.block_type.to_string(),
        version: manifest.version.to_string(),
        digest: block.digest().to_owned(),
        status,
        missing,
    }
}

/// All versions, the newest first. They are few, so there is one page.
pub(in crate::api) async fn list(
    State(state): State<ApiState>,
    InPath(block_type): InPath<String>,
    InQuery(NoQuery {}): InQuery<NoQuery>,
) -> ApiResult<Json<Page<VersionView>>> {
    let versions = versions(&state, &block_type).await?.1;
    let items = versions.all.values().rev().map(|block| view(&state.catalogue, &versions, block));
    Ok(Json(Page { items: items.collect(), next_cursor: None }))
}

/// Use a version from now on; executions keep what they started with.
pub(in crate::api) async fn activate(
    State(state): State<ApiState>,
    InPath((block_type, version)): InPath<(String, String)>,
    InQuery(NoQuery {}): InQuery<NoQuery>,
) -> ApiResult<Json<VersionView>> {
    let block_type: BlockType = block_type.parse().map_err(|_| unknown(&block_type))?;
    let version = Version::parse(&version).map_err(|error| {
        ApiError::bad_request("invalid-version", format!("`{version}` is no version such as `1.2.0`: {error}"))
    })?;
    let user = UserId::local();
    let activated = match state.uploads.activate(&user, &block_type, &version).await {
        Err(error) if state.store.is_shared() && !matches!(error, ActivateError::Store(_)) => {
            // Another process may have answered a moment ago that it is there, or granted what it asks for.
            state.catalogue.refresh().await?;
            state.uploads.activate(&user, &block_type, &version).await
        }
        done => done,
    };
    activated?;
    let versions = state.catalogue.versions(&block_type).ok_or_else(|| unknown(block_type.as_str()))?;
    let block = versions.all.get(&version).ok_or_else(|| unknown(block_type.as_str()))?;
    Ok(Json(view(&state.catalogue, &versions, block)))
}

/// A type and its versions.
pub(super) async fn versions(state: &ApiState, block_type: &str) -> ApiResult<(BlockType, Versions)> {
    let parsed: BlockType = block_type.parse().map_err(|_| unknown(block_type))?;
    let look = || state.catalogue.versions(&parsed).ok_or_else(|| unknown(block_type));
    let versions = look_twice(state, look).await?;
    Ok((parsed, versions))
}

impl From<ActivateError> for ApiError {
    fn from(error: ActivateError) -> Self {
        let detail = error.to_string();
        match error {
            ActivateError::UnknownBlock(_) => Self::not_found("unknown-block", detail),
            ActivateError::UnknownVersion(..) => Self::not_found("unknown-version", detail),
            ActivateError::Changed(..) => Self::conflict("changed-meanwhile", detail),
            ActivateError::NotGranted(.., missing) => {
                Self::conflict("not-granted", detail).with_errors(problems(&missing))
            }
            ActivateError::Store(error) => error.into(),
        }
    }
}

/// What is missing, each with its place in a grant.
fn problems(missing: &Missing) -> Vec<Problem> {
    let code = "not-granted";
    let http = missing.http.iter().enumerate().map(|(index, rule)| {
        let rule = serde_json::to_string(rule).unwrap_or_default();
        Problem::new(format!("/http/{index}"), code, format!("wants to send requests: {rule}"))
    });
    let reveal = missing.reveal.iter().enumerate().map(|(index, name)| {
        Problem::new(format!("/reveal/{index}"), code, format!("wants to see the text of the secret `{name}`"))
    });
    let kept = Problem::new("/stateless", code, "wants its instances to be kept between calls");
    http.chain(reveal).chain(missing.stateless.then_some(kept)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_with_build_metadata_has_a_path_that_can_be_followed() {
        let view = VersionView {
            r#type: "custom.sem".to_owned(),
            version: "1.0.0-rc.1+build".to_owned(),
            digest: String::new(),
            status: "inactive",
            missing: None,
        };
        assert_eq!(view.path(), "/blocks/custom.sem?version=1.0.0-rc.1%2Bbuild");
    }
}
