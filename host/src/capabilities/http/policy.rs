//! Whether a block may send a request: what its manifest asks, and what the operator granted.

use std::collections::BTreeSet;

use super::target::{Scheme, Target, prefix_segments};
use crate::domain::block::HttpRule;

/// What one call may send.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    asked: Vec<Rule>,
    granted: Vec<Rule>,
}

#[derive(Clone, Debug)]
struct Rule {
    scheme: Scheme,
    host: HostPattern,
    port: u16,
    methods: Option<Vec<String>>,
    prefix: Vec<String>,
    secrets: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
enum HostPattern {
    Exact(String),
    /// The domain, with a dot before it.
    Below(String),
}

impl Policy {
    /// Of the manifest's rules, in which `hostFrom` was replaced by hosts, and the grant's.
    pub fn new(asked: &[HttpRule], granted: &[HttpRule]) -> Self {
        let rules = |list: &[HttpRule]| list.iter().filter_map(Rule::new).collect();
        Self { asked: rules(asked), granted: rules(granted) }
    }

    /// Secrets that some rule of both sides lets go somewhere.
    pub fn secrets(&self) -> BTreeSet<&str> {
        let of =
            |rules: &'_ [Rule]| -> BTreeSet<String> { rules.iter().flat_map(|rule| rule.secrets.clone()).collect() };
        let granted = of(&self.granted);
        self.asked
            .iter()
            .flat_map(|rule| &rule.secrets)
            .filter(|name| granted.contains(*name))
            .map(String::as_str)
            .collect()
    }

    /// The secrets that may go into a request.
    ///
    /// # Errors
    /// Why it may not be sent at all.
    pub(super) fn permit(&self, block: &str, method: &str, target: &Target) -> Result<BTreeSet<String>, String> {
        let what = || format!("{method} {}{}", target.origin(), shown_path(target));
        let asked: Vec<&Rule> = self.asked.iter().filter(|rule| rule.covers(method, target)).collect();
        if asked.is_empty() {
            return Err(format!("the manifest of block `{block}` does not ask for {}", what()));
        }
        let granted: Vec<&Rule> = self.granted.iter().filter(|rule| rule.covers(method, target)).collect();
        if granted.is_empty() {
            return Err(format!("block `{block}` is not granted {}", what()));
        }
        // A wildcard is no promise about who answers: a secret goes to hosts that the grant spells out.
        let exact = granted.iter().filter(|rule| matches!(rule.host, HostPattern::Exact(_)));
        let may: BTreeSet<&String> = exact.flat_map(|rule| &rule.secrets).collect();
        Ok(asked.iter().flat_map(|rule| &rule.secrets).filter(|name| may.contains(name)).cloned().collect())
    }
}

/// The path, without the query, cut short.
fn shown_path(target: &Target) -> String {
    target.url.path().chars().take(100).collect()
}

impl Rule {
    /// `None` for a rule that can never match.
    fn new(rule: &HttpRule) -> Option<Self> {
        let scheme = rule.scheme.as_deref().map_or(Some(Scheme::Https), Scheme::from_name)?;
        let host = rule.host.as_deref()?.trim_end_matches('.').to_ascii_lowercase();
        let host = match host.strip_prefix('*') {
            None => HostPattern::Exact(host),
            Some(domain) if domain.len() > 2 && domain.starts_with('.') => HostPattern::Below(domain.to_owned()),
            Some(_) => return None,
        };
        Some(Self {
            scheme,
            host,
            port: rule.port.unwrap_or(scheme.default_port()),
            methods: rule.methods.clone(),
            prefix: rule.path_prefix.as_deref().map(prefix_segments).unwrap_or_default(),
            secrets: rule.secrets.clone(),
        })
    }

    fn covers(&self, method: &str, target: &Target) -> bool {
        self.scheme == target.scheme
            && self.port == target.port
            && self.methods.as_ref().is_none_or(|methods| methods.iter().any(|known| known == method))
            && self.host.covers(&target.host)
            && target.segments.starts_with(&self.prefix)
    }
}

impl HostPattern {
    fn covers(&self, host: &str) -> bool {
        match self {
            Self::Exact(known) => known == host,
            Self::Below(domain) => host.len() > domain.len() && host.ends_with(domain.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(host: &str, secrets: &[&str]) -> HttpRule {
        HttpRule {
            host: Some(host.to_owned()),
            secrets: secrets.iter().map(|name| (*name).to_owned()).collect(),
            ..HttpRule::default()
        }
    }

    fn permit(policy: &Policy, method: &str, url: &str) -> Result<Vec<String>, String> {
        let target = Target::parse(url)?;
        policy.permit("test.block", method, &target).map(|names| names.into_iter().collect())
    }

    #[test]
    fn both_the_manifest_and_the_grant_have_to_cover_a_request() {
        let (a, b) = (rule("a.example", &[]), rule("b.example", &[]));
        let policy = Policy::new(&[a.clone(), b.clone()], &[b, rule("c.example", &[])]);
        assert!(permit(&policy, "GET", "https://b.example/").is_ok());
        assert!(permit(&policy, "GET", "https://a.example/").unwrap_err().contains("is not granted"));
        assert!(permit(&policy, "GET", "https://c.example/").unwrap_err().contains("does not ask for"));
        assert!(permit(&Policy::default(), "GET", "https://a.example/").is_err());
    }

    #[test]
    fn scheme_port_method_and_path_are_compared() {
        let v2 =
            HttpRule { methods: Some(vec!["GET".into()]), path_prefix: Some("/v2/".into()), ..rule("a.example", &[]) };
        let policy = Policy::new(std::slice::from_ref(&v2), std::slice::from_ref(&v2));
        for url in
            ["https://a.example/v2", "https://a.example/v2/x", "https://a.example:443/v2/?q", "https://A.example./v2"]
        {
            assert!(permit(&policy, "GET", url).is_ok(), "{url}");
        }
        for url in [
            "http://a.example/v2",
            "https://a.example:8443/v2",
            "https://a.example/",
            "https://a.example/v22",
            "https://a.example/V2/x",
            "https://a.example//v2/x",
            "https://a.example/v2/../admin",
            "https://a.example/v2/%2e%2e/admin",
            "https://a.example/%76%32",
            "https://x.a.example/v2",
            "https://a.example.evil.example/v2",
            "https://aaexample/v2",
        ] {
            assert!(permit(&policy, "GET", url).is_err(), "{url}");
        }
        assert!(permit(&policy, "POST", "https://a.example/v2").is_err());
        assert!(permit(&policy, "get", "https://a.example/v2").is_err());
        let plain = HttpRule { scheme: Some("http".into()), port: Some(8080), ..rule("a.example", &[]) };
        let policy = Policy::new(std::slice::from_ref(&plain), std::slice::from_ref(&plain));
        assert!(permit(&policy, "GET", "http://a.example:8080/").is_ok());
        assert!(permit(&policy, "GET", "http://a.example/").is_err());
        assert!(permit(&policy, "GET", "https://a.example:8080/").is_err());
    }

    #[test]
    fn a_wildcard_covers_subdomains_and_gets_no_secret() {
        let any = rule("*.a.example", &["key"]);
        let policy = Policy::new(std::slice::from_ref(&any), &[any.clone(), rule("exact.a.example", &["key"])]);
        assert_eq!(permit(&policy, "GET", "https://x.y.a.example/").unwrap(), Vec::<String>::new());
        assert_eq!(permit(&policy, "GET", "https://exact.a.example/").unwrap(), ["key"]);
        for url in ["https://a.example/", "https://xa.example/", "https://.a.example/"] {
            assert!(permit(&policy, "GET", url).is_err(), "{url}");
        }
        for host in ["*", "*.", "*.*", "*example", ""] {
            let rules = [rule(host, &[])];
            assert!(permit(&Policy::new(&rules, &rules), "GET", "https://a.example/").is_err(), "{host}");
        }
    }

    #[test]
    fn a_secret_goes_where_both_sides_name_it() {
        let asked = [rule("a.example", &["key", "other"]), rule("b.example", &["key"])];
        let granted = [rule("a.example", &["key"]), rule("b.example", &[])];
        let policy = Policy::new(&asked, &granted);
        assert_eq!(permit(&policy, "GET", "https://a.example/").unwrap(), ["key"]);
        assert_eq!(permit(&policy, "GET", "https://b.example/").unwrap(), Vec::<String>::new());
        assert_eq!(policy.secrets().into_iter().collect::<Vec<_>>(), ["key"]);
    }
}
