//! From a component to a block: what it says of itself is asked, checked, and made ready for calls.

mod manifest;

use std::collections::HashSet;
use std::time::Duration;

use semver::Version;
use serde_json::Value;

use super::Block;
use super::access::{self, Grants, Settings};
use super::code::Code;
use super::schema::{NoAnswer, Schema};
use crate::domain::block::Ports;
use crate::domain::grant::rule_problems;
use crate::domain::{BlockType, Problem};
use crate::runtime::{CallFailure, ComponentError, Runtime};

/// Wall time for a look at one schema by a process of its own, which has its CPU time limited.
const VERIFY_TIMEOUT: Duration = Duration::from_secs(120);

/// Why a component is no block.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// It cannot be loaded.
    #[error(transparent)]
    Component(#[from] ComponentError),
    /// Its `manifest` fails.
    #[error("its manifest cannot be read: {}", .0.error)]
    ManifestCall(CallFailure),
    /// Its manifest is not what `wit/manifest.schema.json` describes.
    #[error("its manifest is invalid{}", first(.0))]
    Manifest(Vec<Problem>),
    /// The same type and version is there with other bytes.
    #[error("block `{0}` {1} is already there with other content")]
    Exists(BlockType, Version),
}

fn first(problems: &[Problem]) -> String {
    match problems {
        [] => String::new(),
        [problem, ..] if problem.pointer.is_empty() => format!(": {}", problem.message),
        [problem, ..] => format!(" at `{}`: {}", problem.pointer, problem.message),
    }
}

/// A block with this component, as its manifest describes it.
pub(super) fn block(
    runtime: &Runtime,
    grants: &Grants,
    code: Code,
    reveals: bool,
    text: &str,
) -> Result<Block, RegisterError> {
    let manifest = manifest::read(text).map_err(RegisterError::Manifest)?;
    let invalid = |pointer: &str, message: String| {
        RegisterError::Manifest(vec![Problem::new(pointer, "invalid-manifest", message)])
    };
    let schema = |which: &str, schema: &Value| {
        let not = |error| invalid(&format!("/{which}"), format!("is no JSON Schema: {error}"));
        Schema::compile(schema).map_err(not)
    };
    for (index, rule) in manifest.http.iter().enumerate() {
        if let Some((member, problem)) = rule_problems(rule).into_iter().next() {
            return Err(invalid(&format!("/http/{index}/{member}"), problem));
        }
    }
    let (Ports::Fixed(ports) | Ports::FromConfig { also: ports, .. }) = &manifest.outputs;
    let mut names = HashSet::new();
    if let Some(twice) = ports.iter().find(|port| !names.insert(&port.port)) {
        return Err(invalid("/outputs", format!("has the port `{}` twice", twice.port)));
    }
    Ok(Block {
        config_schema: schema("configSchema", &manifest.config_schema)?,
        input_schema: schema("inputSchema", &manifest.input_schema)?,
        runtime: runtime.clone(),
        code,
        reveals,
        grants: grants.clone(),
        settings: Settings::new(&manifest.settings, runtime.capabilities().vault.settings()),
        recorded: access::recorded(&manifest).map_err(|error| invalid("/examples", error))?,
        manifest,
    })
}

/// What is asked of a block when it comes in, and of no one that was let in before: whether its manifest agrees with itself,
/// and what takes a process of its own to find out.
pub(super) async fn verify(runtime: &Runtime, block: &Block) -> Result<(), RegisterError> {
    let found = manifest::contradictions(&block.manifest);
    if !found.is_empty() {
        return Err(RegisterError::Manifest(found));
    }
    for (which, schema) in [("configSchema", &block.config_schema), ("inputSchema", &block.input_schema)] {
        schema.verify(runtime, VERIFY_TIMEOUT).await.map_err(|error| match error {
            NoAnswer::Refused(why) => {
                let message = format!("is no JSON Schema: {why}");
                RegisterError::Manifest(vec![Problem::new(format!("/{which}"), "invalid-manifest", message)])
            }
            NoAnswer::Unavailable(why) => {
                RegisterError::Component(ComponentError::Compiler(format!("its schemas were not compiled: {why}")))
            }
        })?;
    }
    Ok(())
}
