//! A call, ready to be sent.

use blockyard_sdk::http::Request;
use serde_json::value::RawValue;

/// Everything about a call but where it goes.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) method: &'static str,
    /// Segments after the base.
    pub(crate) path: Vec<String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) schema: Option<String>,
    pub(crate) prefer: Vec<String>,
    pub(crate) body: Option<String>,
    pub(crate) shape: Shape,
    /// Whether it does no harm to send it twice.
    pub(crate) repeatable: bool,
}

/// What a successful answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Rows, page by page.
    Pages(Paging),
    /// One row.
    Row,
    /// Rows.
    Rows,
    /// Nothing; this many rows were sent.
    Written(usize),
    /// Nothing but a count.
    Affected,
    /// Whatever a function returns.
    Value,
}

/// Which rows are read, and how many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Paging {
    pub(crate) offset: u64,
    pub(crate) limit: u64,
    pub(crate) page_size: u64,
    /// Whether the total that the server says is one to rely on.
    pub(crate) exact: bool,
}

impl Prepared {
    pub(crate) fn new(method: &'static str, path: &[&str], shape: Shape) -> Self {
        Self {
            method,
            path: path.iter().map(|part| (*part).to_owned()).collect(),
            query: Vec::new(),
            schema: None,
            prefer: Vec::new(),
            body: None,
            shape,
            repeatable: true,
        }
    }

    pub(crate) fn query(&mut self, name: &str, value: impl Into<String>) {
        self.query.push((name.to_owned(), value.into()));
    }

    /// The parameter `select`, unless it is all columns.
    pub(crate) fn select(&mut self, columns: &[String]) {
        if !columns.is_empty() {
            self.query("select", columns.join(","));
        }
    }

    /// The request, without credentials.
    pub(crate) fn request(&self, base: &str) -> Request {
        let request = self.path.iter().fold(Request::new(self.method, base), |request, part| request.segment(part));
        let mut request = self.query.iter().fold(request, |request, (name, value)| request.query(name, value));
        if let Some(schema) = &self.schema {
            let name = if self.method == "GET" { "accept-profile" } else { "content-profile" };
            request = request.header(name, schema.as_str());
        }
        if !self.prefer.is_empty() {
            request = request.header("prefer", self.prefer.join(","));
        }
        if self.shape == Shape::Row {
            request = request.header("accept", "application/vnd.pgrst.object+json");
        }
        match &self.body {
            Some(body) => request.body("application/json", body.as_str()),
            None => request,
        }
    }
}

/// JSON values as a JSON list, byte for byte.
pub(crate) fn list<'a>(values: impl IntoIterator<Item = &'a RawValue>) -> String {
    let values: Vec<_> = values.into_iter().map(RawValue::get).collect();
    format!("[{}]", values.join(","))
}
