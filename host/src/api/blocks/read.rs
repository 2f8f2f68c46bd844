//! `GET /blocks/{type}`

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::super::ApiState;
use super::super::extract::{InPath, InQuery};
use super::super::problem::ApiResult;
use super::list::BlockView;
use super::{find_version, look_twice, unknown};
use crate::domain::block::Example;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Options {
    /// `1` or `1.2.0`; the active one if absent.
    version: Option<String>,
}

/// One block with all that it says of itself.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InPath(block_type): InPath<String>,
    InQuery(options): InQuery<Options>,
) -> ApiResult<Json<BlockView<Example>>> {
    let look = || {
        let uploaded = block_type.parse().ok().and_then(|block_type| state.catalogue.versions(&block_type));
        let shown = uploaded.filter(|_| options.version.is_none()).and_then(|versions| versions.shown().cloned());
        let exact = || find_version(&state.catalogue, &block_type, options.version.as_deref());
        shown.map_or_else(exact, Ok)
    };
    let block = look_twice(&state, look).await?;
    let versions = state.catalogue.versions(&block.manifest.block_type).ok_or_else(|| unknown(&block_type))?;
    let grant = state.catalogue.grant(&block.manifest.block_type);
    Ok(Json(BlockView::new(&block, &versions, grant, block.manifest.examples.clone())))
}
