//! What an operator allows a block.

use serde::{Deserialize, Serialize};

use super::block::{HttpRule, Manifest};
use super::object;

/// What a block type may do, of what its manifest asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Grant {
    /// Where it may go. A rule here names concrete hosts, never `hostFrom`.
    #[serde(default, deserialize_with = "object::list")]
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
        let secrets = || manifest.secrets.iter().map(|slot| &slot.name);
        let sees_some = secrets().any(|name| self.reveal.contains(name));
        Missing {
            http: self.uncovered(&manifest.http),
            reveal: if reveals && !sees_some { secrets().cloned().collect() } else { Vec::new() },
            stateless: manifest.stateless && !self.stateless,
        }
    }

    /// What `other` allows beyond this.
    pub fn lacks(&self, other: &Self) -> Missing {
        Missing {
            http: self.uncovered(&other.http),
            reveal: other.reveal.iter().filter(|name| !self.reveal.contains(name)).cloned().collect(),
            stateless: other.stateless && !self.stateless,
        }
    }

    fn uncovered(&self, wanted: &[HttpRule]) -> Vec<HttpRule> {
        wanted.iter().filter(|wanted| !self.http.iter().any(|rule| covers(rule, wanted))).cloned().collect()
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
        if self.http.len() > MOST_RULES {
            found.push(("/http".to_owned(), format!("has more than {MOST_RULES} rules")));
        }
        for (index, rule) in self.http.iter().enumerate().take(MOST_RULES) {
            let mut at = |member: &str, problem: String| found.push((format!("/http/{index}/{member}"), problem));
            if rule.host.is_none() {
                at("host", "a grant names a concrete host".to_owned());
            }
            if rule.host_from.is_some() {
                at("hostFrom", "a grant names concrete hosts only".to_owned());
            }
            rule_problems(rule).into_iter().for_each(|(member, problem)| at(member, problem));
        }
        for (index, name) in self.reveal.iter().enumerate() {
            found.extend(name_problem(name).map(|problem| (format!("/reveal/{index}"), problem)));
        }
        found
    }
}

/// Most rules of one grant.
const MOST_RULES: usize = 1_000;

/// What is wrong with a rule, of a manifest or a grant, by member: each could never fit a request.
pub fn rule_problems(rule: &HttpRule) -> Vec<(&'static str, String)> {
    let methods = rule.methods.as_deref().unwrap_or_default();
    let is_method = |name: &String| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase());
    let found = [
        ("host", rule.host.as_deref().and_then(host_problem)),
        (
            "scheme",
            match rule.scheme.as_deref() {
                None | Some("http" | "https") => None,
                Some(_) => Some("is neither `https` nor `http`".to_owned()),
            },
        ),
        ("port", (rule.port == Some(0)).then(|| "is no port".to_owned())),
        (
            "methods",
            match &rule.methods {
                Some(list) if list.is_empty() => Some("allows no method; without it all are allowed".to_owned()),
                _ => methods
                    .iter()
                    .find(|name| !is_method(name))
                    .map(|name| format!("`{name}` is no method in capitals")),
            },
        ),
        ("pathPrefix", rule.path_prefix.as_deref().and_then(path_problem)),
        ("secrets", rule.secrets.iter().find_map(|name| name_problem(name))),
    ];
    found.into_iter().filter_map(|(member, problem)| Some((member, problem?))).collect()
}

fn name_problem(name: &str) -> Option<String> {
    let is_odd = name.is_empty() || name.chars().any(char::is_control);
    is_odd.then(|| "a secret has a name, without control characters".to_owned())
}

/// What is wrong with a prefix of paths. It is compared with those of URLs, segment by segment, so that it has to be
/// written as one is there.
fn path_problem(path: &str) -> Option<String> {
    if !path.starts_with('/') {
        return Some("starts with no `/`".to_owned());
    }
    if path.contains("//") {
        return Some("has an empty segment".to_owned());
    }
    let Ok(url) = url::Url::parse(&format!("https://host.example{path}")) else {
        return Some("is no path of a URL".to_owned());
    };
    if url.query().is_some() || url.fragment().is_some() {
        return Some("has a query or a fragment".to_owned());
    }
    let escapes = url.path().match_indices('%').map(|(at, _)| url.path().get(at + 1..at + 3).unwrap_or_default());
    if escapes.clone().any(|hex| ["2F", "5C"].contains(&hex.to_ascii_uppercase().as_str())) {
        return Some("has an escaped slash".to_owned());
    }
    if escapes.clone().any(|hex| hex != hex.to_ascii_uppercase()) {
        return Some("has escapes in small letters; URLs are compared with capitals".to_owned());
    }
    (url.path() != path).then(|| format!("is written `{}` in URLs", url.path()))
}

/// What is wrong with the host of a rule. It is compared with those of URLs, so that it has to be written as one is there.
fn host_problem(host: &str) -> Option<String> {
    let below = host.strip_prefix("*.");
    let name = below.unwrap_or(host);
    let plain = name.trim_end_matches('.').to_ascii_lowercase();
    if plain.starts_with('-') || plain.ends_with('-') {
        return Some("is no host".to_owned());
    }
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
    fn what_could_never_fit_a_request_is_no_rule() {
        let problems = |rule: Value| {
            let mut rule = rule;
            rule["host"] = json!("api.example.com");
            let grant: Grant = serde_json::from_value(json!({"http": [rule]})).unwrap();
            grant.problems().into_iter().map(|(pointer, _)| pointer).collect::<Vec<_>>()
        };
        for fine in [
            json!({}),
            json!({"pathPrefix": "/"}),
            json!({"pathPrefix": "/v1/"}),
            json!({"pathPrefix": "/z%C3%BCrich/a%20b;c=1", "methods": ["GET", "POST"], "scheme": "http", "port": 1}),
        ] {
            assert_eq!(problems(fine.clone()), Vec::<String>::new(), "{fine}");
        }
        for (member, values) in [
            (
                "pathPrefix",
                json!([
                    "",
                    "v1",
                    "/v1/../a",
                    "/v1/%2e%2e/a",
                    "/v1?x",
                    "/a#b",
                    "/a\nb",
                    "//v1",
                    "/z\u{fc}rich",
                    "/a b",
                    "/z%c3%bcrich",
                    "/a%2fb",
                    "/a%5Cb",
                    "/a\\b",
                    "/.",
                    "/a/./b"
                ]),
            ),
            ("methods", json!([[], [""], ["get"], ["G ET"], ["GET", "Post"]])),
            ("scheme", json!(["HTTPS", "ftp", ""])),
            ("port", json!([0])),
            ("secrets", json!([[""], ["a\nb"]])),
        ] {
            for value in values.as_array().unwrap() {
                assert_eq!(problems(json!({member: value})), [format!("/http/0/{member}")], "{value}");
            }
        }
        let many = Grant { http: vec![HttpRule::default(); 1001], ..Grant::default() };
        assert_eq!(many.problems()[0].0, "/http");
        for list in [json!({"http": [["a.example"]]}), json!({"http": [[]]})] {
            assert!(serde_json::from_value::<Grant>(list.clone()).is_err(), "{list}");
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
