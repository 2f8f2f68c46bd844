//! Plain paths such as `nodes.found.email`: the expressions that need no sandbox, looked up in JSON text.

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The names that an expression in a template may start with.
pub const ROOTS: [&str; 6] = ["input", "variables", "nodes", "execution", "item", "index"];

/// A name and the steps from there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// One of [`ROOTS`].
    pub root: String,
    /// The steps.
    pub steps: Vec<Step>,
}

/// One step into a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A member of an object.
    Key(String),
    /// An element of an array.
    Index(usize),
}

/// What a lookup came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Lookup<'a> {
    /// The value's text.
    Found(&'a str),
    /// The step with this number leads nowhere.
    Undefined(usize),
    /// The answer depends on the expression language (an index into a text, say).
    NotPlain,
}

impl Path {
    /// Read `expression` as a plain path; `None` if it is more than that.
    pub fn parse(expression: &str) -> Option<Self> {
        let mut rest = expression.trim();
        let root = identifier(&mut rest)?;
        if !ROOTS.contains(&root) {
            return None;
        }
        let mut steps = Vec::new();
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('.') {
                rest = after;
                steps.push(Step::Key(identifier(&mut rest)?.to_owned()));
            } else {
                rest = rest.strip_prefix('[')?;
                steps.push(subscript(&mut rest)?);
                rest = rest.strip_prefix(']')?;
            }
        }
        Some(Self { root: root.to_owned(), steps })
    }

    /// Root and first steps as names, for the check of what an expression refers to.
    pub fn names(&self) -> Vec<String> {
        let steps = self.steps.iter().map_while(|step| match step {
            Step::Key(key) => Some(key.clone()),
            Step::Index(_) => None,
        });
        std::iter::once(self.root.clone()).chain(steps).collect()
    }

    /// The path up to and including step `last`, as people write it.
    pub fn display(&self, last: usize) -> String {
        let mut text = self.root.clone();
        for step in self.steps.iter().take(last + 1) {
            match step {
                Step::Key(key) if is_identifier(key) => text.push_str(&format!(".{key}")),
                Step::Key(key) => text.push_str(&format!("['{key}']")),
                Step::Index(index) => text.push_str(&format!("[{index}]")),
            }
        }
        text
    }
}

fn identifier<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
    let (name, after) = rest.split_at(end);
    *rest = after;
    is_identifier(name).then_some(name)
}

fn is_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn subscript(rest: &mut &str) -> Option<Step> {
    let quote = rest.chars().next()?;
    if quote == '\'' || quote == '"' {
        let (key, after) = rest[1..].split_once(quote)?;
        *rest = after;
        // Escapes are the expression language's business.
        return (!key.contains('\\')).then(|| Step::Key(key.to_owned()));
    }
    let end = rest.find(|c: char| !c.is_ascii_digit())?;
    let (digits, after) = rest.split_at(end);
    *rest = after;
    digits.parse().ok().map(Step::Index)
}

/// Follow `steps` into the JSON document `text`.
pub fn lookup<'a>(text: &'a str, steps: &[Step]) -> Lookup<'a> {
    let mut here = text.trim();
    for (number, step) in steps.iter().enumerate() {
        let found = match (step, here.as_bytes().first()) {
            (Step::Key(key), Some(b'{')) => member(here, key),
            (Step::Index(index), Some(b'[')) => element(here, *index),
            (Step::Index(_), Some(b'"')) => return Lookup::NotPlain,
            _ => None,
        };
        match found {
            Some(found) => here = found.get(),
            None => return Lookup::Undefined(number),
        }
    }
    Lookup::Found(here)
}

/// The last member called `key`, as parsers that keep one of several do.
fn member<'a>(object: &'a str, key: &str) -> Option<&'a RawValue> {
    let mut deserializer = serde_json::Deserializer::from_str(object);
    deserializer.deserialize_map(Member { key }).ok().flatten()
}

struct Member<'k> {
    key: &'k str,
}

impl<'de> Visitor<'de> for Member<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(matches) = map.next_key_seed(KeyIs(self.key))? {
            if matches {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

struct KeyIs<'k>(&'k str);

impl<'de> DeserializeSeed<'de> for KeyIs<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeyIs<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<bool, E> {
        Ok(key == self.0)
    }
}

fn element(array: &str, index: usize) -> Option<&RawValue> {
    let mut deserializer = serde_json::Deserializer::from_str(array);
    deserializer.deserialize_seq(Element { index }).ok().flatten()
}

struct Element {
    index: usize,
}

impl<'de> Visitor<'de> for Element {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        for _ in 0..self.index {
            if seq.next_element::<IgnoredAny>()?.is_none() {
                return Ok(None);
            }
        }
        let found = seq.next_element()?;
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at<'a>(text: &'a str, expression: &str) -> Lookup<'a> {
        lookup(text, &Path::parse(expression).unwrap().steps)
    }

    #[test]
    fn plain_paths_are_told_from_expressions() {
        for plain in ["input", " input.a.b ", "nodes['a-b'].x", "item[0]", "input[\"a b\"][12].c", "variables._x1"] {
            assert!(Path::parse(plain).is_some(), "{plain}");
        }
        for more in [
            "input.a|upper",
            "a.b",
            "input.",
            "input.0",
            "input[-1]",
            "input['a\\n']",
            "input a",
            "1",
            "",
            "not input",
            "input[a]",
            "input['a'",
        ] {
            assert!(Path::parse(more).is_none(), "{more}");
        }
    }

    #[test]
    fn values_are_found_as_they_are_written() {
        let text = r#" {"a": {"b": [1, 12345678901234567890123 , {"c": "x"}]}, "a-b": 1.0, "t": "text", "n": null, "d":1, "d":2, "\u0065": 5} "#;
        assert_eq!(at(text, "input.a.b[1]"), Lookup::Found("12345678901234567890123"));
        assert_eq!(at(text, "input['a-b']"), Lookup::Found("1.0"));
        assert_eq!(at(text, "input.a.b[2].c"), Lookup::Found("\"x\""));
        assert_eq!(at(text, "input.d"), Lookup::Found("2"));
        assert_eq!(at(text, "input.e"), Lookup::Found("5"));
        assert_eq!(at(text, "input.n"), Lookup::Found("null"));
        assert_eq!(at(text, "input.n.x"), Lookup::Undefined(1));
        assert_eq!(at(text, "input.a.b[3]"), Lookup::Undefined(2));
        assert_eq!(at(text, "input.a[0]"), Lookup::Undefined(1));
        assert_eq!(at(text, "input.t[0]"), Lookup::NotPlain);
        assert_eq!(at(text, "input.zz.y"), Lookup::Undefined(0));
        assert_eq!(Path::parse("input.zz['y z']").unwrap().display(1), "input.zz['y z']");
    }
}
