//! From a component to a block: what it says of itself is asked, checked, and made ready for calls.

use std::collections::HashSet;
use std::time::Duration;

use jsonschema::Validator;
use semver::Version;
use serde_json::Value;

use super::Block;
use super::access::{self, Grants, Settings};
use super::code::Code;
use super::schema::Schema;
use crate::domain::block::Ports;
use crate::domain::grant::rule_problems;
use crate::domain::{BlockType, Manifest, Problem};
use crate::runtime::{CallFailure, ComponentError, Runtime};

/// Most findings about one manifest that are told.
const MOST_PROBLEMS: usize = 20;
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
    let manifest = manifest(text).map_err(RegisterError::Manifest)?;
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

/// What takes a process of its own to find out.
pub(super) async fn verify(runtime: &Runtime, block: &Block) -> Result<(), RegisterError> {
    for (which, schema) in [("configSchema", &block.config_schema), ("inputSchema", &block.input_schema)] {
        schema.verify(runtime, VERIFY_TIMEOUT).await.map_err(|error| {
            let message = format!("is no JSON Schema: {error}");
            RegisterError::Manifest(vec![Problem::new(format!("/{which}"), "invalid-manifest", message)])
        })?;
    }
    Ok(())
}

/// What a manifest says, if it is one.
fn manifest(text: &str) -> Result<Manifest, Vec<Problem>> {
    let problem = |pointer: String, message: String| Problem::new(pointer, "invalid-manifest", message);
    let value: Value =
        serde_json::from_str(text).map_err(|error| vec![problem(String::new(), format!("is no JSON: {error}"))])?;
    if let Some(schema) = manifest_schema() {
        let found = schema.iter_errors(&value).take(MOST_PROBLEMS);
        let found: Vec<Problem> =
            found.map(|error| problem(error.instance_path().to_string(), error.to_string())).collect();
        if !found.is_empty() {
            return Err(found);
        }
    }
    serde_path_to_error::deserialize(&value).map_err(|error| {
        let at = error.path().to_string().replace('.', "/");
        vec![problem(format!("/{at}"), error.inner().to_string())]
    })
}

/// `wit/manifest.schema.json`; `None` only if it does not compile, which a test rules out.
fn manifest_schema() -> Option<&'static Validator> {
    static SCHEMA: std::sync::LazyLock<Option<Validator>> = std::sync::LazyLock::new(|| {
        let schema = serde_json::from_str(include_str!("../../../wit/manifest.schema.json")).ok()?;
        jsonschema::draft202012::new(&schema).ok()
    });
    SCHEMA.as_ref()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_manifest_schema_compiles() {
        assert!(super::manifest_schema().is_some());
    }

    #[test]
    fn all_that_is_wrong_with_a_manifest_is_told() {
        let text = r#"{"type": "Custom", "version": "one", "name": 7, "outputs": [{"port": "out"}]}"#;
        let found = super::manifest(text).unwrap_err();
        let pointers: Vec<&str> = found.iter().map(|problem| problem.pointer.as_str()).collect();
        for pointer in ["/name", "/type", "/version"] {
            assert!(pointers.contains(&pointer), "{pointer} in {found:?}");
        }
        assert_eq!(super::manifest("{").unwrap_err()[0].pointer, "");
    }

    #[test]
    fn what_cannot_be_seen_is_in_no_name() {
        let text = |name: &str, rule: serde_json::Value| {
            let manifest = serde_json::json!({
                "type": "custom.x", "version": "1.0.0", "name": "\u{1f469}\u{200d}\u{1f52c} \u{fc}", "configSchema": true,
                "inputSchema": true, "outputs": [{"port": "out"}], "secrets": [{"name": name, "description": ""}],
                "http": [rule],
            });
            manifest.to_string()
        };
        let plain = serde_json::json!({"host": "a.example", "pathPrefix": "/\u{fc} x", "secrets": ["cl\u{e9}"]});
        super::manifest(&text("cl\u{e9}", plain.clone())).unwrap();
        for (name, rule, pointer) in [
            ("a\u{1b}[2Kb", plain.clone(), "/secrets/0/name"),
            ("a\nb", plain.clone(), "/secrets/0/name"),
            ("k", serde_json::json!({"host": "a.example", "pathPrefix": "/a\rb"}), "/http/0/pathPrefix"),
            ("k", serde_json::json!({"host": "a.example", "pathPrefix": "/a\u{202e}b"}), "/http/0/pathPrefix"),
            ("k", serde_json::json!({"host": "a.example", "secrets": ["k\u{200b}"]}), "/http/0/secrets/0"),
            ("k", serde_json::json!({"hostFrom": "setting:a\u{7}"}), "/http/0/hostFrom"),
        ] {
            assert_eq!(super::manifest(&text(name, rule)).unwrap_err()[0].pointer, pointer);
        }
    }
}
