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

/// What a block asks for and is not granted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Missing {
    /// Where it wants to go, as its manifest says it.
    pub http: Vec<HttpRule>,
    /// Secrets of which it may see none, although it imports the interface for that.
    pub reveal: Vec<String>,
    /// Whether it wants its instances kept.
    pub stateless: bool,
}

impl Missing {
    /// Whether nothing is missing.
    pub fn is_empty(&self) -> bool {
        self.http.is_empty() && self.reveal.is_empty() && !self.stateless
    }
}

impl Grant {
    /// What a version asks for beyond this. `reveals` says whether it can ask for the text of secrets.
    pub fn missing(&self, manifest: &Manifest, reveals: bool) -> Missing {
        let uncovered = |wanted: &&HttpRule| !self.http.iter().any(|rule| covers(rule, wanted));
        let secrets = || manifest.secrets.iter().map(|slot| &slot.name);
        let sees_some = secrets().any(|name| self.reveal.contains(name));
        Missing {
            http: manifest.http.iter().filter(uncovered).cloned().collect(),
            reveal: if reveals && !sees_some { secrets().cloned().collect() } else { Vec::new() },
            stateless: manifest.stateless && !self.stateless,
        }
    }

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
                Some(host) => {
                    found.extend(host_problem(host).map(|problem| (format!("/http/{index}/host"), problem)));
                }
            }
            if rule.host_from.is_some() {
                found.push((format!("/http/{index}/hostFrom"), "a grant names concrete hosts only".to_owned()));
            }
        }
        found
    }
}

/// What is wrong with the host of a rule. It is compared with those of URLs, so that it has to be written as one is there.
fn host_problem(host: &str) -> Option<String> {
    let below = host.strip_prefix("*.");
    let name = below.unwrap_or(host);
    let plain = name.trim_end_matches('.').to_ascii_lowercase();
    match url::Host::parse(&plain) {
        Ok(parsed) if parsed.to_string() != plain => Some(format!("is written `{parsed}` in URLs")),
        Ok(url::Host::Domain(_)) if !plain.contains('*') && (below.is_none() || plain.contains('.')) => None,
        Ok(url::Host::Ipv4(_) | url::Host::Ipv6(_)) if below.is_none() => None,
        _ => Some("is no host, and no `*.` with a domain of two parts or more".to_owned()),
    }
}

/// Whether all that `wanted` asks for is in `rule`. A host that only a config or a setting knows is for the rule to name.
fn covers(rule: &HttpRule, wanted: &HttpRule) -> bool {
    let scheme = |rule: &HttpRule| rule.scheme.as_deref().unwrap_or("https").to_ascii_lowercase();
    let port = |rule: &HttpRule| rule.port.unwrap_or(if scheme(rule) == "http" { 80 } else { 443 });
    let place = wanted.host_from.is_some() || (scheme(rule) == scheme(wanted) && port(rule) == port(wanted));
    place
        && wanted
            .host
            .as_deref()
            .is_none_or(|host| rule.host.as_deref().is_some_and(|granted| host_covers(granted, host)))
        && rule.methods.as_ref().is_none_or(|granted| {
            wanted.methods.as_ref().is_some_and(|methods| {
                methods.iter().all(|method| granted.iter().any(|name| name.eq_ignore_ascii_case(method)))
            })
        })
        && rule
            .path_prefix
            .as_deref()
            .is_none_or(|granted| wanted.path_prefix.as_deref().is_some_and(|path| path_covers(granted, path)))
        && wanted.secrets.iter().all(|name| rule.secrets.contains(name))
}

fn host_covers(granted: &str, host: &str) -> bool {
    let tidy = |host: &str| host.trim_end_matches('.').to_ascii_lowercase();
    let (granted, host) = (tidy(granted), tidy(host));
    if granted == host {
        return true;
    }
    // `*.example.com` covers `a.example.com` and `*.a.example.com`, not `example.com`.
    granted
        .strip_prefix('*')
        .is_some_and(|suffix| suffix.starts_with('.') && host.ends_with(suffix) && host.len() > suffix.len())
}

fn path_covers(granted: &str, path: &str) -> bool {
    let segments = |path: &str| -> Vec<String> {
        path.split('/').filter(|segment| !segment.is_empty()).map(str::to_owned).collect()
    };
    segments(path).starts_with(&segments(granted))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn manifest(http: Value, stateless: bool) -> Manifest {
        let manifest = json!({
            "type": "custom.x", "version": "1.0.0", "name": "X", "outputs": [{"port": "out"}],
            "secrets": [{"name": "key"}], "http": http, "stateless": stateless,
        });
        serde_json::from_value(manifest).unwrap()
    }

    fn is_covered(grant: Value, wanted: Value) -> bool {
        let grant: Grant = serde_json::from_value(json!({"http": [grant]})).unwrap();
        grant.missing(&manifest(json!([wanted]), false), false).is_empty()
    }

    #[test]
    fn a_rule_covers_what_is_no_wider() {
        let host = json!({"host": "api.example.com"});
        for (grant, wanted) in [
            (host.clone(), host.clone()),
            (json!({"host": "API.example.com."}), host.clone()),
            (json!({"host": "*.example.com"}), host.clone()),
            (json!({"host": "*.example.com"}), json!({"host": "*.eu.example.com"})),
            (host.clone(), json!({"host": "api.example.com", "port": 443, "scheme": "https", "methods": ["GET"]})),
            (
                json!({"host": "api.example.com", "methods": ["get", "POST"], "pathPrefix": "/v1"}),
                json!({"host": "api.example.com", "methods": ["GET"], "pathPrefix": "/v1/people"}),
            ),
            (
                json!({"host": "api.example.com", "secrets": ["key", "other"]}),
                json!({"host": "api.example.com", "secrets": ["key"]}),
            ),
            (json!({"host": "db.example", "port": 8000}), json!({"hostFrom": "config:/url"})),
        ] {
            assert!(is_covered(grant.clone(), wanted.clone()), "{grant} {wanted}");
        }
        for (grant, wanted) in [
            (json!({"host": "example.com"}), host.clone()),
            (json!({"host": "*.example.com"}), json!({"host": "example.com"})),
            (json!({"host": "*.example.com"}), json!({"host": "badexample.com"})),
            (host.clone(), json!({"host": "*.example.com"})),
            (host.clone(), json!({"host": "api.example.com", "port": 8443})),
            (host.clone(), json!({"host": "api.example.com", "scheme": "http"})),
            (host.clone(), json!({"host": "api.example.com", "secrets": ["key"]})),
            (json!({"host": "api.example.com", "methods": ["GET"]}), host.clone()),
            (json!({"host": "api.example.com", "pathPrefix": "/v1"}), host.clone()),
            (
                json!({"host": "api.example.com", "pathPrefix": "/v1"}),
                json!({"host": "api.example.com", "pathPrefix": "/v10"}),
            ),
            (json!({"host": "db.example"}), json!({"hostFrom": "config:/url", "secrets": ["key"]})),
        ] {
            assert!(!is_covered(grant.clone(), wanted.clone()), "{grant} {wanted}");
        }
    }

    #[test]
    fn hosts_are_written_as_in_urls() {
        for host in ["api.example.com", "API.example.com.", "*.example.com", "localhost", "127.0.0.1", "[::1]", "a_b.c"]
        {
            assert_eq!(host_problem(host), None, "{host}");
        }
        for host in [
            "",
            "*",
            "*.com",
            "*.",
            "*.*.example.com",
            "a.*.com",
            "*.127.0.0.1",
            "a:8443",
            "a/v1",
            "https://a",
            "u@a",
            "a b",
            "::1",
            "a%2eb",
            "b\u{fc}cher.example",
            "127.1",
            "0x7f.0.0.1",
            "\u{ff41}.example",
            "a\nb",
            "a?b",
        ] {
            let problem = host_problem(host).unwrap_or_else(|| panic!("{host}"));
            assert_eq!(problem.contains("xn--bcher-kva"), host.starts_with("b\u{fc}"), "{problem}");
        }
    }

    #[test]
    fn seeing_secrets_and_being_kept_are_asked_for_too() {
        let asks = manifest(json!([]), true);
        let missing = Grant::default().missing(&asks, true);
        assert_eq!((missing.reveal.as_slice(), missing.stateless), (["key".to_owned()].as_slice(), true));
        assert!(!missing.is_empty());
        let granted = Grant { reveal: vec!["key".into()], stateless: true, ..Grant::default() };
        assert!(granted.missing(&asks, true).is_empty());
        assert!(Grant { stateless: true, ..Grant::default() }.missing(&asks, false).is_empty());
    }
}
