//! JSON and YAML in, text or value out.

use serde_json::Value;

/// Why a text cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
    /// Not JSON; with line and column.
    #[error("not valid JSON: {0}")]
    Json(String),
    /// Not YAML, or more than is accepted; with line and column.
    #[error("not valid YAML: {0}")]
    Yaml(String),
}

/// Read a document that is JSON or YAML, whichever it looks like.
///
/// # Errors
/// If it is neither.
pub fn from_text(text: &str) -> Result<Value, DocumentError> {
    match text.trim_start().bytes().next() {
        None => Err(DocumentError::Empty),
        Some(b'{' | b'[' | b'"') => match serde_json::from_str(text) {
            Ok(value) => Ok(value),
            // YAML has flow collections that are no JSON; its own message is of no use if that fails too.
            Err(json) => yaml(text).map_err(|_| DocumentError::Json(json.to_string())),
        },
        Some(_) => yaml(text),
    }
}

/// Read YAML. Aliases, nesting and size are bounded, so that a small text cannot become a big document.
///
/// # Errors
/// If it is no YAML, holds what JSON cannot, or more than is accepted.
pub(super) fn yaml(text: &str) -> Result<Value, DocumentError> {
    if text.trim().is_empty() {
        return Err(DocumentError::Empty);
    }
    serde_saphyr::from_str(text).map_err(|error| {
        let error = error.without_snippet();
        let text = quoted_words_hidden(&error.to_string(), text);
        match error.location() {
            Some(at) if !text.contains("line ") => {
                DocumentError::Yaml(format!("{text} at line {} column {}", at.line(), at.column()))
            }
            _ => DocumentError::Yaml(text),
        }
    })
}

/// The parser quotes keys and anchors, which may be secrets in the wrong place: long words that the document has go.
fn quoted_words_hidden(message: &str, document: &str) -> String {
    const LONG: usize = 16;
    let ends = |character: char| character.is_whitespace() || ",;:'\"`(){}[]".contains(character);
    let mut shown = String::with_capacity(message.len());
    for piece in message.split_inclusive(ends) {
        let word = piece.trim_end_matches(ends);
        if word.chars().count() >= LONG && document.contains(word) {
            shown.push('…');
            shown.push_str(&piece[word.len()..]);
        } else {
            shown.push_str(piece);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_languages_are_read() {
        assert_eq!(from_text("{\"a\": [1, 2.5]}").unwrap(), json!({"a": [1, 2.5]}));
        assert_eq!(from_text("a:\n  - 1\n  - yes\n  - 'x'\n").unwrap()["a"][0], json!(1));
        assert_eq!(from_text("{a: 1}").unwrap(), json!({"a": 1}));
        assert_eq!(from_text(" \n"), Err(DocumentError::Empty));
        assert!(from_text("{\"a\": ]}").unwrap_err().to_string().contains("line 1 column"));
        assert!(from_text("a: [1\nb: 2").unwrap_err().to_string().contains("line "));
    }

    #[test]
    fn alias_bombs_are_refused() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let previous = format!("*a{}", level - 1);
            text.push_str(&format!("a{level}: &a{level} [{}]\n", vec![previous; 10].join(", ")));
        }
        assert!(matches!(yaml(&text), Err(DocumentError::Yaml(_))));
    }
}
