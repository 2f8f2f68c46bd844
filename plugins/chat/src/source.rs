//! Whether a record says what the model says it does.

use serde_json::Value;

/// The shortest phone number that is looked for, in digits.
const MIN_DIGITS: usize = 5;

/// The texts and numbers of a record (the names of its fields left out), folded: lower case, one space where there is
/// any, straight quotes, plain dashes.
#[derive(Debug, Clone)]
pub struct Source(String);

impl Source {
    /// What a record says.
    pub fn of(record: &Value) -> Self {
        let mut text = String::new();
        collect(record, &mut text);
        Self(fold(&text))
    }

    /// Whether a word, a name or a quotation stands in it, not as a part of longer words.
    pub fn says(&self, text: &str) -> bool {
        self.holds(&fold(trimmed_quote(text)), char::is_alphanumeric)
    }

    /// The same for an email address or a handle, in which dots, dashes and the like join words too.
    pub fn names(&self, address: &str) -> bool {
        let part = |char: char| char.is_alphanumeric() || "-_+%".contains(char);
        let address = fold(address);
        let mut from = 0;
        while let Some((before, after)) = self.next(&address, &mut from) {
            let ends = match after.strip_prefix('.') {
                // A full stop ends a sentence; a dot inside of an address goes on.
                Some(rest) => !rest.starts_with(part),
                None => !after.starts_with(|char| part(char) || char == '@'),
            };
            if ends && !before.ends_with(|char| part(char) || char == '.') {
                return true;
            }
        }
        false
    }

    /// Whether a phone number stands in it, however it is grouped. A number to which the model added a country's code is
    /// another one.
    pub fn has_number(&self, number: &str) -> bool {
        let wanted: Vec<char> = digits(&number.replace("(0)", "")).collect();
        let wanted = wanted.get(leading_zeros(&wanted)..).unwrap_or_default();
        if wanted.len() < MIN_DIGITS {
            return false;
        }
        let text: Vec<char> = self.0.replace("(0)", "").chars().collect();
        let mut inside = false;
        text.iter().enumerate().any(|(start, char)| {
            let begins = char.is_ascii_digit() && !inside;
            inside = char.is_ascii_digit();
            begins && text.get(start..).is_some_and(|rest| begins_with_number(rest, wanted))
        })
    }

    fn holds(&self, text: &str, part: impl Fn(char) -> bool) -> bool {
        let mut from = 0;
        while let Some((before, after)) = self.next(text, &mut from) {
            // What begins or ends with a sign needs no border there.
            let begins = !text.starts_with(&part) || !before.ends_with(&part);
            let ends = !text.ends_with(&part) || !after.starts_with(&part);
            if begins && ends {
                return true;
            }
        }
        false
    }

    /// What stands before and after the next occurrence.
    fn next(&self, text: &str, from: &mut usize) -> Option<(&str, &str)> {
        if text.is_empty() {
            return None;
        }
        let at = *from + self.0.get(*from..)?.find(text)?;
        let end = at + text.len();
        *from = at + self.0.get(at..)?.chars().next()?.len_utf8();
        Some((self.0.get(..at)?, self.0.get(end..)?))
    }
}

/// The digits, with what groups them passed over, and nothing of a longer number around them.
fn begins_with_number(text: &[char], wanted: &[char]) -> bool {
    // Nobody groups a number by more; the bound keeps long rows of zeros and dashes cheap.
    let longest = wanted.len().saturating_mul(3).saturating_add(8);
    let mut wanted = wanted.iter().peekable();
    let mut begun = false;
    let mut text = text.iter().take(longest).peekable();
    while let Some(char) = text.next() {
        match wanted.peek() {
            // A dash leads on to an extension, which is a part of the number.
            None => {
                return !(char.is_ascii_digit()
                    || *char == '-' && text.peek().is_some_and(|next| next.is_ascii_digit()));
            }
            Some(digit) if *digit == char => {
                begun = true;
                wanted.next();
            }
            Some(_) if !begun && *char == '0' => {}
            Some(_) if " ()-./+\u{a0}".contains(*char) => {}
            Some(_) => return false,
        }
    }
    wanted.peek().is_none()
}

fn leading_zeros(digits: &[char]) -> usize {
    digits.iter().take_while(|digit| **digit == '0').count()
}

fn digits(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(char::is_ascii_digit)
}

/// A quotation without its marks and without the dots of what was left out.
fn trimmed_quote(text: &str) -> &str {
    let marks = ['"', '\'', '“', '”', '„', '‘', '’', '«', '»', '…'];
    text.trim().trim_matches(marks).trim_end_matches("...").trim()
}

fn collect(value: &Value, text: &mut String) {
    match value {
        Value::String(string) => text.push_str(string),
        Value::Number(number) => text.push_str(&number.to_string()),
        Value::Array(values) => values.iter().for_each(|value| collect(value, text)),
        Value::Object(fields) => fields.values().for_each(|value| collect(value, text)),
        Value::Null | Value::Bool(_) => {}
    }
    // Values that stand side by side make no word together.
    text.push_str(" | ");
}

fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !folded.is_empty() {
            folded.push(' ');
        }
        for char in word.chars() {
            match char {
                '‘' | '’' | 'ʼ' => folded.push('\''),
                '“' | '”' | '„' | '«' | '»' => folded.push('"'),
                '‐' | '‑' | '–' | '—' => folded.push('-'),
                '\u{ad}' | '\u{200b}' | '\u{feff}' => {}
                char => folded.extend(char.to_lowercase()),
            }
        }
    }
    folded
}
