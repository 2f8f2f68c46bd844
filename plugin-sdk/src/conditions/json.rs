//! JSON values for comparing: borrowed text, exact numbers.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::scan::{Kind, ScanError, Scanner};

/// How deep values are compared. Deeper ones equal nothing.
const MAX_DEPTH: usize = 200;

#[derive(Debug, Clone)]
pub(super) enum Json<'a> {
    Null,
    Bool(bool),
    Number(Number),
    String(Cow<'a, str>),
    Array(Vec<Json<'a>>),
    /// Distinct keys; of equal ones the last.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
    /// Nested too deeply to be looked at.
    Abyss,
}

impl<'a> Json<'a> {
    /// Reads text that has been scanned already; what is no JSON reads as [`Json::Abyss`].
    pub(super) fn read(text: &'a str) -> Self {
        read(&mut Scanner::new(text), 0).unwrap_or(Self::Abyss)
    }

    /// Takes the text along, for values of the config.
    pub(super) fn into_owned(self) -> Json<'static> {
        match self {
            Self::Null => Json::Null,
            Self::Bool(value) => Json::Bool(value),
            Self::Number(value) => Json::Number(value),
            Self::String(text) => Json::String(Cow::Owned(text.into_owned())),
            Self::Array(elements) => Json::Array(elements.into_iter().map(Json::into_owned).collect()),
            Self::Object(members) => Json::Object(
                members.into_iter().map(|(key, value)| (Cow::Owned(key.into_owned()), value.into_owned())).collect(),
            ),
            Self::Abyss => Json::Abyss,
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        members.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// Numbers with numbers and text with text; nothing else has an order.
    pub(super) fn order(&self, other: &Json<'_>) -> Option<Ordering> {
        match (self, other) {
            (Self::Number(one), Json::Number(other)) => one.order(*other),
            (Self::String(one), Json::String(other)) => Some(one.as_ref().cmp(other.as_ref())),
            _ => None,
        }
    }

    /// Deep equality.
    pub(super) fn equals(&self, other: &Json<'_>) -> bool {
        match (self, other) {
            (Self::Null, Json::Null) => true,
            (Self::Bool(one), Json::Bool(other)) => one == other,
            (Self::Number(one), Json::Number(other)) => one.order(*other) == Some(Ordering::Equal),
            (Self::String(one), Json::String(other)) => one == other,
            (Self::Array(one), Json::Array(other)) => {
                one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one.equals(other))
            }
            (Self::Object(one), Json::Object(members)) => {
                one.len() == members.len()
                    && one.iter().all(|(key, value)| other.get(key).is_some_and(|other| value.equals(other)))
            }
            _ => false,
        }
    }
}

fn read<'a>(scanner: &mut Scanner<'a>, depth: usize) -> Result<Json<'a>, ScanError> {
    if depth > MAX_DEPTH {
        scanner.skip()?;
        return Ok(Json::Abyss);
    }
    match scanner.kind()? {
        Kind::String => scanner.string().map(|text| Json::String(text.name())),
        Kind::Scalar => scanner.skip().map(scalar),
        Kind::Array => {
            let mut elements = Vec::new();
            let mut more = scanner.enter_array()?;
            while more {
                elements.push(read(scanner, depth + 1)?);
                more = scanner.next_element()?;
            }
            Ok(Json::Array(elements))
        }
        Kind::Object => {
            let mut members = Vec::new();
            let mut more = scanner.enter_object()?;
            while more {
                let key = scanner.key()?.name();
                members.push((key, read(scanner, depth + 1)?));
                more = scanner.next_member()?;
            }
            Ok(Json::Object(last_of_each(members)))
        }
    }
}

fn last_of_each<'a>(mut members: Vec<(Cow<'a, str>, Json<'a>)>) -> Vec<(Cow<'a, str>, Json<'a>)> {
    members.reverse();
    let mut seen = std::collections::BTreeSet::new();
    let keep: Vec<_> = members.iter().map(|(key, _)| seen.insert(key.clone())).collect();
    let mut keep = keep.into_iter();
    members.retain(|_| keep.next().unwrap_or_default());
    members
}

fn scalar(text: &str) -> Json<'_> {
    match text {
        "null" => Json::Null,
        "true" => Json::Bool(true),
        "false" => Json::Bool(false),
        _ => Number::read(text).map_or(Json::Abyss, Json::Number),
    }
}

/// Integers are exact up to 38 digits, everything else is the nearest double.
#[derive(Debug, Clone, Copy)]
pub(super) enum Number {
    Integer(i128),
    Float(f64),
}

impl Number {
    fn read(text: &str) -> Option<Self> {
        if let Ok(integer) = text.parse::<i64>() {
            return Some(Self::Integer(integer.into()));
        }
        if let Ok(integer) = text.parse() {
            return Some(Self::Integer(integer));
        }
        text.parse().ok().map(Self::Float)
    }

    fn order(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Integer(one), Self::Integer(other)) => Some(one.cmp(&other)),
            (Self::Float(one), Self::Float(other)) => one.partial_cmp(&other),
            (Self::Integer(one), Self::Float(other)) => Some(order_mixed(one, other)),
            (Self::Float(one), Self::Integer(other)) => Some(order_mixed(other, one).reverse()),
        }
    }
}

/// Exactly, where a conversion to one type would round. JSON has no NaN.
fn order_mixed(integer: i128, float: f64) -> Ordering {
    const LIMIT: f64 = 1.7e38;
    if float >= LIMIT {
        return Ordering::Less;
    }
    if float <= -LIMIT {
        return Ordering::Greater;
    }
    let whole = float.trunc();
    integer.cmp(&(whole as i128)).then_with(|| whole.partial_cmp(&float).unwrap_or(Ordering::Equal))
}
