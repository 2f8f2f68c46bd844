//! JSON text as a value that is read only where somebody looks.
//!
//! A list or object remembers where its text is. Its first use finds where the children begin and end; the children
//! are read when they are asked for, and what nobody asks for is written into a result as it stands in the text.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use minijinja::Value;
use minijinja::value::{Enumerator, Object, ObjectExt, ObjectRepr};

use crate::scan::{Kind, ScanError, Scanner};

/// From this many members on, keys are found by binary search.
const INDEXED: usize = 16;

/// Reads JSON text as a value for expressions. Integers are exact up to 128 bits.
///
/// # Errors
/// If the text is no JSON.
pub fn document(text: String) -> Result<Value, ScanError> {
    let text = Arc::new(text);
    let mut scanner = Scanner::new(&text);
    let kind = scanner.kind()?;
    if !matches!(kind, Kind::Object | Kind::Array) {
        scanner.skip()?;
        scanner.end()?;
        let whole = Span { start: 0, end: text.len() };
        return Ok(value(&text, whole));
    }
    let parts = parts(&mut scanner, &text)?;
    let end = text.len() - scanner.rest().len();
    scanner.end()?;
    let start = text.len() - text.trim_start().len();
    let node = Node::new(&text, Span { start, end });
    let _ = node.parts.set(parts);
    Ok(Value::from_object(node))
}

/// Follows names through objects that are still text, and copies what they lead to. `false`: nothing was written.
pub(super) fn copy_path(scope: &Value, path: &[&str], out: &mut String) -> bool {
    let [first, middle @ .., last] = path else { return false };
    let Ok(mut value) = scope.get_attr(first) else { return false };
    for name in middle {
        match value.get_attr(name) {
            Ok(inner) => value = inner,
            Err(_) => return false,
        }
    }
    let Some(node) = value.downcast_object_ref::<Node>() else { return false };
    let Some(member) = node.member(last) else { return false };
    out.push_str(member.part.span.of(&node.text));
    true
}

/// The text of a list or object that came from a document.
pub(super) fn text_of(value: &Value) -> Option<&str> {
    value.downcast_object_ref::<Node>().map(|node| node.span.of(&node.text))
}

/// A list or an object.
#[derive(Debug)]
struct Node {
    text: Arc<String>,
    span: Span,
    parts: OnceLock<Parts>,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    start: usize,
    end: usize,
}

impl Span {
    fn of(self, text: &str) -> &str {
        text.get(self.start..self.end).unwrap_or_default()
    }
}

#[derive(Debug)]
enum Parts {
    List(Vec<Part>),
    /// Distinct keys, and their order by name if there are many.
    Object(Vec<Member>, Vec<usize>),
}

/// A child, read on its first use.
#[derive(Debug)]
struct Part {
    span: Span,
    value: OnceLock<Value>,
}

#[derive(Debug)]
struct Member {
    key: Key,
    part: Part,
}

#[derive(Debug)]
enum Key {
    Plain(Span),
    Unescaped(String),
}

impl Key {
    fn name<'a>(&'a self, text: &'a str) -> &'a str {
        match self {
            Self::Plain(span) => span.of(text),
            Self::Unescaped(name) => name,
        }
    }
}

impl Node {
    fn new(text: &Arc<String>, span: Span) -> Self {
        Self { text: Arc::clone(text), span, parts: OnceLock::new() }
    }

    /// The whole document was scanned when it came in, so the text of a part cannot be broken.
    fn parts(&self) -> &Parts {
        self.parts.get_or_init(|| {
            let mut scanner = Scanner::new_at(&self.text, self.span.start);
            parts(&mut scanner, &self.text).unwrap_or(Parts::List(Vec::new()))
        })
    }

    fn get(&self, part: &Part) -> Value {
        part.value.get_or_init(|| value(&self.text, part.span)).clone()
    }

    fn member(&self, name: &str) -> Option<&Member> {
        let Parts::Object(members, order) = self.parts() else { return None };
        if order.is_empty() {
            return members.iter().find(|member| member.key.name(&self.text) == name);
        }
        let found = order.binary_search_by(|index| members[*index].key.name(&self.text).cmp(name)).ok()?;
        Some(&members[order[found]])
    }

    fn key(&self, member: &Member) -> Value {
        Value::from(member.key.name(&self.text))
    }
}

impl Object for Node {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        if self.text.as_bytes().get(self.span.start) == Some(&b'[') { ObjectRepr::Seq } else { ObjectRepr::Map }
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match self.parts() {
            Parts::List(parts) => parts.get(key.as_usize()?).map(|part| self.get(part)),
            Parts::Object(..) => self.get_value_by_str(key.as_str()?),
        }
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.member(key).map(|member| self.get(&member.part))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match self.parts() {
            Parts::List(parts) => Enumerator::Seq(parts.len()),
            Parts::Object(..) => self.mapped_key_value_enumerator(|this| match this.parts() {
                Parts::List(_) => Box::new(std::iter::empty()),
                Parts::Object(members, _) => {
                    Box::new(members.iter().map(|member| (this.key(member), this.get(&member.part))))
                }
            }),
        }
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(match self.parts() {
            Parts::List(parts) => parts.len(),
            Parts::Object(members, _) => members.len(),
        })
    }
}

/// The children of the list or object that stands next.
fn parts(scanner: &mut Scanner<'_>, text: &str) -> Result<Parts, ScanError> {
    if scanner.kind()? == Kind::Array {
        let mut parts = Vec::new();
        let mut more = scanner.enter_array()?;
        while more {
            parts.push(part(scanner, text)?);
            more = scanner.next_element()?;
        }
        return Ok(Parts::List(parts));
    }
    let mut members = Vec::new();
    let mut more = scanner.enter_object()?;
    while more {
        let key = scanner.key()?;
        let key = match key.name() {
            Cow::Borrowed(_) => Key::Plain(span(text, key.raw)),
            Cow::Owned(name) => Key::Unescaped(name),
        };
        members.push(Member { key, part: part(scanner, text)? });
        more = scanner.next_member()?;
    }
    Ok(distinct(members, text))
}

fn part(scanner: &mut Scanner<'_>, text: &str) -> Result<Part, ScanError> {
    Ok(Part { span: span(text, scanner.skip()?), value: OnceLock::new() })
}

/// Where a slice of the text is in it.
fn span(text: &str, slice: &str) -> Span {
    let start = slice.as_ptr().addr() - text.as_ptr().addr();
    Span { start, end: start + slice.len() }
}

/// Of equal keys the first gives the place and the last the value.
fn distinct(members: Vec<Member>, text: &str) -> Parts {
    let mut kept: Vec<Member> = Vec::with_capacity(members.len());
    if members.len() <= INDEXED {
        for member in members {
            match kept.iter_mut().find(|earlier| earlier.key.name(text) == member.key.name(text)) {
                Some(earlier) => earlier.part = member.part,
                None => kept.push(member),
            }
        }
        return Parts::Object(kept, Vec::new());
    }
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for member in members {
        match places.get(member.key.name(text)) {
            Some(place) => kept[*place].part = member.part,
            None => {
                places.insert(member.key.name(text).to_owned(), kept.len());
                kept.push(member);
            }
        }
    }
    Parts::Object(kept, places.into_values().collect())
}

/// Reads one value of a document that has been scanned.
fn value(text: &Arc<String>, span: Span) -> Value {
    let slice = span.of(text).trim_ascii();
    match slice.as_bytes().first() {
        Some(b'{' | b'[') => Value::from_object(Node::new(text, span)),
        Some(b'"') => Scanner::new(slice).string().map_or(Value::UNDEFINED, |text| Value::from(text.name().as_ref())),
        Some(b't') => Value::from(true),
        Some(b'f') => Value::from(false),
        Some(b'n') => Value::from(()),
        _ => number(slice),
    }
}

fn number(text: &str) -> Value {
    text.parse::<i64>()
        .map(Value::from)
        .or_else(|_| text.parse::<u64>().map(Value::from))
        .or_else(|_| text.parse::<i128>().map(Value::from))
        .or_else(|_| text.parse::<u128>().map(Value::from))
        .or_else(|_| text.parse::<f64>().map(Value::from))
        .unwrap_or(Value::UNDEFINED)
}
