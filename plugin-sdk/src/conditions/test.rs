//! What an operator and its value ask of a field.

use std::cmp::Ordering;

use regex::{Regex, RegexBuilder};

use super::json::Json;
use super::operator::Operator;
use crate::scan::unescape;

/// Compiled expressions may take this much memory, in bytes.
const REGEX_LIMIT: usize = 1 << 20;

#[derive(Debug)]
pub(super) struct Test {
    positive: Positive,
    /// Whether the answer is turned around.
    negated: bool,
}

#[derive(Debug)]
enum Positive {
    Equal(Json<'static>),
    Ordered(Json<'static>, fn(Ordering) -> bool),
    Between(Json<'static>, Json<'static>),
    In(Vec<Json<'static>>),
    Contains(Json<'static>),
    StartsWith(String),
    EndsWith(String),
    Matches(Regex),
    Exists,
    Empty,
}

impl Test {
    /// # Errors
    /// What is wrong with the value.
    pub(super) fn new(operator: Operator, value: Option<&str>) -> Result<Self, String> {
        let needed = || value.map(|text| Json::read(text).into_owned()).ok_or("the operator needs a value");
        let (positive, negated) = match operator {
            Operator::Eq => (Positive::Equal(needed()?), false),
            Operator::Ne => (Positive::Equal(needed()?), true),
            Operator::Gt => (Positive::Ordered(needed()?, Ordering::is_gt), false),
            Operator::Gte => (Positive::Ordered(needed()?, Ordering::is_ge), false),
            Operator::Lt => (Positive::Ordered(needed()?, Ordering::is_lt), false),
            Operator::Lte => (Positive::Ordered(needed()?, Ordering::is_le), false),
            Operator::In => (Positive::In(list(needed()?)?), false),
            Operator::NotIn => (Positive::In(list(needed()?)?), true),
            Operator::Contains => (Positive::Contains(needed()?), false),
            Operator::NotContains => (Positive::Contains(needed()?), true),
            Operator::StartsWith => (Positive::StartsWith(text(needed()?)?), false),
            Operator::EndsWith => (Positive::EndsWith(text(needed()?)?), false),
            Operator::Matches => (Positive::Matches(pattern(&text(needed()?)?)?), false),
            Operator::Exists => (Positive::Exists, false),
            Operator::NotExists => (Positive::Exists, true),
            Operator::IsEmpty => (Positive::Empty, false),
            Operator::IsNotEmpty => (Positive::Empty, true),
            Operator::Between => (bounds(list(needed()?)?)?, false),
        };
        Ok(Self { positive, negated })
    }

    /// `field` is the field's text, `None` if it is missing.
    pub(super) fn holds(&self, field: Option<&str>) -> bool {
        self.positive.holds(field) != self.negated
    }
}

impl Positive {
    fn holds(&self, field: Option<&str>) -> bool {
        let Some(field) = field else { return matches!(self, Self::Empty) };
        match self {
            Self::Exists => true,
            Self::Empty => match Json::read(field) {
                Json::Null => true,
                Json::String(text) => text.is_empty(),
                Json::Array(elements) => elements.is_empty(),
                Json::Object(members) => members.is_empty(),
                _ => false,
            },
            Self::Equal(value) => Json::read(field).equals(value),
            Self::Ordered(value, accepts) => Json::read(field).order(value).is_some_and(accepts),
            Self::Between(low, high) => {
                let field = Json::read(field);
                field.order(low).is_some_and(Ordering::is_ge) && field.order(high).is_some_and(Ordering::is_le)
            }
            Self::In(values) => {
                let field = Json::read(field);
                values.iter().any(|value| field.equals(value))
            }
            Self::Contains(value) => contains(&Json::read(field), value),
            Self::StartsWith(start) => is_text(field, |text| text.starts_with(start.as_str())),
            Self::EndsWith(end) => is_text(field, |text| text.ends_with(end.as_str())),
            Self::Matches(regex) => is_text(field, |text| regex.is_match(text)),
        }
    }
}

fn contains(field: &Json<'_>, value: &Json<'_>) -> bool {
    match (field, value) {
        (Json::String(text), Json::String(part)) => text.contains(part.as_ref()),
        (Json::Array(elements), value) => elements.iter().any(|element| element.equals(value)),
        (Json::Object(_), Json::String(key)) => field.get(key).is_some(),
        _ => false,
    }
}

fn is_text(field: &str, accepts: impl Fn(&str) -> bool) -> bool {
    let Some(raw) = field.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return false };
    if raw.contains('\\') { accepts(&unescape(raw)) } else { accepts(raw) }
}

fn list(value: Json<'static>) -> Result<Vec<Json<'static>>, &'static str> {
    match value {
        Json::Array(elements) => Ok(elements),
        _ => Err("the operator needs a list"),
    }
}

fn text(value: Json<'static>) -> Result<String, &'static str> {
    match value {
        Json::String(text) => Ok(text.into_owned()),
        _ => Err("the operator needs text"),
    }
}

fn bounds(values: Vec<Json<'static>>) -> Result<Positive, &'static str> {
    let Ok([low, high]) = <[_; 2]>::try_from(values) else {
        return Err("the operator needs a list of two, the low and the high bound");
    };
    match low.order(&high) {
        Some(_) => Ok(Positive::Between(low, high)),
        None => Err("the bounds are two numbers or two texts"),
    }
}

fn pattern(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern)
        .size_limit(REGEX_LIMIT)
        .build()
        .map_err(|error| format!("not a usable regular expression: {error}"))
}
