//! What an operator allows a block.

use serde::{Deserialize, Serialize};

use super::block::{HttpRule, Manifest};

/// What a block type may do, of what its manifest asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Grant {
    /// Where it may go. A rule here names concrete hosts, never `hostFrom`.
    #[serde(default)]
    pub http: Vec<HttpRule>,
    /// Secrets whose text it may see.
    #[serde(default)]
    pub reveal: Vec<String>,
    /// Whether its instances may be kept between calls.
    #[serde(default)]
    pub stateless: bool,
}

impl Grant {
    /// What a block that ships with the product comes with: the hosts that its manifest names, and those in settings
    /// of the installation. Hosts that a workflow's author can choose are for the operator to grant.
    pub fn of_builtin(manifest: &Manifest, setting: impl Fn(&str) -> Option<String>) -> Self {
        let concrete = |rule: &HttpRule| match rule.host_from.as_deref() {
            None => Some(rule.clone()),
            Some(from) => rule.at(&url::Url::parse(&setting(from.strip_prefix("setting:")?)?).ok()?),
        };
        Self {
            http: manifest.http.iter().filter_map(concrete).collect(),
            reveal: Vec::new(),
            stateless: manifest.stateless,
        }
    }

    /// What is wrong with it, by JSON pointer.
    pub fn problems(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for (index, rule) in self.http.iter().enumerate() {
            match &rule.host {
                None => found.push((format!("/http/{index}/host"), "a grant names a concrete host".to_owned())),
                Some(host) if host == "*" || host.is_empty() => {
                    found.push((format!("/http/{index}/host"), "is no host".to_owned()));
                }
                Some(_) => {}
            }
            if rule.host_from.is_some() {
                found.push((format!("/http/{index}/hostFrom"), "a grant names concrete hosts only".to_owned()));
            }
        }
        found
    }
}
