//! What an OpenAPI document says of a request: which operation it is, what may be sent, what may be answered.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::prism::folder;

/// A document under `openapi/`.
pub(crate) struct Document(Value);

/// One operation of a document.
#[derive(Clone, Copy)]
pub(crate) struct Described<'a> {
    document: &'a Document,
    /// What all operations of the path share.
    path: &'a Value,
    operation: &'a Value,
}

/// An answer that is no result.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ErrorAnswer {
    pub(crate) status: u16,
    /// The name of one of several examples.
    pub(crate) example: Option<String>,
}

impl Document {
    pub(crate) fn read(name: &str) -> Self {
        let path = folder().join("openapi").join(name);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self(serde_json::from_str(&text).unwrap())
    }

    /// The operation that a request is; paths with fewer parameters go before others.
    pub(crate) fn operation(&self, method: &str, path: &str) -> Option<Described<'_>> {
        let paths = self.0.get("paths")?.as_object()?;
        let fitting = paths.iter().filter(|(template, _)| fits(template, path));
        let fitting = fitting.filter_map(|(template, path)| {
            let operation = path.get(method.to_ascii_lowercase())?;
            Some((template.matches('{').count(), Described { document: self, path, operation }))
        });
        fitting.min_by_key(|(parameters, _)| *parameters).map(|(_, described)| described)
    }

    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        let reference = value.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix('#'));
        reference.and_then(|pointer| self.0.pointer(pointer)).map_or(value, |target| self.resolve(target))
    }
}

impl Described<'_> {
    /// Every answer but the results, each example by itself.
    pub(crate) fn errors(&self) -> BTreeSet<ErrorAnswer> {
        let mut errors = BTreeSet::new();
        for (status, answer) in self.operation.get("responses").and_then(Value::as_object).into_iter().flatten() {
            let Ok(status) = status.parse::<u16>() else { continue };
            if [200, 201, 204, 206].contains(&status) {
                continue;
            }
            let content = self.document.resolve(answer).pointer("/content/application~1json/examples");
            match content.and_then(Value::as_object).filter(|examples| !examples.is_empty()) {
                Some(examples) => {
                    errors.extend(examples.keys().map(|example| ErrorAnswer { status, example: Some(example.clone()) }))
                }
                None => drop(errors.insert(ErrorAnswer { status, example: None })),
            }
        }
        errors
    }

    /// The query parameters.
    pub(crate) fn parameters(&self) -> BTreeSet<&str> {
        let lists = [self.path.get("parameters"), self.operation.get("parameters")];
        let parameters = lists.into_iter().flatten().filter_map(Value::as_array).flatten();
        let parameters = parameters.map(|parameter| self.document.resolve(parameter));
        let queries = parameters.filter(|parameter| parameter.get("in").is_some_and(|place| place == "query"));
        queries.filter_map(|parameter| parameter.get("name")?.as_str()).collect()
    }

    /// The fields that the JSON body has by name; nothing if any may be there.
    pub(crate) fn body_fields(&self) -> BTreeSet<&str> {
        let body = self.operation.get("requestBody").map(|body| self.document.resolve(body));
        let mut fields = BTreeSet::new();
        if let Some(schema) = body.and_then(|body| body.pointer("/content/application~1json/schema")) {
            self.fields(schema, &mut fields);
        }
        fields
    }

    fn fields<'a>(&'a self, schema: &'a Value, found: &mut BTreeSet<&'a str>) {
        let schema = self.document.resolve(schema);
        found.extend(
            schema
                .get("properties")
                .and_then(Value::as_object)
                .into_iter()
                .flat_map(|fields| fields.keys())
                .map(String::as_str),
        );
        for key in ["allOf", "anyOf", "oneOf"] {
            for part in schema.get(key).and_then(Value::as_array).into_iter().flatten() {
                self.fields(part, found);
            }
        }
    }
}

/// Whether a path is one of a template such as `/act_{account}/users`.
fn fits(template: &str, path: &str) -> bool {
    let (templates, segments): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    templates.len() == segments.len()
        && templates.iter().zip(&segments).all(|(template, segment)| segment_fits(template, segment))
}

fn segment_fits(template: &str, segment: &str) -> bool {
    match (template.split_once('{'), template.rsplit_once('}')) {
        (Some((before, _)), Some((_, after))) => {
            segment.len() > before.len() + after.len() && segment.starts_with(before) && segment.ends_with(after)
        }
        _ => template == segment,
    }
}

#[test]
fn paths_are_found_by_their_templates() {
    let document = Document::read("meta-audiences.json");
    for (method, path, found) in [
        ("POST", "/act_12/customaudiences", true),
        ("POST", "/12/users", true),
        ("DELETE", "/12/users", true),
        ("PUT", "/12/users", false),
        ("POST", "/12/users/more", false),
        ("GET", "/12", true),
    ] {
        assert_eq!(document.operation(method, path).is_some(), found, "{method} {path}");
    }
    let errors = document.operation("POST", "/12/users").unwrap().errors();
    assert!(errors.contains(&ErrorAnswer { status: 400, example: Some("token".to_owned()) }));
    assert!(errors.contains(&ErrorAnswer { status: 500, example: None }));
}
