//! URL prefixes that an operator maps to others: for tests, proxies, and services on the inside.

use url::Url;

use super::target::{Target, prefix_segments};
use crate::config::Rewrite;

/// The map. Only what it leads to skips the network guard.
#[derive(Clone, Debug, Default)]
pub(super) struct Rewrites(Vec<(Target, Vec<String>, Url)>);

impl Rewrites {
    /// # Errors
    /// The prefix or target that is no URL.
    pub(super) fn new(rewrites: &[Rewrite]) -> Result<Self, String> {
        let mut read = Vec::new();
        for Rewrite { from, to } in rewrites {
            let wrong = |which: &str, why: String| format!("HTTP rewrite `{from}={to}`: {which}: {why}");
            let prefix = Target::parse(from).map_err(|error| wrong("the prefix", error))?;
            let target = Target::parse(to).map_err(|error| wrong("the target", error))?;
            if target.url.query().is_some() || prefix.url.query().is_some() {
                return Err(wrong("both", "have no query".to_owned()));
            }
            let segments = prefix_segments(prefix.url.path());
            read.push((prefix, segments, target.url));
        }
        // The longest prefix wins.
        read.sort_by_key(|(_, segments, _)| std::cmp::Reverse(segments.len()));
        Ok(Self(read))
    }

    /// Where a request really goes, if it is not where it says.
    pub(super) fn apply(&self, target: &Target) -> Option<Url> {
        let (_, prefix, to) = self.0.iter().find(|(from, prefix, _)| {
            from.scheme == target.scheme
                && from.host == target.host
                && from.port == target.port
                && target.segments.starts_with(prefix)
        })?;
        let mut url = to.clone();
        let rest = target.segments.get(prefix.len()..).unwrap_or_default();
        let base = to.path().trim_end_matches('/');
        let path = if rest.is_empty() { to.path().to_owned() } else { format!("{base}/{}", rest.join("/")) };
        url.set_path(&path);
        url.set_query(target.url.query());
        Some(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewrites(pairs: &[(&str, &str)]) -> Result<Rewrites, String> {
        let pairs = pairs.iter().map(|(from, to)| Rewrite { from: (*from).into(), to: (*to).into() });
        Rewrites::new(&pairs.collect::<Vec<_>>())
    }

    #[test]
    fn a_prefix_is_replaced_segment_by_segment() {
        let map = rewrites(&[
            ("https://api.hunter.io/v2", "http://127.0.0.1:4010"),
            ("https://api.hunter.io/v2/special", "http://127.0.0.1:4011/x/"),
        ])
        .unwrap();
        for (from, to) in [
            (
                "https://api.hunter.io/v2/domain-search?domain=a%20b",
                Some("http://127.0.0.1:4010/domain-search?domain=a%20b"),
            ),
            ("https://API.hunter.io./v2", Some("http://127.0.0.1:4010/")),
            ("https://api.hunter.io/v2/special/a/b", Some("http://127.0.0.1:4011/x/a/b")),
            ("https://api.hunter.io/v22", None),
            ("https://api.hunter.io/", None),
            ("http://api.hunter.io/v2", None),
            ("https://api.hunter.io:444/v2", None),
            ("https://api.hunter.io.evil.example/v2", None),
        ] {
            let found = map.apply(&Target::parse(from).unwrap());
            assert_eq!(found.as_ref().map(Url::as_str), to, "{from}");
        }
    }

    #[test]
    fn what_is_no_url_is_named() {
        assert!(rewrites(&[("api.hunter.io", "http://127.0.0.1")]).unwrap_err().contains("the prefix"));
        assert!(rewrites(&[("https://api.hunter.io", "127.0.0.1:1")]).unwrap_err().contains("the target"));
    }
}
