//! What the tables say: which operations a vendor has, and what its errors have to become.

use serde_json::Value;

/// A vendor with the documents that its blocks run against.
pub(crate) struct Vendor {
    pub(crate) name: &'static str,
    /// What is mapped to the mock.
    pub(crate) base: &'static str,
    /// The secret that its blocks ask for.
    pub(crate) secret: &'static str,
    /// The header that it goes into.
    pub(crate) secret_header: &'static str,
    /// A block to which the operator has to grant the host.
    pub(crate) granted_to: Option<&'static str>,
    pub(crate) suites: Vec<Suite>,
}

impl Vendor {
    /// The host of the base.
    pub(crate) fn host(&self) -> &'static str {
        let rest = self.base.split_once("://").map_or(self.base, |(_, rest)| rest);
        rest.split('/').next().unwrap_or(rest)
    }

    /// The secret's text.
    pub(crate) fn secret_text(&self) -> String {
        format!("{}-0123456789", self.secret)
    }
}

/// What a document is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The vendor wrote it.
    Vendor,
    /// Somebody else did.
    ThirdParty,
    /// It was written for this project: agreement with it proves consistency only.
    Project,
}

/// One document, and what is run against it.
pub(crate) struct Suite {
    /// The file's name under `openapi/`.
    pub(crate) document: &'static str,
    pub(crate) origin: Origin,
    pub(crate) operations: Vec<Operation>,
    /// Errors of the document. The first that fits counts.
    pub(crate) errors: Vec<Defined>,
    /// Errors that the document lacks and the vendor's documentation or clients have.
    pub(crate) told: Vec<Told>,
}

/// One call.
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    pub(crate) block: &'static str,
    pub(crate) config: Value,
    pub(crate) input: Value,
    /// Beginnings of `METHOD /path`, one for each request in their order.
    pub(crate) requests: Vec<&'static str>,
    /// Changes to the mock's results.
    pub(crate) mends: Vec<Mend>,
    /// What the result has, by JSON pointer; ports stand at the top, beside `metadata`.
    pub(crate) expected: Vec<(&'static str, Is)>,
    /// A request, counted from 0, that is answered with an error of the document at its first try.
    pub(crate) hiccup: Option<(usize, u16)>,
    /// Whether it goes without the secret.
    pub(crate) anonymous: bool,
    /// How many waits the block asks for.
    pub(crate) waits: usize,
    /// The request from which on errors are answered; none for operations that others stand for.
    pub(crate) errors_from: Option<usize>,
}

impl Operation {
    /// A call with one request.
    pub(crate) fn new(
        name: &'static str,
        block: &'static str,
        config: Value,
        input: Value,
        request: &'static str,
    ) -> Self {
        Self {
            name,
            block,
            config,
            input,
            requests: vec![request],
            mends: Vec::new(),
            expected: Vec::new(),
            hiccup: None,
            anonymous: false,
            waits: 0,
            errors_from: Some(0),
        }
    }

    pub(crate) fn then(mut self, request: &'static str) -> Self {
        self.requests.push(request);
        self
    }

    pub(crate) fn mend(mut self, on: &'static str, change: Change) -> Self {
        self.mends.push(Mend { on, change });
        self
    }

    pub(crate) fn expect(mut self, pointer: &'static str, is: Is) -> Self {
        self.expected.push((pointer, is));
        self
    }

    /// One error on the way, which the block has to get over.
    pub(crate) fn once(mut self, request: usize, status: u16) -> Self {
        self.hiccup = Some((request, status));
        self.errors_from = None;
        self
    }

    pub(crate) fn anonymous(mut self) -> Self {
        self.anonymous = true;
        self
    }

    pub(crate) fn waits(mut self, count: usize) -> Self {
        self.waits = count;
        self
    }

    pub(crate) fn errors_from(mut self, request: usize) -> Self {
        self.errors_from = Some(request);
        self
    }

    /// Its errors are those of another operation.
    pub(crate) fn without_errors(mut self) -> Self {
        self.errors_from = None;
        self
    }
}

/// A change to results of requests whose `METHOD /path` begins so.
#[derive(Clone)]
pub(crate) struct Mend {
    pub(crate) on: &'static str,
    pub(crate) change: Change,
}

/// What is changed.
#[derive(Clone)]
pub(crate) enum Change {
    /// The value at a JSON pointer.
    Body(&'static str, Value),
    /// A header.
    Header(&'static str, &'static str),
    /// The result's status, one of the document's.
    Status(u16),
}

/// What a value has to be.
pub(crate) enum Is {
    Equal(Value),
    Text,
    Number,
    Object,
    /// A list of so many.
    List(usize),
}

/// Whether another attempt may help, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    Never,
    /// After the node's own delay.
    Yes,
    /// At the earliest after so many milliseconds.
    After(u64),
}

/// What an answer of the document has to become.
pub(crate) struct Defined {
    /// The operations for which it holds; empty for all.
    pub(crate) on: &'static [&'static str],
    pub(crate) status: u16,
    /// The example for which it holds; none for all.
    pub(crate) example: Option<&'static str>,
    pub(crate) becomes: Becomes,
}

/// An answer that the document lacks, and what it has to become.
pub(crate) struct Told {
    /// The operations that are answered so; empty for all.
    pub(crate) on: &'static [&'static str],
    pub(crate) answer: Own,
    pub(crate) becomes: Becomes,
}

/// An answer in the mock's place.
#[derive(Clone, Debug)]
pub(crate) struct Own {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, &'static str)>,
    pub(crate) body: String,
}

/// The failure that a block has to answer with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Becomes {
    Failure(&'static str, Retry),
    /// No failure: the answer is a result after all.
    Result,
}

/// An error of the document.
pub(crate) fn defined(status: u16, code: &'static str, retry: Retry) -> Defined {
    Defined { on: &[], status, example: None, becomes: Becomes::Failure(code, retry) }
}

impl Defined {
    pub(crate) fn example(mut self, name: &'static str) -> Self {
        self.example = Some(name);
        self
    }

    pub(crate) fn on(mut self, operations: &'static [&'static str]) -> Self {
        self.on = operations;
        self
    }

    pub(crate) fn with_result(mut self) -> Self {
        self.becomes = Becomes::Result;
        self
    }
}

/// An error that the document lacks. A body that is a text goes as plain text.
pub(crate) fn told(status: u16, body: Value, code: &'static str, retry: Retry) -> Told {
    let body = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
    let answer = Own { status, headers: Vec::new(), body };
    Told { on: &[], answer, becomes: Becomes::Failure(code, retry) }
}

impl Told {
    pub(crate) fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.answer.headers.push((name, value));
        self
    }

    pub(crate) fn on(mut self, operations: &'static [&'static str]) -> Self {
        self.on = operations;
        self
    }
}
