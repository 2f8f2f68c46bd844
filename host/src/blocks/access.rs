//! What one call of a block may use: its manifest's wishes, filled in for this call, against the operator's grant.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use blockyard_replay::{Exchange, Replay};
use serde_json::Value;
use url::Url;

use super::Block;
use crate::capabilities::Access;
use crate::capabilities::http::{Policy, SharedReplay};
use crate::domain::block::{HttpRule, Slot};
use crate::domain::{BlockType, Grant, Json, Manifest, Mode, UserId};

/// The grants of all block types. Cloning is cheap; changes count from the next call on.
#[derive(Clone, Debug, Default)]
pub(super) struct Grants(Arc<RwLock<Layers>>);

#[derive(Debug, Default)]
struct Layers {
    /// What blocks come with, or the command line gives.
    defaults: BTreeMap<BlockType, Arc<Grant>>,
    /// What somebody set since; it stands in place of the other.
    stored: BTreeMap<BlockType, Arc<Grant>>,
}

impl Grants {
    pub(super) fn of(&self, block_type: &BlockType) -> Arc<Grant> {
        let layers = self.0.read().unwrap_or_else(PoisonError::into_inner);
        layers.stored.get(block_type).or_else(|| layers.defaults.get(block_type)).cloned().unwrap_or_default()
    }

    pub(super) fn set(&self, block_type: BlockType, grant: Grant) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).defaults.insert(block_type, Arc::new(grant));
    }

    /// Give a grant to a type that has none.
    pub(super) fn set_default(&self, block_type: &BlockType, grant: impl FnOnce() -> Grant) {
        let mut layers = self.0.write().unwrap_or_else(PoisonError::into_inner);
        layers.defaults.entry(block_type.clone()).or_insert_with(|| Arc::new(grant()));
    }

    /// These are what was set, and no others.
    pub(super) fn store(&self, grants: BTreeMap<BlockType, Grant>) {
        let mut layers = self.0.write().unwrap_or_else(PoisonError::into_inner);
        // One that stays is the same: instances that are kept under it stay too.
        let shared = |(block_type, grant): (BlockType, Grant)| {
            let known = layers.stored.get(&block_type).filter(|known| ***known == grant).cloned();
            (block_type, known.unwrap_or_else(|| Arc::new(grant)))
        };
        layers.stored = grants.into_iter().map(shared).collect();
    }
}

/// What a node or a test says of a call's capabilities.
#[derive(Clone, Debug, Default)]
pub struct CallAccess<'a> {
    /// Names of stored secrets by the block's own names, where they differ.
    pub slots: Option<&'a BTreeMap<String, String>>,
    /// Answers the call outside of production; what the block's examples recorded if there is none.
    pub replay: Option<SharedReplay>,
    /// Whether its exchanges are kept.
    pub record: bool,
    /// What the block's settings are, in place of the installation's.
    pub settings: Option<&'a BTreeMap<String, String>>,
}

/// The settings of an installation that a block is given, in production and outside of it.
#[derive(Debug)]
pub(super) struct Settings {
    production: BTreeMap<String, String>,
    elsewhere: BTreeMap<String, String>,
    production_json: Json,
    elsewhere_json: Json,
}

impl Settings {
    pub(super) fn new(slots: &[Slot], installation: &BTreeMap<String, String>) -> Self {
        let named = |examples: bool| -> BTreeMap<String, String> {
            let value =
                |slot: &Slot| installation.get(&slot.name).or(slot.example.as_ref().filter(|_| examples)).cloned();
            slots.iter().filter_map(|slot| Some((slot.name.clone(), value(slot)?))).collect()
        };
        let (production, elsewhere) = (named(false), named(true));
        let (production_json, elsewhere_json) = (Json::encode(&production), Json::encode(&elsewhere));
        Self { production, elsewhere, production_json, elsewhere_json }
    }

    fn of(&self, mode: Mode) -> &BTreeMap<String, String> {
        if mode == Mode::Production { &self.production } else { &self.elsewhere }
    }
}

impl Block {
    /// The installation's values that this block is told: a JSON object of strings.
    pub fn settings(&self, mode: Mode) -> &Json {
        if mode == Mode::Production { &self.settings.production_json } else { &self.settings.elsewhere_json }
    }

    /// Answers from what the block's examples recorded; each call of it has its own place in them.
    pub fn demo(&self) -> SharedReplay {
        shared(self.recorded.clone())
    }

    /// A grant of all that the manifest asks for, at the hosts to which this config and these settings lead.
    pub fn full_grant(&self, config: &str, settings: &BTreeMap<String, String>) -> Grant {
        let manifest = &self.manifest;
        Grant {
            http: manifest.http.iter().filter_map(|rule| concrete(rule, config, settings)).collect(),
            reveal: manifest.secrets.iter().map(|slot| slot.name.clone()).collect(),
            stateless: manifest.stateless,
        }
    }

    /// What a call with this config may use.
    pub(super) fn access(&self, asked: CallAccess<'_>, grant: &Grant, config: &str, mode: Mode, user: &str) -> Access {
        let manifest = &self.manifest;
        let mut access = Access::none(manifest.block_type.clone());
        if manifest.is_pure() {
            return access;
        }
        let settings = asked.settings.unwrap_or_else(|| self.settings.of(mode));
        let concrete = |rule: &HttpRule| concrete(rule, config, settings);
        let wanted: Vec<HttpRule> = manifest.http.iter().filter_map(concrete).collect();
        let mut granted = grant.http.clone();
        if mode != Mode::Production {
            // The installation lacks the setting, so that its grant lacks the host; nothing is sent there anyway.
            let of_examples = manifest.http.iter().filter(|rule| is_example(rule, &self.settings));
            granted.extend(of_examples.filter_map(concrete));
        }
        access.mode = mode;
        access.user = UserId::from(user);
        access.policy = Policy::new(&wanted, &granted);
        access.slots = asked.slots.cloned().unwrap_or_default();
        let declared = |name: &&String| manifest.secrets.iter().any(|slot| slot.name == **name);
        access.reveal = grant.reveal.iter().filter(declared).cloned().collect();
        access.record = asked.record;
        access.replay = match mode {
            Mode::Production => None,
            Mode::Demo => Some(asked.replay.unwrap_or_else(|| self.demo())),
            Mode::Test => Some(asked.replay.unwrap_or_default()),
        };
        access
    }
}

/// A replay that several may use.
pub fn shared(replay: Replay) -> SharedReplay {
    Arc::new(Mutex::new(replay))
}

/// The exchanges of all examples.
pub(super) fn recorded(manifest: &Manifest) -> Result<Replay, String> {
    let mut recorded = Vec::new();
    for example in &manifest.examples {
        let Some(exchanges) = &example.exchanges else { continue };
        let exchanges = serde_json::from_value::<Vec<Exchange>>(exchanges.clone());
        let exchanges = exchanges.map_err(|error| format!("example `{}`: {error}", example.name))?;
        Replay::strict(exchanges.clone()).map_err(|error| format!("example `{}`: {error}", example.name))?;
        recorded.extend(exchanges);
    }
    Replay::lenient(recorded).map_err(|error| error.to_string())
}

fn is_example(rule: &HttpRule, settings: &Settings) -> bool {
    let name = rule.host_from.as_deref().and_then(|from| from.strip_prefix("setting:"));
    name.is_some_and(|name| settings.elsewhere.contains_key(name) && !settings.production.contains_key(name))
}

/// The rule with its host, if that is to be found.
fn concrete(rule: &HttpRule, config: &str, settings: &BTreeMap<String, String>) -> Option<HttpRule> {
    let Some(from) = rule.host_from.as_deref() else { return Some(rule.clone()) };
    let place = match from.split_once(':')? {
        ("setting", name) => settings.get(name)?.clone(),
        ("config", pointer) => {
            let config: Value = serde_json::from_str(config).ok()?;
            config.pointer(pointer)?.as_str()?.to_owned()
        }
        _ => return None,
    };
    let url = if place.contains("://") { Url::parse(&place) } else { Url::parse(&format!("https://{place}")) }.ok()?;
    rule.at(&url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(from: &str) -> HttpRule {
        HttpRule { host_from: Some(from.into()), secrets: vec!["key".into()], ..HttpRule::default() }
    }

    #[test]
    fn a_grant_that_is_read_again_unchanged_is_the_same() {
        let (grants, block_type) = (Grants::default(), "custom.x".parse::<BlockType>().unwrap());
        let read = |stateless: bool| {
            let grant = Grant { stateless, ..Grant::default() };
            grants.store(BTreeMap::from([(block_type.clone(), grant)]));
            grants.of(&block_type)
        };
        let first = read(true);
        assert!(Arc::ptr_eq(&first, &read(true)));
        assert!(!read(false).stateless);
        // Taken back and given again it is another one, under which nothing was kept.
        assert!(!Arc::ptr_eq(&first, &read(true)));
    }

    #[test]
    fn hosts_are_found_in_the_config_and_in_settings() {
        let settings = BTreeMap::from([("supabaseUrl".to_owned(), "http://db.example:8000".to_owned())]);
        let found = concrete(&rule("setting:supabaseUrl"), "{}", &settings).unwrap();
        assert_eq!(
            (found.host.as_deref(), found.port, found.scheme.as_deref()),
            (Some("db.example"), Some(8000), Some("http"))
        );
        let config = r#"{"baseUrl": "https://EU.example/v2", "bare": "eu.example", "odd": 7, "bad": "https://"}"#;
        for (pointer, host) in [
            ("/baseUrl", Some("eu.example")),
            ("/bare", Some("eu.example")),
            ("/odd", None),
            ("/bad", None),
            ("/none", None),
        ] {
            let found = concrete(&rule(&format!("config:{pointer}")), config, &settings);
            assert_eq!(found.and_then(|rule| rule.host).as_deref(), host, "{pointer}");
        }
        assert!(concrete(&rule("config:/baseUrl"), "no json", &settings).is_none());
    }
}
