//! `GET /blocks`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::Value;

use super::super::ApiState;
use super::super::extract::{InQuery, NoQuery, Page};
use crate::blocks::{Block, Versions};
use crate::domain::Grant;
use crate::domain::block::{HttpRule, LimitWishes, Ports, Slot};

/// A block: what its active version says of itself, or the newest while none is, and which versions there are.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct BlockView<E> {
    r#type: String,
    version: String,
    name: String,
    description: String,
    category: String,
    config_schema: Value,
    input_schema: Value,
    outputs: Ports,
    secrets: Vec<Slot>,
    settings: Vec<Slot>,
    http: Vec<HttpRule>,
    limits: LimitWishes,
    stateless: bool,
    /// Whether it asks for neither HTTP nor secrets.
    pure: bool,
    /// What the operator allows it.
    grant: Arc<Grant>,
    /// SHA-256 of the component.
    digest: String,
    /// The one that is used without a pin; `null` until one is activated.
    active_version: Option<String>,
    /// The newest first.
    versions: Vec<String>,
    examples: Vec<E>,
}

impl<E> BlockView<E> {
    pub(super) fn new(block: &Block, versions: &Versions, grant: Arc<Grant>, examples: Vec<E>) -> Self {
        let manifest = &block.manifest;
        Self {
            r#type: manifest.block_type.to_string(),
            version: manifest.version.to_string(),
            name: manifest.name.clone(),
            description: manifest.description.clone(),
            category: manifest.category.clone(),
            config_schema: manifest.config_schema.clone(),
            input_schema: manifest.input_schema.clone(),
            outputs: manifest.outputs.clone(),
            secrets: manifest.secrets.clone(),
            settings: manifest.settings.clone(),
            http: manifest.http.clone(),
            limits: manifest.limits,
            stateless: manifest.stateless,
            pure: manifest.is_pure(),
            grant,
            digest: block.digest().to_owned(),
            active_version: versions.active.as_ref().map(ToString::to_string),
            versions: versions.all.keys().rev().map(ToString::to_string).collect(),
            examples,
        }
    }
}

/// All blocks, by name. The catalogue is small, so there is one page; examples come by name only.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InQuery(NoQuery {}): InQuery<NoQuery>,
) -> Json<Page<BlockView<String>>> {
    let types = state.catalogue.types();
    let items = types.iter().filter_map(|(block_type, versions)| {
        let block = versions.shown()?;
        let examples = block.manifest.examples.iter().map(|example| example.name.clone()).collect();
        Some(BlockView::new(block, versions, state.catalogue.grant(block_type), examples))
    });
    Json(Page { items: items.collect(), next_cursor: None })
}
