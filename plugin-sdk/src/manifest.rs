//! The builder of a block's manifest.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{Block, Ports, schema};

/// What a block is and what it asks for. The SDK adds the schemas of config, input and outputs.
///
/// ```
/// use blockyard_sdk::{HttpRule, Manifest};
///
/// let manifest = Manifest::new("custom.weather", "0.1.0", "Weather")
///     .description("The weather of tomorrow, by place.")
///     .category("Data")
///     .secret("weather", "API key of the weather service")
///     .http(HttpRule::host("api.weather.example").methods(&["GET"]).secrets(&["weather"]));
/// ```
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    #[serde(rename = "type")]
    block_type: String,
    version: String,
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    category: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    secrets: Vec<Requirement>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    settings: Vec<Requirement>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    http: Vec<HttpRule>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limits: Option<Limits>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stateless: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    examples: Vec<Example>,
}

#[derive(Debug, Clone, Serialize)]
struct Requirement {
    name: String,
    description: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    optional: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    example: Option<String>,
}

impl Requirement {
    fn new(name: &str, description: &str, optional: bool) -> Self {
        Self { name: name.to_owned(), description: description.to_owned(), optional, example: None }
    }
}

impl Manifest {
    /// `block_type` is `category.name`, lower-case with digits and dashes; `version` is semver
    /// (`env!("CARGO_PKG_VERSION")` is a good one); `name` is for people.
    pub fn new(block_type: &str, version: &str, name: &str) -> Self {
        Self {
            block_type: block_type.to_owned(),
            version: version.to_owned(),
            name: name.to_owned(),
            description: String::new(),
            category: String::new(),
            secrets: Vec::new(),
            settings: Vec::new(),
            http: Vec::new(),
            limits: None,
            stateless: false,
            examples: Vec::new(),
        }
    }

    /// What the block does, for people.
    #[must_use]
    pub fn description(mut self, description: &str) -> Self {
        description.clone_into(&mut self.description);
        self
    }

    /// The heading under which an editor lists the block.
    #[must_use]
    pub fn category(mut self, category: &str) -> Self {
        category.clone_into(&mut self.category);
        self
    }

    /// A secret that the block cannot work without.
    #[must_use]
    pub fn secret(mut self, name: &str, description: &str) -> Self {
        self.secrets.push(Requirement::new(name, description, false));
        self
    }

    /// A secret that the block uses if it is set.
    #[must_use]
    pub fn optional_secret(mut self, name: &str, description: &str) -> Self {
        self.secrets.push(Requirement::new(name, description, true));
        self
    }

    /// A plain value of the installation that the block cannot work without.
    #[must_use]
    pub fn setting(mut self, name: &str, description: &str) -> Self {
        self.settings.push(Requirement::new(name, description, false));
        self
    }

    /// A plain value of the installation that the block uses if it is set.
    #[must_use]
    pub fn optional_setting(mut self, name: &str, description: &str) -> Self {
        self.settings.push(Requirement::new(name, description, true));
        self
    }

    /// The value that a setting declared before has in the modes `demo` and `test` if the installation has none.
    #[must_use]
    pub fn setting_example(mut self, name: &str, value: &str) -> Self {
        let setting = self.settings.iter_mut().find(|setting| setting.name == name);
        if let Some(setting) = setting {
            setting.example = Some(value.to_owned());
        }
        self
    }

    /// A place on the network where the block wants to go.
    #[must_use]
    pub fn http(mut self, rule: HttpRule) -> Self {
        self.http.push(rule);
        self
    }

    /// How much time and memory the block would like; the operator's ceilings hold.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = Some(limits);
        self
    }

    /// Says that no call leaves anything behind that a later one could see, so that the host may reuse the instance.
    #[must_use]
    pub fn stateless(mut self) -> Self {
        self.stateless = true;
        self
    }

    /// Adds an example, shown to people and run by [`testing::check_examples`](crate::testing).
    #[must_use]
    pub fn example(mut self, example: Example) -> Self {
        self.examples.push(example);
        self
    }

    /// The examples added so far.
    pub fn examples(&self) -> &[Example] {
        &self.examples
    }

    /// The secrets declared so far.
    pub fn secret_names(&self) -> impl Iterator<Item = &str> {
        self.secrets.iter().map(|secret| secret.name.as_str())
    }

    /// The settings declared so far that have an example value.
    pub fn example_settings(&self) -> Map<String, Value> {
        let settings = self.settings.iter();
        settings.filter_map(|setting| Some((setting.name.clone(), setting.example.clone()?.into()))).collect()
    }
}

/// The whole document for the host: a block's manifest with the schemas of its types.
///
/// # Panics
/// Never in practice: a manifest holds nothing that JSON cannot.
pub(crate) fn manifest_json<B: Block>() -> Value {
    let mut document = match serde_json::to_value(B::manifest()) {
        Ok(Value::Object(document)) => document,
        other => unreachable!("a manifest is an object with string keys: {other:?}"),
    };
    document.insert("configSchema".to_owned(), schema::input::<B::Config>().to_value());
    document.insert("inputSchema".to_owned(), schema::input::<B::Input>().to_value());
    document.insert("outputs".to_owned(), B::Output::outputs().into_json());
    Value::Object(document)
}

/// A place on the network, as precise as the block can say it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpRule {
    #[serde(flatten)]
    target: Target,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheme: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    methods: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_prefix: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    secrets: Vec<String>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
enum Target {
    Host(String),
    HostFrom(String),
}

impl HttpRule {
    /// An exact host, or `*.example.com` for its subdomains.
    pub fn host(host: &str) -> Self {
        Self::target(Target::Host(host.to_owned()))
    }

    /// The host of a URL in the node's configuration, by JSON pointer such as `/baseUrl`.
    pub fn host_from_config(pointer: &str) -> Self {
        Self::target(Target::HostFrom(format!("config:{pointer}")))
    }

    /// The host of a URL in a setting of the installation.
    pub fn host_from_setting(name: &str) -> Self {
        Self::target(Target::HostFrom(format!("setting:{name}")))
    }

    fn target(target: Target) -> Self {
        Self { target, scheme: None, port: None, methods: Vec::new(), path_prefix: None, secrets: Vec::new() }
    }

    /// Another port than 443.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Plain `http` instead of `https`, which the operator has to grant as such.
    #[must_use]
    pub fn plain_http(mut self) -> Self {
        self.scheme = Some("http".to_owned());
        self
    }

    /// Only these methods.
    #[must_use]
    pub fn methods(mut self, methods: &[&str]) -> Self {
        self.methods = methods.iter().map(|method| (*method).to_owned()).collect();
        self
    }

    /// Only paths below this one.
    #[must_use]
    pub fn path_prefix(mut self, prefix: &str) -> Self {
        self.path_prefix = Some(prefix.to_owned());
        self
    }

    /// The secrets that may be placed into these requests.
    #[must_use]
    pub fn secrets(mut self, names: &[&str]) -> Self {
        self.secrets = names.iter().map(|name| (*name).to_owned()).collect();
        self
    }
}

/// How much a call would like; `None` leaves it to the host.
#[derive(Debug, Clone, Copy, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Wall time, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Time inside the guest, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_ms: Option<u64>,
    /// Linear memory, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
}

/// A call with its result, which documents the block and tests it.
#[derive(Debug, Clone, Serialize)]
pub struct Example {
    name: String,
    config: Value,
    input: Value,
    outputs: Map<String, Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    exchanges: Vec<Value>,
}

impl Example {
    /// A call with this configuration and input; add what comes out with [`output`](Self::output).
    pub fn new(name: &str, config: Value, input: Value) -> Self {
        Self { name: name.to_owned(), config, input, outputs: Map::new(), exchanges: Vec::new() }
    }

    /// `data` leaves through `port`. A port that is not named stays silent.
    #[must_use]
    pub fn output(mut self, port: &str, data: Value) -> Self {
        self.outputs.insert(port.to_owned(), data);
        self
    }

    /// A recorded HTTP exchange from which the mode `demo` answers: the request `{method, url, body?}` without
    /// credentials, and its response `{status, headers?, body? | bodyBase64?}`.
    #[must_use]
    pub fn exchange(mut self, request: Value, response: Value) -> Self {
        self.exchanges.push(json!({ "request": request, "response": response }));
        self
    }

    /// The recorded exchanges, `{request, response}` each.
    pub fn exchanges(&self) -> &[Value] {
        &self.exchanges
    }

    /// The name of the example.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The configuration of the call.
    pub fn config(&self) -> &Value {
        &self.config
    }

    /// The input of the call.
    pub fn input(&self) -> &Value {
        &self.input
    }

    /// The data by port.
    pub fn outputs(&self) -> &Map<String, Value> {
        &self.outputs
    }
}
