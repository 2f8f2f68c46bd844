//! A bound on how deep an expression's syntax tree can be.
//!
//! The engine's parser bounds nesting, but a long chain (`a|f|f|f`, `a + a + a`) makes a deep tree as well, which the
//! compiler then walks recursively.

/// Links in a chain, counted along what is open. A tree of this depth needs a fraction of a guest's stack.
const MAX_LINKS: usize = 1_000;

/// Whether some chain is too long.
pub(super) fn is_too_deep(source: &str) -> bool {
    // A link takes at least one byte.
    source.len() > MAX_LINKS && longest_chain(source) > MAX_LINKS
}

fn longest_chain(source: &str) -> usize {
    let (mut open, mut here, mut outside, mut longest) = (Vec::new(), 0_usize, 0_usize, 0_usize);
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let mut length = first.len_utf8();
        match first {
            '\'' | '"' => length = string_length(rest, first),
            'a'..='z' | 'A'..='Z' | '_' => {
                length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
                here += usize::from(matches!(&rest[..length], "and" | "or" | "is" | "in" | "not" | "if"));
            }
            '(' | '[' | '{' => {
                here += 1;
                open.push(here);
                outside += here;
                here = 0;
            }
            ')' | ']' | '}' => {
                here = open.pop().unwrap_or(0);
                outside -= here;
            }
            ',' | ':' => here = 0,
            '|' | '.' | '~' | '+' | '-' | '*' | '/' | '%' | '=' | '<' | '>' | '!' => here += 1,
            _ => {}
        }
        longest = longest.max(outside + here);
        rest = &rest[length..];
    }
    longest
}

fn string_length(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        if character == quote && !escaped {
            return at + 1;
        }
        escaped = character == '\\' && !escaped;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_are_counted_along_what_is_open() {
        assert_eq!(longest_chain("a.b.c"), 2);
        assert_eq!(longest_chain("{'a': x.y, 'b': x.y.z}"), 3);
        assert_eq!(longest_chain("a|f(1, 2)|f(1, 2)"), 4);
        assert_eq!(longest_chain("'a.b.c\\'.d' ~ \"...\""), 1);
        assert_eq!(longest_chain("a and b or not c"), 3);
        assert_eq!(longest_chain("é😀)]}"), 0);
    }

    #[test]
    fn a_large_mapping_is_not_deep() {
        let fields: Vec<_> = (0..2_000).map(|n| format!("'f{n}': input.a.b|default('')")).collect();
        assert!(!is_too_deep(&format!("{{{}}}", fields.join(", "))));
        assert!(is_too_deep(&format!("a{}", "|f(1, 2)".repeat(1_000))));
    }
}
