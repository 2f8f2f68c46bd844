//! Normalising and hashing, as Meta's guide to customer file audiences says (28 April 2026).
//!
//! Where Meta's SDKs differ, the guide counts: letters beyond a-z stay in names, leading zeros of phones go.

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::keys::Key;
use crate::places;

/// What the rules need to know beside the value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    /// The person's country as ISO 3166-1 alpha-2 in lower case, empty if it is not known.
    pub(crate) country: &'a str,
    /// The latest year of birth.
    pub(crate) this_year: u32,
}

/// The cell to send: hashed or plain, as the column asks. `None` if there is nothing usable.
pub(crate) fn cell(key: Key, value: &Value, around: Surroundings<'_>) -> Option<Value> {
    match key {
        Key::LookalikeValue | Key::DataProcessingOptionsCountry | Key::DataProcessingOptionsState => {
            (value.is_number() || value.as_str().is_some_and(|text| !text.is_empty())).then(|| value.clone())
        }
        Key::DataProcessingOptions => value.is_array().then(|| value.clone()),
        Key::Madid => Some(text(value)?.to_lowercase().into()),
        Key::ExternId | Key::Appuid | Key::Pageuid => Some(text(value)?.into()),
        _ => {
            let given = text(value)?;
            if is_hash(&given) {
                return Some(given.to_ascii_lowercase().into());
            }
            let plain = plain(key, &given, around);
            // The hash of an empty text would be the same "person" in every row.
            (!plain.is_empty()).then(|| sha256(&plain).into())
        }
    }
}

/// Whether [`cell`] gives something, without the cost of the hash.
pub(crate) fn is_usable(key: Key, value: &Value, around: Surroundings<'_>) -> bool {
    match key {
        Key::Madid | Key::ExternId | Key::Appuid | Key::Pageuid => text(value).is_some(),
        Key::LookalikeValue
        | Key::DataProcessingOptions
        | Key::DataProcessingOptionsCountry
        | Key::DataProcessingOptionsState => cell(key, value, around).is_some(),
        _ => text(value).is_some_and(|given| is_hash(&given) || !plain(key, &given, around).is_empty()),
    }
}

/// A trimmed text or a number written out; of a list the first that is there.
fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => match number.as_f64() {
            // A spreadsheet's 15559876543.0 is a phone number, and its zero is no digit of it.
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 1e17 => format!("{float:.0}"),
            _ => number.to_string(),
        },
        Value::Array(list) => return list.iter().find_map(|value| if value.is_array() { None } else { text(value) }),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// 64 hexadecimal digits: somebody has hashed it before.
fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The text that is hashed, empty if the value is of no use.
pub(crate) fn plain(key: Key, value: &str, around: Surroundings<'_>) -> String {
    let value = value.trim();
    let lower = value.to_lowercase();
    match key {
        Key::Email => only_if(lower, |email| email.contains('@')),
        Key::Phone => digits(value).trim_start_matches('0').to_owned(),
        Key::Gen => gender(&lower).to_owned(),
        Key::Doby => number(value, 1900, around.this_year).map_or_else(String::new, |year| year.to_string()),
        Key::Dobm => number(value, 1, 12).map_or_else(String::new, |month| format!("{month:02}")),
        Key::Dobd => number(value, 1, 31).map_or_else(String::new, |day| format!("{day:02}")),
        Key::Fn | Key::Ln => name(&lower),
        Key::Fi => name(&lower).chars().find(|letter| letter.is_alphabetic()).map_or_else(String::new, String::from),
        Key::Ct => lower.chars().filter(char::is_ascii_lowercase).collect(),
        Key::St => state(&lower, around.country),
        Key::Zip => zip(&lower, around.country),
        Key::Country => country(&lower),
        _ => value.to_owned(),
    }
}

/// ISO 3166-1 alpha-2 in lower case; empty if it is none.
pub(crate) fn country(value: &str) -> String {
    let lower = value.trim().to_lowercase();
    match lower.as_str() {
        "uk" => "gb".to_owned(),
        code if code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_lowercase()) => lower,
        name => places::country_code(name).unwrap_or_default().to_owned(),
    }
}

/// The country of a raw value, empty if it is hashed or not known.
pub(crate) fn country_of(value: &Value) -> String {
    text(value).map(|text| country(&text)).unwrap_or_default()
}

fn gender(lower: &str) -> &'static str {
    match lower {
        "m" | "male" => "m",
        "f" | "female" => "f",
        _ => "",
    }
}

fn number(value: &str, from: u32, to: u32) -> Option<u32> {
    value.parse().ok().filter(|number| (from..=to).contains(number))
}

fn digits(value: &str) -> String {
    value.chars().filter(char::is_ascii_digit).collect()
}

/// Without punctuation; letters of every script stay, words are one space apart.
fn name(lower: &str) -> String {
    let kept: String = lower.chars().filter(|letter| !is_punctuation(*letter)).collect();
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn state(lower: &str, country: &str) -> String {
    if country == "us" {
        let words = name(lower);
        if let Some(code) = places::us_state(&words) {
            return code.to_owned();
        }
    }
    lower.chars().filter(|letter| letter.is_alphanumeric()).collect()
}

fn zip(lower: &str, country: &str) -> String {
    let compact: String = lower.chars().filter(|letter| !letter.is_whitespace()).collect();
    match country {
        "us" => {
            let digits = digits(&compact);
            digits.get(..5).map_or(compact, str::to_owned)
        }
        "gb" => uk_sector(&compact).unwrap_or(compact),
        // Nobody but the United States writes five and four digits.
        "" if is_zip_plus_4(&compact) => compact.get(..5).unwrap_or_default().to_owned(),
        _ => compact,
    }
}

fn is_zip_plus_4(zip: &str) -> bool {
    let all_digits = |part: &str, length: usize| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
    zip.split_once('-').is_some_and(|(first, rest)| all_digits(first, 5) && all_digits(rest, 4))
}

/// Area, district and sector of a whole postcode: `sw1a1aa` becomes `sw1a1`.
fn uk_sector(compact: &str) -> Option<String> {
    let unit = compact.as_bytes().last_chunk::<3>()?;
    let whole = (5..=7).contains(&compact.len())
        && unit[0].is_ascii_digit()
        && unit[1].is_ascii_lowercase()
        && unit[2].is_ascii_lowercase();
    if whole { compact.get(..compact.len() - 2).map(str::to_owned) } else { None }
}

/// Signs that are neither letters, digits, spaces nor marks upon letters. The standard library knows letters and
/// digits; blocks of signs are listed, so that the marks of Indic and Arabic names stay.
fn is_punctuation(sign: char) -> bool {
    if sign.is_alphanumeric() || sign.is_whitespace() {
        return false;
    }
    matches!(u32::from(sign),
        0..=0xBF | 0xD7 | 0xF7 | 0x55A..=0x55F | 0x589..=0x58F | 0x5BE | 0x5C0 | 0x5C3 | 0x5F3..=0x5F4
        | 0x60C..=0x60F | 0x61B..=0x61F | 0x66A..=0x66D | 0x6D4 | 0x964..=0x965 | 0x2000..=0x2BFF | 0x2E00..=0x2E7F
        | 0x3000..=0x303F | 0xFE10..=0xFE1F | 0xFE30..=0xFE6F | 0xFF00..=0xFFEF | 0x1F000..=0x1FAFF)
}

fn only_if(text: String, holds: impl FnOnce(&str) -> bool) -> String {
    if holds(&text) { text } else { String::new() }
}

/// SHA-256 of the UTF-8 bytes in lower-case hexadecimal.
pub(crate) fn sha256(text: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|half| char::from(HEX[usize::from(half)])).collect()
}
