//! Takes secrets out of what leaves a call, in the spellings that they usually come back in.
//!
//! This is a second line: whoever got a secret can still transform it. The first one is that it goes nowhere else.

use std::collections::BTreeSet;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::Found;

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What others leave besides: JavaScript's `encodeURIComponent`, Python's `quote`, and forms of the URL standard.
const KEPT: [&AsciiSet; 3] = [
    &UNRESERVED.remove(b'!').remove(b'*').remove(b'\'').remove(b'(').remove(b')'),
    &UNRESERVED.remove(b'/'),
    &UNRESERVED.add(b'~').remove(b'*'),
];

/// Knows some secrets in many spellings.
#[derive(Debug)]
pub struct Scrubber {
    patterns: AhoCorasick,
    /// What stands in a pattern's place, by its number.
    replacements: Vec<String>,
}

impl Scrubber {
    /// For these secrets; `None` if the patterns cannot be built, which their bounded size rules out.
    pub(super) fn new<'a>(secrets: impl Iterator<Item = &'a Found>) -> Option<Self> {
        let mut patterns = Vec::new();
        let mut replacements = Vec::new();
        for secret in secrets {
            for spelling in spellings(secret.value.expose()) {
                patterns.push(spelling);
                replacements.push(format!("[secret {}]", secret.name));
            }
        }
        let patterns = AhoCorasickBuilder::new().match_kind(MatchKind::LeftmostLongest).build(patterns).ok()?;
        Some(Self { patterns, replacements })
    }

    /// Scrub text in place.
    pub fn text(&self, text: &mut String) {
        if self.patterns.is_match(text.as_str()) {
            *text = self.patterns.replace_all(text, &self.replacements);
        }
    }

    /// Scrub bytes in place.
    pub fn bytes(&self, bytes: &mut Vec<u8>) {
        if self.patterns.is_match(bytes.as_slice()) {
            *bytes = self.patterns.replace_all_bytes(bytes, &self.replacements);
        }
    }

    /// Scrub JSON text in place. It stays JSON, also if a secret stood in it as a number.
    pub fn json(&self, text: &mut String) {
        if !self.patterns.is_match(text.as_str()) {
            return;
        }
        let scrubbed = self.patterns.replace_all(text, &self.replacements);
        if serde_json::from_str::<&serde_json::value::RawValue>(&scrubbed).is_ok() {
            *text = scrubbed;
        } else if let Ok(mut value) = serde_json::from_str(text) {
            self.value(&mut value);
            *text = value.to_string();
        } else {
            // It was no JSON before either.
            *text = scrubbed;
        }
    }

    fn value(&self, value: &mut Value) {
        match value {
            Value::String(text) => self.text(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item)),
            Value::Object(members) => {
                let scrubbed = std::mem::take(members).into_iter().map(|(mut key, mut member)| {
                    self.text(&mut key);
                    self.value(&mut member);
                    (key, member)
                });
                *members = scrubbed.collect();
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {
                let mut text = value.to_string();
                if self.patterns.is_match(text.as_str()) {
                    self.text(&mut text);
                    *value = Value::String(text);
                }
            }
        }
    }
}

/// Raw, percent-encoded, JSON-escaped, hexadecimal, and base64 at each of its three alignments.
fn spellings(text: &str) -> BTreeSet<Vec<u8>> {
    let mut found = BTreeSet::new();
    let mut add = |spelling: String| found.insert(spelling.into_bytes());
    add(text.to_owned());
    let encoded = utf8_percent_encode(text, UNRESERVED).to_string();
    add(lower_case_escapes(&encoded));
    add(encoded.replace("%20", "+"));
    add(encoded);
    for kept in KEPT {
        let encoded = utf8_percent_encode(text, kept).to_string();
        add(lower_case_escapes(&encoded));
        add(encoded.replace("%20", "+"));
        add(encoded);
    }
    // As browsers and many servers leave it: only what would end a query value.
    add(utf8_percent_encode(text, percent_encoding::CONTROLS).to_string());
    let escaped = serde_json::to_string(text).unwrap_or_default();
    let escaped = escaped.trim_start_matches('"').strip_suffix('"').unwrap_or_default().to_owned();
    add(escaped.replace('/', "\\/"));
    add(ascii_escaped(&escaped));
    add(escaped);
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    add(hex.to_ascii_uppercase());
    add(hex);
    for before in 0..3 {
        let mut bytes = vec![0; before];
        bytes.extend_from_slice(text.as_bytes());
        // The characters that depend on the secret alone, whatever stands around it.
        let (from, to) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
        for base64 in [STANDARD.encode(&bytes), URL_SAFE.encode(&bytes)] {
            if let Some(stable) = base64.get(from..to) {
                add(stable.to_owned());
            }
        }
    }
    found.remove(&b""[..]);
    found
}

/// `%2F` as `%2f`.
fn lower_case_escapes(text: &str) -> String {
    let mut left = 0;
    let lower = text.chars().map(|c| {
        left = if c == '%' { 3_u8 } else { left.saturating_sub(1) };
        if left > 0 { c.to_ascii_lowercase() } else { c }
    });
    lower.collect()
}

/// What is no ASCII as `\u00fc`.
fn ascii_escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii() {
            escaped.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            escaped.push_str(&format!("\\u{unit:04x}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "s3cr/t+ü\"x\\=y z";

    fn scrubber(texts: &[&str]) -> Scrubber {
        let found: Vec<_> = texts
            .iter()
            .map(|text| Found {
                name: "key".into(),
                value: crate::domain::SecretText::new((*text).to_owned()).unwrap(),
                hosts: None,
            })
            .collect();
        Scrubber::new(found.iter()).unwrap()
    }

    fn scrub(text: &str) -> String {
        let mut text = text.to_owned();
        scrubber(&[SECRET]).text(&mut text);
        text
    }

    #[test]
    fn every_spelling_is_found() {
        for spelling in [
            SECRET.to_owned(),
            "s3cr%2Ft%2B%C3%BC%22x%5C%3Dy%20z".to_owned(),
            "s3cr%2ft%2b%c3%bc%22x%5c%3dy%20z".to_owned(),
            "s3cr%2Ft%2B%C3%BC%22x%5C%3Dy+z".to_owned(),
            "s3cr/t%2B%C3%BC%22x%5C%3Dy%20z".to_owned(),
            serde_json::to_string(SECRET).unwrap(),
            "s3cr/t+\\u00fc\\\"x\\\\=y z".to_owned(),
            "s3cr\\/t+ü\\\"x\\\\=y z".to_owned(),
            SECRET.bytes().map(|byte| format!("{byte:02x}")).collect(),
            SECRET.bytes().map(|byte| format!("{byte:02X}")).collect(),
        ] {
            let scrubbed = scrub(&format!("before {spelling} after"));
            assert!(scrubbed.contains("[secret key]") && scrubbed.starts_with("before "), "{spelling}: {scrubbed}");
        }
        for before in ["", "a", "ab", "abc", "user:"] {
            for after in ["", "!", "!!", "!!!"] {
                let text = format!("{before}{SECRET}{after}");
                for base64 in [STANDARD.encode(&text), URL_SAFE.encode(&text)] {
                    assert!(scrub(&base64).contains("[secret key]"), "{before:?} {after:?} {base64}");
                }
            }
        }
    }

    #[test]
    fn other_text_is_left_alone() {
        for text in ["", "s3cr/t", "S3CR/T+Ü", "nothing to see"] {
            assert_eq!(scrub(text), text);
        }
        let mut bytes = b"\xff\xfe s3cret-bytes \xff".to_vec();
        scrubber(&["s3cret-bytes"]).bytes(&mut bytes);
        assert_eq!(bytes, b"\xff\xfe [secret key] \xff");
    }

    #[test]
    fn json_stays_json() {
        let scrubber = scrubber(&["12345678", "true-secret"]);
        for (json, expected) in [
            (r#"{"a": "12345678"}"#, r#"{"a": "[secret key]"}"#),
            (r#"{"a": 12345678, "b": [912345678.5]}"#, r#"{"a":"[secret key]","b":["9[secret key].5"]}"#),
            (r#"{"12345678": "x"}"#, r#"{"[secret key]": "x"}"#),
            (r#"{"a": 1}"#, r#"{"a": 1}"#),
        ] {
            let mut text = json.to_owned();
            scrubber.json(&mut text);
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn the_longest_of_overlapping_secrets_is_taken() {
        let mut text = "abcdefgh12345678".to_owned();
        scrubber(&["abcdefgh", "abcdefgh12345678"]).text(&mut text);
        assert_eq!(text, "[secret key]");
    }
}
