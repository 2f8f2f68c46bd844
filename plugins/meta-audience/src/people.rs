//! From items to the rows of an upload.

use std::collections::BTreeSet;

use blockyard_sdk::items::OneOrMany;
use blockyard_sdk::{Context, Failure};
use serde_json::{Value, json};

use crate::config::Config;
use crate::keys::{Columns, Key};
use crate::normalize::{self, Surroundings};

/// The people that can be sent, and how their values become cells.
#[derive(Debug)]
pub(crate) struct People<'a> {
    columns: Columns,
    default_country: String,
    this_year: u32,
    /// The columns that are filled in at least one row, which stay the same in all batches.
    schema: Vec<Key>,
    usable: Vec<&'a Value>,
    /// How many have nothing by which Meta could find them.
    pub(crate) skipped: usize,
}

impl<'a> People<'a> {
    /// Looks through all items. Nothing is hashed yet: a call that goes on after a wait need not hash what was sent.
    pub(crate) fn new(config: &Config, input: &'a OneOrMany<Value>, this_year: u32) -> Result<Self, Failure> {
        let mut people = Self {
            columns: Columns::new(config.fields.as_ref())?,
            default_country: config.default_country.as_deref().unwrap_or_default().to_ascii_lowercase(),
            this_year,
            schema: Vec::new(),
            usable: Vec::new(),
            skipped: 0,
        };
        let mut filled = BTreeSet::new();
        for (index, item) in input.as_slice().iter().enumerate() {
            if !item.is_object() {
                let pointer = if input.is_many() { format!("/{index}") } else { String::new() };
                return Err(Failure::invalid_input(pointer, "a person is an object"));
            }
            let keys = people.keys_of(item);
            if keys.iter().any(|key| key.identifies()) {
                filled.extend(keys);
                people.usable.push(item);
            } else {
                people.skipped += 1;
            }
        }
        if !people.default_country.is_empty() && !people.usable.is_empty() {
            filled.insert(Key::Country);
        }
        people.schema = filled.into_iter().collect();
        Ok(people)
    }

    pub(crate) fn len(&self) -> usize {
        self.usable.len()
    }

    /// Meta's names of the columns.
    pub(crate) fn schema(&self) -> Vec<&'static str> {
        self.schema.iter().map(|key| key.name()).collect()
    }

    /// The rows of the people from `start`, at most `count`.
    pub(crate) fn rows(&self, start: usize, count: usize) -> Vec<Vec<Value>> {
        self.usable.iter().skip(start).take(count).map(|item| self.row(item)).collect()
    }

    fn row(&self, item: &Value) -> Vec<Value> {
        let country = self.country(item);
        let around = Surroundings { country: &country, this_year: self.this_year };
        let cell = |key: &Key| {
            let mut values = self.columns.paths(*key).iter().filter_map(|path| find(item, path));
            values.find_map(|value| normalize::cell(*key, value, around)).unwrap_or_else(|| self.unknown(*key))
        };
        self.schema.iter().map(cell).collect()
    }

    fn keys_of(&self, item: &Value) -> Vec<Key> {
        let country = self.country(item);
        let around = Surroundings { country: &country, this_year: self.this_year };
        let usable = |key: Key, paths: &[String]| {
            paths.iter().filter_map(|path| find(item, path)).any(|value| normalize::is_usable(key, value, around))
        };
        self.columns.iter().filter(|(key, paths)| usable(*key, paths)).map(|(key, _)| key).collect()
    }

    fn country(&self, item: &Value) -> String {
        let mut values = self.columns.paths(Key::Country).iter().filter_map(|path| find(item, path));
        let named = values.find_map(|value| Some(normalize::country_of(value)).filter(|code| !code.is_empty()));
        named.unwrap_or_else(|| self.default_country.clone())
    }

    /// The cell of a value that is not there: an empty text, which is never hashed.
    fn unknown(&self, key: Key) -> Value {
        match key {
            Key::Country if !self.default_country.is_empty() => normalize::sha256(&self.default_country).into(),
            Key::DataProcessingOptions => json!([]),
            Key::DataProcessingOptionsCountry | Key::DataProcessingOptionsState => json!(0),
            _ => json!(""),
        }
    }
}

/// The value at a path such as `contact.phones.0`. A field whose own name has dots is found too.
fn find<'a>(item: &'a Value, path: &str) -> Option<&'a Value> {
    if let Some(value) = item.get(path) {
        return Some(value);
    }
    path.split('.').try_fold(item, |value, step| match value {
        Value::Object(fields) => fields.get(step),
        Value::Array(list) => list.get(step.parse::<usize>().ok()?),
        _ => None,
    })
}

/// A positive integer below 2^53 that is the same for every attempt of this call, or, where the host gives no key to
/// derive it from, a new one by the clock.
pub(crate) fn session_id(context: &Context, now_ms: u64) -> u64 {
    let key = match context.idempotency_key() {
        "" => format!("{now_ms}"),
        key => key.to_owned(),
    };
    let hash = normalize::sha256(&key);
    // 13 hexadecimal digits are 52 bits.
    let number = hash.get(..13).and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or(0);
    number.max(1)
}
