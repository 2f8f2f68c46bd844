//! CSV text, record by record.

use std::iter::Peekable;
use std::str::Chars;

/// One field as it is meant: quotes around it and doubled ones in it are gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its text.
    pub text: String,
    /// Whether it stood in quotes.
    pub quoted: bool,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Where it begins, from 1: a quoted field may go over several lines.
    pub line: usize,
    /// What was read of it.
    pub fields: Vec<Field>,
    /// What is wrong with it.
    pub problem: Option<&'static str>,
}

impl Record {
    fn is_blank(&self) -> bool {
        matches!(self.fields.as_slice(), [only] if only.text.is_empty() && !only.quoted)
    }
}

/// The records of a text; lines without anything on them are skipped. Lines end with LF, CRLF or CR.
#[derive(Debug)]
pub struct Records<'a> {
    chars: Peekable<Chars<'a>>,
    delimiter: char,
    line: usize,
}

impl<'a> Records<'a> {
    /// Fields are separated by `delimiter`. A byte order mark is no text.
    pub fn new(text: &'a str, delimiter: char) -> Self {
        Self { chars: text.strip_prefix('\u{feff}').unwrap_or(text).chars().peekable(), delimiter, line: 1 }
    }

    fn record(&mut self) -> Record {
        let mut record = Record { line: self.line, fields: Vec::new(), problem: None };
        loop {
            let (field, problem) = if self.chars.next_if_eq(&'"').is_some() { self.quoted() } else { self.bare() };
            record.fields.push(field);
            record.problem = record.problem.or(problem);
            // After a problem no delimiter can be told from text.
            if record.problem.is_some() {
                self.skip_line();
                return record;
            }
            if self.chars.next_if_eq(&self.delimiter).is_none() {
                self.end_of_line();
                return record;
            }
        }
    }

    fn quoted(&mut self) -> (Field, Option<&'static str>) {
        let mut text = String::new();
        let closed = loop {
            match self.chars.next() {
                None => break false,
                Some('"') if self.chars.next_if_eq(&'"').is_none() => break true,
                Some(c) => {
                    self.line += usize::from(c == '\n' || (c == '\r' && self.chars.peek() != Some(&'\n')));
                    text.push(c);
                }
            }
        };
        let field = Field { text, quoted: true };
        match self.chars.peek() {
            _ if !closed => (field, Some("a quoted field is not closed")),
            None | Some('\r' | '\n') => (field, None),
            Some(c) if *c == self.delimiter => (field, None),
            Some(_) => (field, Some("something stands after a closing quote")),
        }
    }

    fn bare(&mut self) -> (Field, Option<&'static str>) {
        let mut text = String::new();
        while let Some(c) = self.chars.next_if(|c| *c != self.delimiter && !['\r', '\n'].contains(c)) {
            text.push(c);
        }
        let problem = text.contains('"').then_some("a quote stands in a field that does not begin with one");
        (Field { text, quoted: false }, problem)
    }

    fn skip_line(&mut self) {
        while self.chars.next_if(|c| !['\r', '\n'].contains(c)).is_some() {}
        self.end_of_line();
    }

    fn end_of_line(&mut self) {
        if self.chars.next_if_eq(&'\r').is_some() {
            self.chars.next_if_eq(&'\n');
        } else if self.chars.next_if_eq(&'\n').is_none() {
            return;
        }
        self.line += 1;
    }
}

impl Iterator for Records<'_> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        while self.chars.peek().is_some() {
            let record = self.record();
            if !record.is_blank() {
                return Some(record);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(usize, Vec<String>, Option<&'static str>)> {
        let texts = |record: &Record| record.fields.iter().map(|field| field.text.clone()).collect();
        Records::new(text, ',').map(|record| (record.line, texts(&record), record.problem)).collect()
    }

    fn fields(text: &str) -> Vec<Vec<String>> {
        read(text).into_iter().map(|(_, fields, _)| fields).collect()
    }

    #[test]
    fn quotes_keep_delimiters_quotes_and_line_ends() {
        assert_eq!(fields("a,\"b,\"\"c\"\"\r\nd\",e\r\n"), [["a", "b,\"c\"\r\nd", "e"]]);
        assert_eq!(fields("\"\",\"\"\"\"\n"), [["", "\""]]);
        assert_eq!(fields("é,😀\n\u{feff}x,"), [["é", "😀"], ["\u{feff}x", ""]]);
    }

    #[test]
    fn every_line_end_and_none_at_all_ends_a_record() {
        for text in ["a,b\nc,d", "a,b\r\nc,d\r\n", "a,b\rc,d\r", "\u{feff}a,b\n\n\r\nc,d\n\n"] {
            assert_eq!(fields(text), [["a", "b"], ["c", "d"]], "{text:?}");
        }
        assert!(fields("").is_empty() && fields("\n\n").is_empty());
        assert_eq!(fields(",\n\"\"\n"), [vec!["", ""], vec![""]]);
    }

    #[test]
    fn broken_records_are_told_by_the_line_they_begin_on_and_the_next_is_read() {
        let text = "a\n\"x\ny\",1\nb\"c,d\n\"e\"f,g\r\nh\n\"open\ni";
        let told: Vec<_> =
            read(text).into_iter().map(|(line, fields, problem)| (line, fields[0].clone(), problem)).collect();
        let expected = [
            (1, "a".to_owned(), None),
            (2, "x\ny".to_owned(), None),
            (4, "b\"c".to_owned(), Some("a quote stands in a field that does not begin with one")),
            (5, "e".to_owned(), Some("something stands after a closing quote")),
            (6, "h".to_owned(), None),
            (7, "open\ni".to_owned(), Some("a quoted field is not closed")),
        ];
        assert_eq!(told, expected);
    }
}
