//! Runs the table of one document.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::caller::{Called, Caller};
use crate::document::{Document, ErrorAnswer};
use crate::proxy::{Fault, Plan, Proxy, Seen};
use crate::report::Line;
use crate::table::{Becomes, Is, Operation, Retry, Suite, Vendor};

/// A document's table, at work.
struct Run<'a> {
    caller: &'a Caller,
    proxy: &'a Proxy,
    vendor: &'a Vendor,
    suite: &'a Suite,
    document: Document,
    line: Line,
}

/// Run every operation of the table, and every error of each.
pub(crate) async fn run(caller: &Caller, proxy: &Proxy, vendor: &Vendor, suite: &Suite) -> Line {
    let document = Document::read(suite.document);
    let line = Line::new(vendor.name, suite.document, suite.origin);
    let mut run = Run { caller, proxy, vendor, suite, document, line };
    for operation in &suite.operations {
        let accepted = run.accepted(operation).await;
        if let (Some(seen), Some(from)) = (accepted, operation.errors_from) {
            run.errors(operation, from, &seen).await;
        }
    }
    run.line
}

impl Run<'_> {
    /// Whether an operation gets through and gives what it should; then its requests.
    async fn accepted(&mut self, operation: &Operation) -> Option<Vec<Seen>> {
        let hiccup = operation.hiccup.map(|(at, status)| (at..at + 1, Fault::OfMock(status, None)));
        self.proxy.plan(Plan { mends: operation.mends.clone(), fault: hiccup });
        let called = self.caller.call(operation).await;
        let seen = self.proxy.seen();
        let mut problems: Vec<String> = seen.iter().filter_map(Seen::refusal).collect();
        problems.extend(seen.iter().flat_map(|seen| self.unknown(seen)));
        problems.extend(seen.iter().filter_map(|seen| self.misplaced(operation, seen)));
        problems.extend(other_requests(operation, &seen));
        problems.extend(other_result(operation, &called));
        if problems.is_empty() {
            self.line.accepted += 1;
            return Some(seen);
        }
        for problem in problems {
            self.problem(operation, &problem);
        }
        None
    }

    /// Parameters and fields that the document does not know, which a mock lets through.
    fn unknown(&self, seen: &Seen) -> Vec<String> {
        let Some(described) = self.document.operation(&seen.method, &seen.path) else {
            return vec![format!("the document has no {}", seen.line())];
        };
        let known = described.parameters();
        let parameters = seen.parameters.iter().map(String::as_str).filter(|name| !known.contains(name));
        let known_fields = described.body_fields();
        let sent = seen.body.as_ref().and_then(Value::as_object).filter(|_| !known_fields.is_empty());
        let fields = sent.into_iter().flat_map(|body| body.keys()).map(String::as_str);
        let fields = fields.filter(|name| !known_fields.contains(name));
        let unknown: BTreeSet<&str> = parameters.chain(fields).collect();
        unknown.iter().map(|name| format!("{} has `{name}`, which the document does not know", seen.line())).collect()
    }

    /// A secret that is not where it belongs.
    fn misplaced(&self, operation: &Operation, seen: &Seen) -> Option<String> {
        let is_there = seen.credentials.iter().any(|name| name == self.vendor.secret_header);
        let is_wrong = seen.leaks || is_there == operation.anonymous;
        is_wrong
            .then(|| format!("{} has the secret in {:?}, in its URL: {}", seen.line(), seen.credentials, seen.leaks))
    }

    /// Every error of the document at one request of an operation, then those that the document lacks.
    async fn errors(&mut self, operation: &Operation, from: usize, seen: &[Seen]) {
        let Some(request) = seen.get(from) else {
            return self.problem(operation, &format!("it has no request {from} to answer with errors"));
        };
        let described = self.document.operation(&request.method, &request.path);
        let errors = described.map(|described| described.errors()).unwrap_or_default();
        for error in errors {
            let Some(becomes) = self.becomes(operation, &error) else {
                self.problem(operation, &format!("the table does not say what {} becomes", name(&error)));
                continue;
            };
            let fault = Fault::OfMock(error.status, error.example.clone());
            if self.fails(operation, from, fault, becomes, &name(&error)).await {
                self.line.errors += 1;
            }
        }
        for told in self.suite.told.iter().filter(|told| told.on.is_empty() || told.on.contains(&operation.name)) {
            let named = format!("{} {:?} {}", told.answer.status, told.answer.headers, told.answer.body);
            if self.fails(operation, from, Fault::Own(told.answer.clone()), told.becomes, &named).await {
                self.line.told += 1;
            }
        }
    }

    fn becomes(&self, operation: &Operation, error: &ErrorAnswer) -> Option<Becomes> {
        let fitting = self.suite.errors.iter().find(|row| {
            row.status == error.status
                && (row.on.is_empty() || row.on.contains(&operation.name))
                && (row.example.is_none() || row.example == error.example.as_deref())
        });
        fitting.map(|row| row.becomes)
    }

    /// Whether an answer becomes what it should.
    async fn fails(&mut self, operation: &Operation, from: usize, fault: Fault, becomes: Becomes, named: &str) -> bool {
        self.proxy.plan(Plan { mends: operation.mends.clone(), fault: Some((from..usize::MAX, fault)) });
        let called = self.caller.call(operation).await;
        let refused: Vec<String> = self.proxy.seen().iter().filter_map(Seen::refusal).collect();
        let came = match &called.result {
            Ok(_) => Becomes::Result,
            Err(failure) => {
                let code = failure.error.code.as_str();
                let retry = failure.retry.map_or(Retry::Never, |hint| hint.after_ms.map_or(Retry::Yes, Retry::After));
                match becomes {
                    Becomes::Failure(expected, _) if expected == code => Becomes::Failure(expected, retry),
                    _ => Becomes::Failure("another code", retry),
                }
            }
        };
        if refused.is_empty() && came == becomes {
            return true;
        }
        let told = match &called.result {
            Ok(result) => format!("the result {}", excerpt(&result.to_string())),
            Err(failure) => format!("{}, retry {:?}", failure.error, failure.retry),
        };
        let problem = format!("{} should become {becomes:?} and is {told} {}", excerpt(named), refused.join("; "));
        self.problem(operation, problem.trim_end());
        false
    }

    fn problem(&mut self, operation: &Operation, problem: &str) {
        let suite = self.suite;
        self.line.problems.push(format!("{}, {} `{}`: {problem}", suite.document, operation.block, operation.name));
    }
}

fn name(error: &ErrorAnswer) -> String {
    error.example.as_ref().map_or_else(|| error.status.to_string(), |example| format!("{} {example}", error.status))
}

fn other_requests(operation: &Operation, seen: &[Seen]) -> Option<String> {
    let lines: Vec<String> = seen.iter().map(Seen::line).collect();
    let same = lines.len() == operation.requests.len()
        && lines.iter().zip(&operation.requests).all(|(line, expected)| line.starts_with(expected));
    (!same).then(|| format!("it asked {lines:?} instead of {:?}", operation.requests))
}

fn other_result(operation: &Operation, called: &Called) -> Vec<String> {
    let result = match &called.result {
        Ok(result) => result,
        Err(failure) => return vec![format!("it failed: {} {}", failure.error, failure.error.details.as_str())],
    };
    let wrong =
        operation.expected.iter().filter(|(pointer, is)| !result.pointer(pointer).is_some_and(|value| is.met(value)));
    let mut problems: Vec<String> = wrong
        .map(|(pointer, is)| {
            format!("the result has no {} at `{pointer}`: {}", is.name(), excerpt(&result.to_string()))
        })
        .collect();
    if called.waits_ms.len() != operation.waits {
        problems.push(format!("it asked for the waits {:?} instead of {}", called.waits_ms, operation.waits));
    }
    problems
}

impl Is {
    fn met(&self, value: &Value) -> bool {
        match self {
            Self::Equal(expected) => value == expected,
            Self::Text => value.is_string(),
            Self::Number => value.is_number(),
            Self::Object => value.is_object(),
            Self::List(length) => value.as_array().is_some_and(|list| list.len() == *length),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Equal(value) => value.to_string(),
            Self::Text => "text".to_owned(),
            Self::Number => "number".to_owned(),
            Self::Object => "object".to_owned(),
            Self::List(length) => format!("list of {length}"),
        }
    }
}

fn excerpt(text: &str) -> String {
    text.chars().take(500).collect()
}
