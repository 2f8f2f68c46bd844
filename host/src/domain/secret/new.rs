//! A secret as a caller gives it.

use zeroize::Zeroizing;

use super::{Owner, SecretName, SecretText};
use crate::domain::{BlockType, Problem, problem};

/// A secret about to be stored.
#[derive(Clone, Debug)]
pub struct NewSecret {
    /// Its name.
    pub name: SecretName,
    /// Whose it is to be.
    pub owner: Owner,
    /// Its text.
    pub value: SecretText,
    /// As in [`SecretInfo`](super::SecretInfo).
    pub hosts: Vec<String>,
    /// As in [`SecretInfo`](super::SecretInfo).
    pub blocks: Option<Vec<BlockType>>,
}

/// Most hosts, and most blocks, that one secret may name.
pub const MOST_PLACES: usize = 64;

impl NewSecret {
    /// A secret of what a caller gave; hosts and blocks come out sorted, each once.
    ///
    /// # Errors
    /// All that is wrong, with pointers to the fields `value`, `hosts` and `blocks`. Messages repeat nothing of what
    /// was given: a caller may have mixed up the fields.
    pub fn parse(
        name: SecretName,
        owner: Owner,
        value: Zeroizing<String>,
        hosts: &[String],
        blocks: Option<&[String]>,
    ) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let value = SecretText::new(value);
        if let Err(bad) = &value {
            problems.push(Problem::new("/value", bad.code(), format!("the value {bad}")));
        }
        let hosts = places("/hosts", hosts, host_name, &mut problems);
        let block = |text: &str| text.parse::<BlockType>().map_err(|_| "is no block type such as `api.hunter`");
        let blocks = blocks.map(|blocks| places("/blocks", blocks, block, &mut problems));
        match value {
            Ok(value) if problems.is_empty() => Ok(Self { name, owner, value, hosts, blocks }),
            _ => Err(problems),
        }
    }
}

/// What `read` makes of each of `texts`, or what is wrong with them.
fn places<T: Ord>(
    field: &str,
    texts: &[String],
    read: impl Fn(&str) -> Result<T, &'static str>,
    problems: &mut Vec<Problem>,
) -> Vec<T> {
    if texts.is_empty() {
        problems.push(Problem::new(field, "empty", "the list is empty; at least one has to be named"));
    }
    if texts.len() > MOST_PLACES {
        problems.push(Problem::new(field, "too-many", format!("the list has more than {MOST_PLACES} entries")));
        return Vec::new();
    }
    let mut found = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        match read(text) {
            Ok(place) => found.push(place),
            Err(what) => problems.push(Problem::new(problem::pointer(field, index), "invalid", what)),
        }
    }
    found.sort();
    found.dedup();
    found
}

/// One exact host in the form in which hosts are compared: lower-case, international names in their ASCII form, IPv6
/// addresses in brackets, without the dot that a full name may end with.
///
/// # Errors
/// If it is no host. The error says why and holds nothing of `text`.
pub fn host_name(text: &str) -> Result<String, &'static str> {
    const BARE: &str = "is no bare host name such as `api.example.com`: no scheme, port, path or spaces";
    if text.contains('*') {
        return Err("holds a wildcard; a secret names each of its hosts in full");
    }
    // The parser would decode these.
    if text.contains('%') {
        return Err(BARE);
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    let host = url::Host::parse(name).map_err(|_| BARE)?.to_string();
    let labels_are_fine = host.starts_with('[') || host.split('.').all(|label| (1..=63).contains(&label.len()));
    if labels_are_fine && host.len() <= 253 { Ok(host) } else { Err(BARE) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_have_one_form() {
        for (text, host) in [
            ("API.Example.COM.", "api.example.com"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("127.0.0.1", "127.0.0.1"),
            ("[::0:1]", "[::1]"),
            ("localhost", "localhost"),
        ] {
            assert_eq!(host_name(text).as_deref(), Ok(host));
        }
        let long = format!("{}.com", "a".repeat(64));
        for text in [
            "",
            ".",
            "..",
            "a..",
            ".a",
            "a..b",
            "*.example.com",
            "*",
            "https://a.b",
            "a.b:443",
            "a.b/c",
            "u@a.b",
            "a b",
            "a.b?",
            "%61.b",
            "a\n.b",
            "[::1",
            "1.2.3.999",
            &long,
        ] {
            assert!(host_name(text).is_err(), "{text}");
        }
    }

    #[test]
    fn all_that_is_wrong_is_told_with_its_place() {
        let name = || "x".parse::<SecretName>().unwrap();
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let value = || Zeroizing::new("canary-1".to_owned());
        let fine = NewSecret::parse(name(), Owner::Shared, value(), &texts(&["B.x", "a.x", "b.x."]), None).unwrap();
        assert_eq!(fine.hosts, ["a.x", "b.x"]);
        let hosts = texts(&["a.x", "canary-1 "]);
        let blocks = texts(&["canary-1"]);
        let short = Zeroizing::new("canary".to_owned());
        let problems = NewSecret::parse(name(), Owner::Shared, short, &hosts, Some(&blocks)).unwrap_err();
        let pointers: Vec<_> = problems.iter().map(|problem| problem.pointer.as_str()).collect();
        assert_eq!(pointers, ["/value", "/hosts/1", "/blocks/0"]);
        assert!(problems.iter().all(|problem| !problem.message.contains("canary")), "{problems:?}");
        let none = NewSecret::parse(name(), Owner::Shared, value(), &[], Some(&[])).unwrap_err();
        assert_eq!(none.iter().map(|problem| problem.pointer.as_str()).collect::<Vec<_>>(), ["/hosts", "/blocks"]);
        let many = vec!["a.x".to_owned(); 65];
        assert_eq!(NewSecret::parse(name(), Owner::Shared, value(), &many, None).unwrap_err()[0].code, "too-many");
    }
}
