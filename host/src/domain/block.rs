//! What a block says of itself.

use std::fmt;
use std::str::FromStr;

use semver::Version;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::whole;

/// A block's type, `category.name`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BlockType(std::sync::Arc<str>);

impl BlockType {
    /// Of a component that was not asked yet what it is.
    pub fn unknown() -> Self {
        Self("unknown.block".into())
    }

    /// The type as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the dot.
    pub fn category(&self) -> &str {
        self.0.split_once('.').map_or("", |(category, _)| category)
    }
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.len() <= 64
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

impl FromStr for BlockType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('.') {
            Some((category, name)) if is_word(category) && is_word(name) => Ok(Self(text.into())),
            _ => Err(format!("`{text}` is no block type: `category.name` in lower-case letters, digits and dashes")),
        }
    }
}

impl TryFrom<String> for BlockType {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<BlockType> for String {
    fn from(block_type: BlockType) -> Self {
        block_type.0.as_ref().to_owned()
    }
}

impl fmt::Display for BlockType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for BlockType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Which version of a block a node wants.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Pin {
    /// The active one.
    Active,
    /// The active one if it has this major, else the highest of this major.
    Major(u64),
    /// That one.
    Exact(Version),
}

/// A block as a node names it: `api.hunter`, `api.hunter@1` or `api.hunter@1.2.0`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BlockRef {
    /// The type.
    pub block_type: BlockType,
    /// The version.
    pub pin: Pin,
}

impl FromStr for BlockRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((block_type, pin)) = text.split_once('@') else {
            return Ok(Self { block_type: text.parse()?, pin: Pin::Active });
        };
        let block_type = block_type.parse()?;
        // As in a version: `01` and `+1` are no numbers.
        let major = || pin.parse().ok().filter(|major: &u64| major.to_string() == pin);
        let pin = if let Ok(version) = Version::parse(pin) {
            Pin::Exact(version)
        } else if let Some(major) = major() {
            Pin::Major(major)
        } else {
            return Err(format!("`{pin}` is no version: a major such as `1`, or a full one such as `1.2.0`"));
        };
        Ok(Self { block_type, pin })
    }
}

impl fmt::Display for BlockRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.pin {
            Pin::Active => write!(f, "{}", self.block_type),
            Pin::Major(major) => write!(f, "{}@{major}", self.block_type),
            Pin::Exact(version) => write!(f, "{}@{version}", self.block_type),
        }
    }
}

/// One output port.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Port {
    /// Its name.
    pub port: String,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// JSON Schema of what leaves through it.
    #[serde(default = "any_schema")]
    pub schema: Value,
}

fn any_schema() -> Value {
    Value::Bool(true)
}

/// The output ports of a block.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Ports {
    /// Always the same; the first is the default port.
    Fixed(Vec<Port>),
    /// Named by the config.
    #[serde(rename_all = "camelCase")]
    FromConfig {
        /// JSON pointer into the config, with `*` for every element of an array or every value of an object.
        ports_from: String,
        /// Ports that exist besides.
        #[serde(default)]
        also: Vec<Port>,
    },
}

/// A secret or a setting that a block may ask for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Slot {
    /// Its name.
    pub name: String,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// Whether the block works without it.
    #[serde(default)]
    pub optional: bool,
    /// Of a setting: its value outside of production where the installation has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<String>,
}

/// Where a block wants to go, or may go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpRule {
    /// A host name, or `*.example.com`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// `config:/baseUrl` or `setting:supabaseUrl`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_from: Option<String>,
    /// `https` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    /// The scheme's own if absent.
    #[serde(default, deserialize_with = "whole::option", skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// All if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub methods: Option<Vec<String>>,
    /// Every path if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_prefix: Option<String>,
    /// Secrets that may go there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
}

impl HttpRule {
    /// The rule for the scheme, host and port of a URL, in place of where it said they are to be found; `None` if the
    /// URL has no host.
    pub fn at(&self, url: &url::Url) -> Option<Self> {
        Some(Self {
            host: Some(url.host_str()?.to_owned()),
            host_from: None,
            scheme: Some(url.scheme().to_owned()),
            port: url.port_or_known_default(),
            ..self.clone()
        })
    }
}

/// Limits that a block wishes for; the operator's ceilings hold.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LimitWishes {
    /// Wall time of one call.
    #[serde(default, deserialize_with = "whole::option", skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Time inside the guest in one call.
    #[serde(default, deserialize_with = "whole::option", skip_serializing_if = "Option::is_none")]
    pub cpu_ms: Option<u64>,
    /// Linear memory of one instance.
    #[serde(default, deserialize_with = "whole::option", skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
}

/// A worked example.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Example {
    /// What it shows.
    pub name: String,
    /// The node's config.
    pub config: Value,
    /// The node's input.
    pub input: Value,
    /// What comes out, by port.
    pub outputs: Value,
    /// Recorded HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exchanges: Option<Value>,
}

/// What a block says of itself (`wit/manifest.schema.json`).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// `category.name`.
    #[serde(rename = "type")]
    pub block_type: BlockType,
    /// Of this component.
    pub version: Version,
    /// For people.
    pub name: String,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// For people.
    #[serde(default)]
    pub category: String,
    /// JSON Schema 2020-12 of the config; `true` skips the check.
    #[serde(default = "any_schema")]
    pub config_schema: Value,
    /// JSON Schema 2020-12 of the input; `true` skips the check.
    #[serde(default = "any_schema")]
    pub input_schema: Value,
    /// The ports.
    pub outputs: Ports,
    /// Secrets it may ask for.
    #[serde(default)]
    pub secrets: Vec<Slot>,
    /// Plain values of the installation that it is given.
    #[serde(default)]
    pub settings: Vec<Slot>,
    /// Where it wants to go.
    #[serde(default)]
    pub http: Vec<HttpRule>,
    /// What it wishes for.
    #[serde(default)]
    pub limits: LimitWishes,
    /// Whether it asks to be reused between calls.
    #[serde(default)]
    pub stateless: bool,
    /// Worked examples.
    #[serde(default)]
    pub examples: Vec<Example>,
}

impl Manifest {
    /// Whether the block asks for neither HTTP nor secrets: it can be called again without anyone noticing.
    pub fn is_pure(&self) -> bool {
        self.http.is_empty() && self.secrets.is_empty()
    }

    /// The port that an edge without `sourcePort` leaves from, if there is a fixed one.
    pub fn default_port(&self) -> Option<&str> {
        match &self.outputs {
            Ports::Fixed(ports) => ports.first().map(|port| port.port.as_str()),
            Ports::FromConfig { .. } => None,
        }
    }

    /// All ports of a node with this config. `error` is not among them.
    pub fn ports(&self, config: &Value) -> Vec<String> {
        match &self.outputs {
            Ports::Fixed(ports) => ports.iter().map(|port| port.port.clone()).collect(),
            Ports::FromConfig { ports_from, also } => {
                let segments: Vec<&str> = ports_from.split('/').skip(1).collect();
                let mut found = Vec::new();
                collect_strings(config, &segments, &mut found);
                found.extend(also.iter().map(|port| port.port.clone()));
                found
            }
        }
    }
}

fn collect_strings(value: &Value, segments: &[&str], found: &mut Vec<String>) {
    match (segments, value) {
        ([], Value::String(text)) => found.push(text.clone()),
        (["*", rest @ ..], Value::Array(items)) => items.iter().for_each(|item| collect_strings(item, rest, found)),
        (["*", rest @ ..], Value::Object(members)) => {
            members.values().for_each(|member| collect_strings(member, rest, found));
        }
        ([key, rest @ ..], Value::Object(members)) => {
            if let Some(member) = members.get(&key.replace("~1", "/").replace("~0", "~")) {
                collect_strings(member, rest, found);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read() {
        assert_eq!("api.hunter".parse::<BlockRef>().unwrap().pin, Pin::Active);
        assert_eq!("api.hunter@1".parse::<BlockRef>().unwrap().pin, Pin::Major(1));
        assert_eq!("api.hunter@1.2.0".parse::<BlockRef>().unwrap().pin, Pin::Exact(Version::new(1, 2, 0)));
        assert_eq!("api.hunter@0".parse::<BlockRef>().unwrap().pin, Pin::Major(0));
        for bad in ["hunter", "Api.hunter", "api.", "a.b.c", "é.b"] {
            assert!(bad.parse::<BlockRef>().is_err(), "{bad}");
        }
        for bad in ["", "x", "1.2", "01", "00", "+1", "-1", "1 ", "01.0.0", "18446744073709551616"] {
            let bad = format!("api.hunter@{bad}");
            assert!(bad.parse::<BlockRef>().is_err(), "{bad}");
        }
    }
    #[test]
    fn ports_are_found_in_lists_and_in_objects() {
        let ports = |from: &str, config: Value| {
            let also = vec![Port { port: "default".into(), description: String::new(), schema: any_schema() }];
            let manifest: Manifest = serde_json::from_value(serde_json::json!({
                "type": "custom.x", "version": "1.0.0", "name": "X", "outputs": {"portsFrom": from, "also": also},
            }))
            .unwrap();
            manifest.ports(&config)
        };
        let list = serde_json::json!({"branches": [{"port": "a"}, {"port": 1}, {"port": "b"}]});
        assert_eq!(ports("/branches/*/port", list), ["a", "b", "default"]);
        let object = serde_json::json!({"branches": {"x": {"port": "a"}, "*": {"port": "b"}, "y": {}}});
        assert_eq!(ports("/branches/*/port", object), ["a", "b", "default"]);
        let names = serde_json::json!({"a/b": {"x": "a", "y": ["b"]}});
        assert_eq!(ports("/a~1b/*", names.clone()), ["a", "default"]);
        assert_eq!(ports("/a~1b/*/*", names), ["b", "default"]);
    }
}
