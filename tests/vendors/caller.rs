//! Calls blocks as a server does: app, catalogue, grants, vault, sandbox and HTTP are the real ones.

use std::path::PathBuf;

use blockyard::app::App;
use blockyard::blocks::{Call, CallAccess, CallContext};
use blockyard::config::{Config, Rewrite};
use blockyard::domain::block::HttpRule;
use blockyard::domain::{BlockRef, BlockType, Grant, Json, Mode, NewSecret, Owner, UserId};
use blockyard::runtime::{CallFailure, Finished};
use serde_json::{Value, json};

use crate::table::{Operation, Vendor};

/// The most suspensions that a call is followed through.
const MAX_WAITS: usize = 60;

/// What a call came to.
pub(crate) struct Called {
    /// The data by port and the metadata, or the failure with its retry hint.
    pub(crate) result: Result<Value, CallFailure>,
    /// The waits that the block asked for, in milliseconds.
    pub(crate) waits_ms: Vec<u64>,
}

/// A running app.
pub(crate) struct Caller {
    app: App,
}

impl Caller {
    /// Start it with the vendors' places rewritten and their secrets stored.
    pub(crate) async fn start(rewrites: Vec<Rewrite>, vendors: &[Vendor]) -> Self {
        let mut config = Config::default();
        config.database.url = "sqlite::memory:".to_owned();
        config.runtime.cache_dir = Some(PathBuf::from(env!("BLOCKYARD_TEST_GUESTS")).join("compiled"));
        config.http.rewrites = rewrites;
        // The mocks are no vendors to be spared.
        config.http.rate_per_host = 0.0;
        let app = App::start(config).await.unwrap_or_else(|error| panic!("{error}"));
        let caller = Self { app };
        for vendor in vendors {
            caller.store_secret(vendor).await;
            if let Some(block) = vendor.granted_to {
                caller.grant(vendor, &block.parse().unwrap());
            }
        }
        caller
    }

    async fn store_secret(&self, vendor: &Vendor) {
        let hosts = [vendor.host().to_owned()];
        let secret =
            NewSecret::parse(vendor.secret.parse().unwrap(), Owner::Shared, vendor.secret_text().into(), &hosts, None);
        let secret = secret.unwrap_or_else(|problems| panic!("{problems:?}"));
        self.app.vault.put(&UserId::local(), secret).await.unwrap();
    }

    /// What an operator does for a host that a workflow names.
    fn grant(&self, vendor: &Vendor, block: &BlockType) {
        let mut grant: Grant = (*self.app.catalogue.grant(block)).clone();
        let secrets = vec![vendor.secret.to_owned()];
        grant.http.push(HttpRule { host: Some(vendor.host().to_owned()), secrets, ..HttpRule::default() });
        self.app.catalogue.set_grant(block.clone(), grant);
    }

    /// The types of the blocks that talk to somebody.
    pub(crate) fn blocks_with_http(&self) -> Vec<String> {
        let types = self.app.catalogue.types().into_iter();
        let active = types.filter_map(|(block_type, versions)| Some((block_type, versions.shown()?.clone())));
        active
            .filter(|(_, block)| !block.manifest.http.is_empty())
            .map(|(block_type, _)| block_type.to_string())
            .collect()
    }

    /// The values of `operation` in the config schema of a block; nothing if it has no such field.
    pub(crate) fn operations(&self, block: &str) -> Vec<String> {
        let Ok(block) = self.app.catalogue.resolve(&block.parse::<BlockRef>().unwrap()) else { return Vec::new() };
        let mut found = Vec::new();
        operations(&block.manifest.config_schema, &block.manifest.config_schema, &mut found);
        found.sort();
        found.dedup();
        found
    }

    /// Call a block until it is done. A wait that it asks for is noted and not waited for.
    pub(crate) async fn call(&self, operation: &Operation) -> Called {
        let block = self.app.catalogue.resolve(&operation.block.parse::<BlockRef>().unwrap());
        let block = block.unwrap_or_else(|error| panic!("{error}"));
        let (ports, config) = (block.manifest.ports(&operation.config), operation.config.to_string());
        let (input, variables) = (Json::from(&operation.input), Json::empty_object());
        let mut waits_ms = Vec::new();
        let mut state: Option<Json> = None;
        loop {
            let context = CallContext {
                execution_id: "vendors",
                workflow_id: "",
                node_id: "test",
                item_index: None,
                attempt: 1,
                mode: Mode::Production,
                user_id: "local",
                idempotency_key: "vendors",
                variables: &variables,
                settings: block.settings(Mode::Production),
                state: state.as_ref(),
            };
            let (limits, access) = (block.limits(None), CallAccess::default());
            let call =
                Call { config: &config, config_checked: false, ports: &ports, input: &input, context, limits, access };
            match block.call(call, None).await.result {
                Ok(Finished::Suspended { after_ms, state: kept }) if waits_ms.len() < MAX_WAITS => {
                    waits_ms.push(after_ms);
                    state = Some(kept);
                }
                Ok(Finished::Suspended { .. }) => return Called { result: Err(endless()), waits_ms },
                Ok(Finished::Done { outputs, metadata }) => {
                    let mut result = serde_json::to_value(&outputs).unwrap();
                    result["metadata"] = json!(metadata);
                    return Called { result: Ok(result), waits_ms };
                }
                Err(failure) => return Called { result: Err(failure), waits_ms },
            }
        }
    }

    pub(crate) async fn stop(&self) {
        self.app.stop().await;
    }
}

fn endless() -> CallFailure {
    CallFailure::permanent("endless", format!("it waited {MAX_WAITS} times"))
}

/// Finds the property `operation` wherever the schema has it.
fn operations(schema: &Value, root: &Value, found: &mut Vec<String>) {
    let Value::Object(object) = schema else { return };
    if let Some(property) = object.get("properties").and_then(|properties| properties.get("operation")) {
        words(property, root, found);
    }
    for key in ["oneOf", "anyOf", "allOf"] {
        for part in object.get(key).and_then(Value::as_array).into_iter().flatten() {
            operations(part, root, found);
        }
    }
    if let Some(target) = target(object.get("$ref"), root) {
        operations(target, root, found);
    }
}

fn words(property: &Value, root: &Value, found: &mut Vec<String>) {
    let property = target(property.get("$ref"), root).unwrap_or(property);
    found.extend(property.get("const").and_then(Value::as_str).map(str::to_owned));
    let listed = property.get("enum").and_then(Value::as_array).into_iter().flatten();
    found.extend(listed.filter_map(Value::as_str).map(str::to_owned));
    for part in ["oneOf", "anyOf"].iter().filter_map(|key| property.get(*key)?.as_array()).flatten() {
        words(part, root, found);
    }
}

fn target<'a>(reference: Option<&Value>, root: &'a Value) -> Option<&'a Value> {
    root.pointer(reference?.as_str()?.strip_prefix('#')?)
}
