//! JSON text laid out anew without touching its values: big numbers and key order stay as they are.

/// The same document on one line without spaces.
pub(super) fn compact(json: &str) -> String {
    let mut in_text = InText::default();
    json.chars().filter(|&c| in_text.next(c) || !c.is_ascii_whitespace()).collect()
}

/// The same document indented by two spaces.
pub(super) fn pretty(json: &str) -> String {
    let json = compact(json);
    let mut out = String::with_capacity(json.len() * 2);
    let (mut depth, mut in_text) = (0, InText::default());
    let mut chars = json.chars().peekable();
    while let Some(c) = chars.next() {
        if in_text.next(c) {
            out.push(c);
            continue;
        }
        match c {
            '{' | '[' => {
                out.push(c);
                match chars.next_if(|next| matches!(next, '}' | ']')) {
                    Some(end) => out.push(end),
                    None => {
                        depth += 1;
                        new_line(&mut out, depth);
                    }
                }
            }
            '}' | ']' => {
                depth -= 1;
                new_line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                new_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            _ => out.push(c),
        }
    }
    out
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

/// Follows the strings of a JSON text.
#[derive(Default)]
struct InText {
    inside: bool,
    escaped: bool,
}

impl InText {
    /// Whether `c` belongs to a string, its quotes included.
    fn next(&mut self, c: char) -> bool {
        let was_inside = self.inside;
        match c {
            _ if self.escaped => self.escaped = false,
            '\\' if self.inside => self.escaped = true,
            '"' => self.inside = !self.inside,
            _ => {}
        }
        was_inside || self.inside
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "{ \"a\" : [1, 123456789012345678901234567890 ,{}],\n\"b: [\\\" ,\": [ ] , \"c\":\"x  y\"}";

    #[test]
    fn values_stay_as_they_are() {
        assert_eq!(compact(TEXT), r#"{"a":[1,123456789012345678901234567890,{}],"b: [\" ,":[],"c":"x  y"}"#);
        let lines = [
            "{",
            "  \"a\": [",
            "    1,",
            "    123456789012345678901234567890,",
            "    {}",
            "  ],",
            "  \"b: [\\\" ,\": [],",
            "  \"c\": \"x  y\"",
            "}",
        ];
        assert_eq!(pretty(TEXT), lines.join("\n"));
        assert_eq!(pretty("7"), "7");
    }
}
