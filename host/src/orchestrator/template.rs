//! Configs with `{{ … }}` in their strings: taken apart once, filled in at every start of the node.

use serde_json::Value;

use super::path::Path;
use crate::blocks::PathSegment;
use crate::domain::problem::pointer;
use crate::domain::{Json, Problem};

/// A document in which expressions stand for values.
#[derive(Clone, Debug)]
pub struct Template {
    root: Part,
    /// Its expressions, in the order in which [`Template::render`] wants their values.
    pub expressions: Vec<Expression>,
}

/// One `{{ … }}`.
#[derive(Clone, Debug)]
pub struct Expression {
    /// What stands between the braces.
    pub source: String,
    /// Where its string stands in the document.
    pub pointer: String,
    /// The same as a plain path, if it is one.
    pub plain: Option<Path>,
    /// The names it refers to: known at once for plain paths, told by the sandbox for the others.
    pub references: Vec<Vec<String>>,
}

impl Expression {
    /// Whether it refers to the root `name`.
    pub fn refers_to(&self, name: &str) -> bool {
        self.references.iter().any(|reference| reference.first().is_some_and(|root| root == name))
    }
}

#[derive(Clone, Debug)]
enum Part {
    Literal(Json),
    Value(usize),
    Text(Vec<Piece>),
    Array(Vec<Part>),
    Object(Vec<(String, Part)>),
}

#[derive(Clone, Debug)]
enum Piece {
    Text(String),
    Value(usize),
}

impl Template {
    /// Take `document` apart. Strings for which `left_alone` holds are no templates. `at` is where the document stands.
    ///
    /// # Errors
    /// Every `{{` without its `}}`.
    pub fn parse(
        document: &Value,
        at: &str,
        left_alone: &dyn Fn(&[PathSegment<'_>]) -> bool,
    ) -> Result<Self, Vec<Problem>> {
        let mut parser = Parser { expressions: Vec::new(), problems: Vec::new(), left_alone };
        let root = parser.part(document, at.to_owned(), &mut Vec::new());
        if parser.problems.is_empty() {
            Ok(Self { root, expressions: parser.expressions })
        } else {
            Err(parser.problems)
        }
    }

    /// The document, if it holds no expression.
    pub fn constant(&self) -> Option<&Json> {
        match &self.root {
            Part::Literal(json) => Some(json),
            _ => None,
        }
    }

    /// Whether the values differ from item to item of a `forEach`.
    pub fn uses_item(&self) -> bool {
        self.expressions.iter().any(|expression| expression.refers_to("item") || expression.refers_to("index"))
    }

    /// The document with `values` in place of its expressions.
    pub fn render(&self, values: &[Json]) -> String {
        let mut text = String::new();
        render(&self.root, values, &mut text);
        text
    }
}

fn render(part: &Part, values: &[Json], out: &mut String) {
    let value = |number: &usize| values.get(*number).map_or("null", Json::as_str);
    match part {
        Part::Literal(json) => out.push_str(json.as_str()),
        Part::Value(number) => out.push_str(value(number)),
        Part::Text(pieces) => {
            let mut text = String::new();
            for piece in pieces {
                match piece {
                    Piece::Text(literal) => text.push_str(literal),
                    // A string without its quotes, everything else as JSON.
                    Piece::Value(number) => match serde_json::from_str::<Value>(value(number)) {
                        Ok(Value::String(string)) => text.push_str(&string),
                        _ => text.push_str(value(number)),
                    },
                }
            }
            out.push_str(&Value::String(text).to_string());
        }
        Part::Array(parts) => {
            out.push('[');
            for (index, part) in parts.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                render(part, values, out);
            }
            out.push(']');
        }
        Part::Object(members) => {
            out.push('{');
            for (index, (key, part)) in members.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                render(part, values, out);
            }
            out.push('}');
        }
    }
}

struct Parser<'a> {
    expressions: Vec<Expression>,
    problems: Vec<Problem>,
    left_alone: &'a dyn Fn(&[PathSegment<'_>]) -> bool,
}

impl Parser<'_> {
    fn part<'v>(&mut self, value: &'v Value, at: String, path: &mut Vec<PathSegment<'v>>) -> Part {
        match value {
            Value::String(text) if text.contains("{{") && !(self.left_alone)(path) => self.string(text, &at),
            Value::Array(items) => {
                let mut parts = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    path.push(PathSegment::Index(index));
                    parts.push(self.part(item, pointer(&at, index), path));
                    path.pop();
                }
                if parts.iter().all(is_literal) { literal(value) } else { Part::Array(parts) }
            }
            Value::Object(members) => {
                let mut parts = Vec::with_capacity(members.len());
                for (key, member) in members {
                    path.push(PathSegment::Key(key));
                    parts.push((key.clone(), self.part(member, pointer(&at, key), path)));
                    path.pop();
                }
                if parts.iter().all(|(_, part)| is_literal(part)) { literal(value) } else { Part::Object(parts) }
            }
            other => literal(other),
        }
    }

    fn string(&mut self, text: &str, at: &str) -> Part {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.find("{{") {
            if start > 0 {
                pieces.push(Piece::Text(rest[..start].to_owned()));
            }
            let inside = &rest[start + 2..];
            let Some(end) = expression_end(inside) else {
                self.problem(at, format!("`{{{{` without `}}}}` in `{}`", shortened(text)));
                return literal(&Value::Null);
            };
            let source = inside[..end].trim();
            if source.is_empty() {
                self.problem(at, "`{{ }}` holds no expression".to_owned());
            }
            pieces.push(Piece::Value(self.expressions.len()));
            self.expressions.push(expression(source, at));
            rest = &inside[end + 2..];
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        match pieces.as_slice() {
            [Piece::Value(number)] => Part::Value(*number),
            _ => Part::Text(pieces),
        }
    }

    fn problem(&mut self, at: &str, message: String) {
        self.problems.push(Problem::new(at, "invalid-template", message));
    }
}

fn expression(source: &str, at: &str) -> Expression {
    let plain = Path::parse(source);
    let references = plain.iter().map(Path::names).collect();
    Expression { source: source.to_owned(), pointer: at.to_owned(), plain, references }
}

fn is_literal(part: &Part) -> bool {
    matches!(part, Part::Literal(_))
}

fn literal(value: &Value) -> Part {
    Part::Literal(Json::from(value))
}

fn shortened(text: &str) -> &str {
    &text[..text.floor_char_boundary(80)]
}

/// Where the `}}` stands that ends an expression: not in a string, nor inside brackets.
fn expression_end(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut depth, mut quote, mut index) = (0usize, None, 0);
    while index < bytes.len() {
        let byte = bytes[index];
        match quote {
            Some(_) if byte == b'\\' => index += 1,
            Some(open) if byte == open => quote = None,
            Some(_) => {}
            None => match byte {
                b'\'' | b'"' => quote = Some(byte),
                b'{' | b'[' | b'(' => depth += 1,
                b'}' if depth == 0 && bytes.get(index + 1) == Some(&b'}') => return Some(index),
                b'}' | b']' | b')' => depth = depth.saturating_sub(1),
                _ => {}
            },
        }
        index += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(document: &Value) -> Result<Template, Vec<Problem>> {
        Template::parse(document, "/config", &|_| false)
    }

    fn sources(document: &Value) -> Vec<String> {
        parse(document).unwrap().expressions.into_iter().map(|expression| expression.source).collect()
    }

    #[test]
    fn a_string_that_is_one_expression_yields_the_value_itself() {
        let template =
            parse(&json!({"a": "{{ input.n }}", "b": "n is {{ input.n }}!", "c": [1, {"d": "plain"}]})).unwrap();
        let values = [Json::from(json!({"x": 1})), Json::from(json!("ä\"ö"))];
        assert_eq!(template.render(&values), r#"{"a":{"x":1},"b":"n is ä\"ö!","c":[1,{"d":"plain"}]}"#);
        let values = [Json::from(json!(1)), Json::from(json!([null, 2]))];
        assert_eq!(template.render(&values), r#"{"a":1,"b":"n is [null,2]!","c":[1,{"d":"plain"}]}"#);
    }

    #[test]
    fn braces_in_strings_and_maps_do_not_end_an_expression() {
        assert_eq!(
            sources(&json!("{{ '}}' }}{{ {'a': {'b': 1}} }}{{ \"\\\"}}\" }}")),
            ["'}}'", "{'a': {'b': 1}}", "\"\\\"}}\""]
        );
        assert_eq!(sources(&json!("{{ '{{' }}")), ["'{{'"]);
        assert_eq!(sources(&json!("{% if x %} {# no #} }} { {")), Vec::<String>::new());
    }

    #[test]
    fn what_is_not_closed_is_a_problem_with_its_place() {
        let problems = parse(&json!({"a/b": ["ok", "{{ input"], "c": "{{}}"})).unwrap_err();
        let found: Vec<_> = problems.iter().map(|problem| (problem.pointer.as_str(), problem.code)).collect();
        assert_eq!(found, [("/config/a~1b/1", "invalid-template"), ("/config/c", "invalid-template")]);
    }

    #[test]
    fn fields_that_are_left_alone_are_literal() {
        let document = json!({"expression": "{{ input }}"});
        let template = Template::parse(&document, "", &|path| path == [PathSegment::Key("expression")]).unwrap();
        assert_eq!(template.constant(), Some(&Json::from(document)));
    }
}
