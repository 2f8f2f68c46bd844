//! Random texts that stand for secrets in the requests of one call, for guests whose HTTP client knows no handles.
//!
//! A guest may write such a text wherever its client lets it; the host puts the secret in its place on the way out. The
//! text itself is worth nothing: no other call knows it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use aho_corasick::AhoCorasick;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};

use crate::capabilities::vault::{NoRandomness, fill_random};

/// What all of them begin with.
const PREFIX: &str = "blockyard-secret-";
/// Random bytes of each.
const RANDOM_BYTES: usize = 20;

/// All but RFC 3986's unreserved characters.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The placeholders of one call. Cloning is cheap.
#[derive(Clone, Default)]
pub struct Placeholders(Option<Arc<Known>>);

struct Known {
    /// With their slots.
    tokens: Vec<(String, String)>,
    finder: AhoCorasick,
}

/// How a text stands where a placeholder was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::capabilities) enum Spelling {
    /// As it is.
    Raw,
    /// Inside of a JSON string.
    Json,
    /// Percent-encoded, as in queries and forms.
    Percent,
}

/// What goes in the places of placeholders, by their slots.
pub(in crate::capabilities) type Placed<'a> = BTreeMap<&'a str, Cow<'a, str>>;

impl Placeholders {
    /// One for each of these slots.
    ///
    /// # Errors
    /// If the operating system gives no random bytes.
    pub fn new<'a>(slots: impl IntoIterator<Item = &'a str>) -> Result<Self, NoRandomness> {
        let mut tokens = Vec::new();
        for slot in slots {
            let mut random = [0; RANDOM_BYTES];
            fill_random(&mut random)?;
            let hex = random.iter().map(|byte| format!("{byte:02x}"));
            tokens.push((std::iter::once(PREFIX.to_owned()).chain(hex).collect(), slot.to_owned()));
        }
        // It fails for patterns of many megabytes only; then there are none.
        let finder = AhoCorasick::new(tokens.iter().map(|(token, _): &(String, String)| token)).ok();
        let known = finder.filter(|_| !tokens.is_empty()).map(|finder| Arc::new(Known { tokens, finder }));
        Ok(Self(known))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The placeholders by slot, for the guest.
    pub fn by_slot(&self) -> BTreeMap<&str, &str> {
        let tokens = self.0.iter().flat_map(|known| &known.tokens);
        tokens.map(|(token, slot)| (slot.as_str(), token.as_str())).collect()
    }

    /// The slots whose placeholders stand in `bytes`.
    pub(in crate::capabilities) fn slots_in(&self, spelling: Spelling, bytes: &[u8]) -> BTreeSet<&str> {
        let Some(known) = &self.0 else { return BTreeSet::new() };
        known.finder.find_iter(&*decoded(spelling, bytes)).map(|found| known.slot(found.pattern().as_usize())).collect()
    }

    /// `bytes` with `placed` in the places of the placeholders, spelled as it fits there. A placeholder whose slot is not
    /// in `placed` stays. `None` if the outcome would be longer than `limit`.
    pub(in crate::capabilities) fn replaced(
        &self,
        spelling: Spelling,
        bytes: &[u8],
        placed: &Placed<'_>,
        limit: usize,
    ) -> Option<Vec<u8>> {
        let mut written = Vec::with_capacity(bytes.len().min(limit));
        let mut add = |piece: &[u8]| {
            written.extend_from_slice(piece);
            written.len() <= limit
        };
        let mut done = 0;
        for (slot, range) in self.places(spelling, bytes) {
            let Some(text) = placed.get(slot) else { continue };
            if !add(&bytes[done..range.start]) || !add(spelled(spelling, text).as_bytes()) {
                return None;
            }
            done = range.end;
        }
        add(&bytes[done..]).then_some(written)
    }

    /// Where in `bytes` placeholders stand, in their order.
    fn places(&self, spelling: Spelling, bytes: &[u8]) -> Vec<(&str, Range<usize>)> {
        let Some(known) = &self.0 else { return Vec::new() };
        let decoded = decoded(spelling, bytes);
        let found = known.finder.find_iter(&*decoded);
        let found = found.map(|found| (known.slot(found.pattern().as_usize()), found.range()));
        if matches!(decoded, Cow::Borrowed(_)) {
            return found.collect();
        }
        // From places in what was decoded to those in what came.
        let (mut at, mut before) = (0, 0);
        let mut original = |target: usize| {
            while before < target {
                at += if is_escape(&bytes[at..]) { 3 } else { 1 };
                before += 1;
            }
            at
        };
        found.map(|(slot, range)| (slot, original(range.start)..original(range.end))).collect()
    }
}

impl Known {
    fn slot(&self, index: usize) -> &str {
        self.tokens.get(index).map_or("", |(_, slot)| slot)
    }
}

fn decoded(spelling: Spelling, bytes: &[u8]) -> Cow<'_, [u8]> {
    if spelling == Spelling::Percent { percent_decode(bytes).into() } else { bytes.into() }
}

fn is_escape(bytes: &[u8]) -> bool {
    matches!(bytes, [b'%', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
}

fn spelled(spelling: Spelling, text: &str) -> Cow<'_, str> {
    match spelling {
        Spelling::Raw => text.into(),
        Spelling::Percent => utf8_percent_encode(text, ENCODED).into(),
        Spelling::Json => {
            let quoted = serde_json::Value::from(text).to_string();
            let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            inner.unwrap_or_default().to_owned().into()
        }
    }
}

impl std::fmt::Debug for Placeholders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.by_slot().keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placeholders() -> (Placeholders, String, String) {
        let all = Placeholders::new(["key", "other"]).unwrap();
        let token = |slot: &str| all.by_slot()[slot].to_owned();
        let (key, other) = (token("key"), token("other"));
        (all, key, other)
    }

    #[test]
    fn each_is_random_and_safe_everywhere() {
        let (_, key, other) = placeholders();
        let (_, again, _) = placeholders();
        assert!(key != other && key != again);
        assert!(key.len() >= PREFIX.len() + 32, "128 bits at least");
        assert!(key.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'));
        let none = Placeholders::new([]).unwrap();
        assert!(none.by_slot().is_empty() && none.slots_in(Spelling::Raw, key.as_bytes()).is_empty());
    }

    #[test]
    fn a_secret_is_spelled_as_its_place_wants_it() {
        let (all, key, other) = placeholders();
        let placed = Placed::from([("key", "a\"b\\c & ü".into())]);
        let replaced = |spelling, text: &str| {
            String::from_utf8(all.replaced(spelling, text.as_bytes(), &placed, 1_000).unwrap()).unwrap()
        };
        assert_eq!(replaced(Spelling::Raw, &format!("<{key}>{key}")), "<a\"b\\c & ü>a\"b\\c & ü");
        assert_eq!(replaced(Spelling::Json, &format!(r#"{{"k":"{key}"}}"#)), r#"{"k":"a\"b\\c & ü"}"#);
        assert_eq!(replaced(Spelling::Percent, &format!("k={key}&x=1")), "k=a%22b%5Cc%20%26%20%C3%BC&x=1");
        // One without a text stays.
        assert_eq!(replaced(Spelling::Raw, &format!("{other} {key}")), format!("{other} a\"b\\c & ü"));
        assert_eq!(replaced(Spelling::Percent, "100%&a=%zz&b=%"), "100%&a=%zz&b=%");
    }

    #[test]
    fn an_escaped_placeholder_is_found_between_other_escapes() {
        let (all, key, _) = placeholders();
        let placed = Placed::from([("key", "12345678".into())]);
        let escaped: String = key.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let dashes = key.replace('-', "%2D");
        let query = format!("q=%C3%BC%&%41={escaped}&b={dashes}%20&c={key}%2");
        assert_eq!(all.slots_in(Spelling::Percent, query.as_bytes()), BTreeSet::from(["key"]));
        assert!(all.slots_in(Spelling::Raw, escaped.as_bytes()).is_empty());
        let replaced = all.replaced(Spelling::Percent, query.as_bytes(), &placed, 1_000).unwrap();
        assert_eq!(String::from_utf8(replaced).unwrap(), "q=%C3%BC%&%41=12345678&b=12345678%20&c=12345678%2");
    }

    #[test]
    fn what_grows_beyond_the_limit_is_given_up() {
        let (all, key, _) = placeholders();
        let long = "s".repeat(10_000);
        let placed = Placed::from([("key", long.as_str().into())]);
        assert!(all.replaced(Spelling::Raw, key.repeat(10).as_bytes(), &placed, 100_000).is_some());
        assert!(all.replaced(Spelling::Raw, key.repeat(11).as_bytes(), &placed, 100_000).is_none());
    }

    #[test]
    fn debug_shows_no_placeholder() {
        let (all, key, _) = placeholders();
        assert!(!format!("{all:?}").contains(&key));
    }
}
