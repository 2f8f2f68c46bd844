//! Reading JSON text without building values: finding where each element and member begins and ends.
//!
//! Everything is checked as it is passed over, so that a document that was scanned to its end is valid.

use std::borrow::Cow;
use std::fmt;

/// A place in JSON text, moving forward.
#[derive(Debug, Clone)]
pub struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

/// Text that is no JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScanError {
    /// The offset of the byte at fault.
    pub offset: usize,
}

impl fmt::Display for ScanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not valid JSON at byte {}", self.offset)
    }
}

impl std::error::Error for ScanError {}

/// What stands next in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `{`
    Object,
    /// `[`
    Array,
    /// `"`
    String,
    /// A number, `true`, `false` or `null`.
    Scalar,
}

/// The text of a member's key, between its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key<'a> {
    /// Between the quotes, as written.
    pub raw: &'a str,
    /// Whether something in it is escaped.
    pub escaped: bool,
}

impl<'a> Key<'a> {
    /// Whether the key is this name, once unescaped.
    pub fn is(&self, name: &str) -> bool {
        if self.escaped { self.name() == name } else { self.raw == name }
    }

    /// The key, unescaped.
    pub fn name(&self) -> Cow<'a, str> {
        if self.escaped { Cow::Owned(unescape(self.raw)) } else { Cow::Borrowed(self.raw) }
    }
}

/// The text between the quotes of a JSON string, unescaped. Text with half a surrogate pair, which no Rust string
/// can hold, stays as it is written.
pub fn unescape(raw: &str) -> String {
    serde_json::from_str(&format!("\"{raw}\"")).unwrap_or_else(|_| raw.to_owned())
}

impl<'a> Scanner<'a> {
    /// Before the first byte of `text`.
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Before the byte `offset` of `text`.
    pub fn new_at(text: &'a str, offset: usize) -> Self {
        Self { text, at: offset }
    }

    /// What is left of the text.
    pub fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// What stands next, after white space.
    ///
    /// # Errors
    /// If nothing or no value begins there.
    pub fn kind(&mut self) -> Result<Kind, ScanError> {
        match self.peek() {
            Some(b'{') => Ok(Kind::Object),
            Some(b'[') => Ok(Kind::Array),
            Some(b'"') => Ok(Kind::String),
            Some(b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => Ok(Kind::Scalar),
            _ => Err(self.error()),
        }
    }

    /// Steps into the array that stands next. `true`: an element follows.
    ///
    /// # Errors
    /// If no array begins here.
    pub fn enter_array(&mut self) -> Result<bool, ScanError> {
        self.enter(b'[', b']')
    }

    /// After an element: `true` if another follows, `false` when the array is over.
    ///
    /// # Errors
    /// If neither a comma nor the end stands next.
    pub fn next_element(&mut self) -> Result<bool, ScanError> {
        self.next_or_end(b']')
    }

    /// Steps into the object that stands next. `true`: a member follows.
    ///
    /// # Errors
    /// If no object begins here.
    pub fn enter_object(&mut self) -> Result<bool, ScanError> {
        self.enter(b'{', b'}')
    }

    /// Reads a member's key and the colon; its value stands next.
    ///
    /// # Errors
    /// If no key and colon stand next.
    pub fn key(&mut self) -> Result<Key<'a>, ScanError> {
        self.peek();
        let key = self.string()?;
        self.peek();
        self.byte(b':')?;
        Ok(key)
    }

    /// After a member's value: `true` if another member follows, `false` when the object is over.
    ///
    /// # Errors
    /// If neither a comma nor the end stands next.
    pub fn next_member(&mut self) -> Result<bool, ScanError> {
        self.next_or_end(b'}')
    }

    /// Passes over the value that stands next and gives its text.
    ///
    /// # Errors
    /// If it is no valid JSON.
    pub fn skip(&mut self) -> Result<&'a str, ScanError> {
        self.peek();
        let start = self.at;
        // What is open, outermost first; true is an object. No recursion, so depth costs no stack.
        let mut open = Vec::new();
        loop {
            let entered = match self.kind()? {
                Kind::String => self.string().map(|_| false)?,
                Kind::Scalar => self.scalar().map(|()| false)?,
                Kind::Array => self.enter_array()?.then(|| open.push(false)).is_some(),
                Kind::Object => {
                    self.enter_object()? && {
                        open.push(true);
                        self.key()?;
                        true
                    }
                }
            };
            if !entered && !self.close(&mut open)? {
                return Ok(&self.text[start..self.at]);
            }
        }
    }

    /// The text between here and a later place in the same text.
    pub fn until(&self, later: &Self) -> &'a str {
        self.text.get(self.at..later.at).unwrap_or_default()
    }

    /// The string that stands next, between its quotes.
    ///
    /// # Errors
    /// If no valid string begins here.
    pub fn string(&mut self) -> Result<Key<'a>, ScanError> {
        self.byte(b'"')?;
        let start = self.at;
        let mut escaped = false;
        loop {
            self.at = plain_until(self.text.as_bytes(), self.at);
            match self.text.as_bytes().get(self.at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                _ => return Err(self.error()),
            }
        }
        let raw = &self.text[start..self.at];
        self.at += 1;
        Ok(Key { raw, escaped })
    }

    /// Checks that nothing but white space follows.
    ///
    /// # Errors
    /// If something does.
    pub fn end(&mut self) -> Result<(), ScanError> {
        if self.peek().is_some() { Err(self.error()) } else { Ok(()) }
    }

    /// After a value inside of `open`: ends what ends here. `true` if a further value stands next.
    fn close(&mut self, open: &mut Vec<bool>) -> Result<bool, ScanError> {
        while let Some(object) = open.last() {
            if *object {
                if self.next_member()? {
                    self.key()?;
                    return Ok(true);
                }
            } else if self.next_element()? {
                return Ok(true);
            }
            open.pop();
        }
        Ok(false)
    }

    fn enter(&mut self, begin: u8, end: u8) -> Result<bool, ScanError> {
        self.peek();
        self.byte(begin)?;
        let empty = self.peek() == Some(end);
        self.at += usize::from(empty);
        Ok(!empty)
    }

    fn next_or_end(&mut self, end: u8) -> Result<bool, ScanError> {
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            Some(byte) if byte == end => {
                self.at += 1;
                Ok(false)
            }
            _ => Err(self.error()),
        }
    }

    /// Passes over white space and looks at the next byte.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            if *byte > b' ' || !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(*byte);
            }
            self.at += 1;
        }
        None
    }

    fn byte(&mut self, wanted: u8) -> Result<(), ScanError> {
        if self.text.as_bytes().get(self.at) != Some(&wanted) {
            return Err(self.error());
        }
        self.at += 1;
        Ok(())
    }

    /// An escape sequence; the backslash stands next.
    fn escape(&mut self) -> Result<(), ScanError> {
        let bytes = &self.text.as_bytes()[self.at..];
        let length = match bytes.get(1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
            Some(b'u') if bytes.len() >= 6 && bytes[2..6].iter().all(u8::is_ascii_hexdigit) => 6,
            _ => return Err(self.error()),
        };
        self.at += length;
        Ok(())
    }

    /// A number, `true`, `false` or `null`.
    fn scalar(&mut self) -> Result<(), ScanError> {
        let rest = &self.text.as_bytes()[self.at..];
        let word = match rest.first() {
            Some(b't') => "true",
            Some(b'f') => "false",
            Some(b'n') => "null",
            _ => return self.number(),
        };
        if !rest.starts_with(word.as_bytes()) {
            return Err(self.error());
        }
        self.at += word.len();
        Ok(())
    }

    fn number(&mut self) -> Result<(), ScanError> {
        let rest = &self.text.as_bytes()[self.at..];
        let negative = usize::from(rest.first() == Some(&b'-'));
        let mut length = negative + digits(&rest[negative..]);
        let leading_zero = rest.get(negative) == Some(&b'0') && length > negative + 1;
        let mut complete = length > negative && !leading_zero;
        if rest.get(length) == Some(&b'.') {
            let fraction = digits(&rest[length + 1..]);
            complete &= fraction > 0;
            length += 1 + fraction;
        }
        if matches!(rest.get(length), Some(b'e' | b'E')) {
            length += 1 + usize::from(matches!(rest.get(length + 1), Some(b'+' | b'-')));
            let exponent = digits(rest.get(length..).unwrap_or_default());
            complete &= exponent > 0;
            length += exponent;
        }
        if !complete {
            return Err(self.error());
        }
        self.at += length;
        Ok(())
    }

    fn error(&self) -> ScanError {
        ScanError { offset: self.at }
    }
}

fn digits(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// The index of the next byte from `at` that cannot stand in a string as it is: a quote, a backslash, a control
/// character, or the end. Eight bytes at a time.
fn plain_until(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    let below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit)) & !word & HIGH;
    let equal = |word: u64, byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let word = u64::from_le_bytes(*chunk);
        let special = below(word, 0x20) | equal(word, b'"') | equal(word, b'\\');
        if special != 0 {
            // A borrow can only reach bytes above the lowest hit, so the lowest one is exact.
            return at + (special.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while let Some(byte) = bytes.get(at) {
        if *byte < 0x20 || matches!(byte, b'"' | b'\\') {
            break;
        }
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests;
