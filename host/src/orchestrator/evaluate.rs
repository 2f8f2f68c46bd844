//! Expressions that are more than a path are checked and evaluated by `core.transform`, in the sandbox: nothing that a
//! user writes runs in the host process.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;

use super::path::{self, Lookup};
use super::template::{Expression, Template};
use crate::blocks::{Block, Call, CallAccess, CallContext, Catalogue};
use crate::domain::{BlockRef, CallError, Json, Mode};
use crate::runtime::{CallFailure, Finished, code};

/// The block that knows the expression language.
const BLOCK: &str = "core.transform";
/// The code of a failed evaluation.
pub(super) const EXPRESSION_ERROR: &str = "expression-error";

/// What the check of one expression found.
#[derive(Clone, Debug, Deserialize)]
pub struct Checked {
    /// Why it is not one.
    pub error: Option<SyntaxError>,
    /// The names it refers to, each with the steps that are known.
    #[serde(default)]
    pub references: Vec<Vec<String>>,
}

/// Why a text is no expression.
#[derive(Clone, Debug, Deserialize)]
pub struct SyntaxError {
    /// One sentence for a person.
    pub message: String,
}

/// The values of the names in an expression.
pub trait Scope: Sync {
    /// The document behind `root`, or `None` if the name does not exist here. `only` says which members of `nodes` are
    /// wanted; empty means all.
    fn root(&self, root: &str, only: &[&str]) -> Option<Json>;
}

/// Checks and evaluates expressions.
#[derive(Clone, Debug)]
pub struct Evaluator {
    block: Arc<Block>,
    ports: Vec<String>,
}

impl Evaluator {
    /// With the active `core.transform`.
    ///
    /// # Errors
    /// If the catalogue lacks it.
    pub fn new(catalogue: &Catalogue) -> Result<Self, String> {
        let block: BlockRef = BLOCK.parse()?;
        let block = catalogue.resolve(&block).map_err(|error| error.to_string())?;
        let ports = block.manifest.ports(&serde_json::Value::Null);
        Ok(Self { block, ports })
    }

    /// Check the syntax of `expressions` and find what they refer to.
    ///
    /// # Errors
    /// If the sandbox refuses (a check that takes too much time or memory, say).
    pub async fn check(&self, expressions: &[&str]) -> Result<Vec<Checked>, CallError> {
        if expressions.is_empty() {
            return Ok(Vec::new());
        }
        let answer = self.call(&json!({"check": expressions}).to_string(), &Json::null()).await?;
        let checked: Vec<Checked> = answer.decode().map_err(unexpected)?;
        if checked.len() == expressions.len() { Ok(checked) } else { Err(unexpected("another number of answers")) }
    }

    /// Fill `template` in: its document as JSON text.
    ///
    /// # Errors
    /// If an expression fails or is undefined; the message names the path, the details the place.
    pub async fn fill(&self, template: &Template, scope: &dyn Scope) -> Result<String, CallError> {
        if let Some(constant) = template.constant() {
            return Ok(constant.as_str().to_owned());
        }
        let mut values = Vec::with_capacity(template.expressions.len());
        let mut open = Vec::new();
        for expression in &template.expressions {
            match plain(expression, scope)? {
                Some(value) => values.push(value),
                None => {
                    open.push(values.len());
                    values.push(Json::null());
                }
            }
        }
        if !open.is_empty() {
            let expressions: Vec<&Expression> = open.iter().map(|index| &template.expressions[*index]).collect();
            let answers = self.evaluate(&expressions, scope).await?;
            for (index, answer) in open.into_iter().zip(answers) {
                values[index] = answer;
            }
        }
        Ok(template.render(&values))
    }

    async fn evaluate(&self, expressions: &[&Expression], scope: &dyn Scope) -> Result<Vec<Json>, CallError> {
        let sources: Vec<&str> = expressions.iter().map(|expression| expression.source.as_str()).collect();
        let names = Json::object(roots(expressions, scope).iter().map(|(root, value)| (*root, value)));
        let answer = self.call(&json!({"evaluate": sources}).to_string(), &names).await;
        let answer = answer.map_err(|error| located(error, expressions))?;
        let values: Vec<Json> = answer.decode().map_err(unexpected)?;
        if values.len() == expressions.len() { Ok(values) } else { Err(unexpected("another number of answers")) }
    }

    async fn call(&self, config: &str, input: &Json) -> Result<Json, CallError> {
        let nothing = Json::empty_object();
        let context = CallContext {
            execution_id: "",
            workflow_id: "",
            node_id: "",
            item_index: None,
            attempt: 1,
            mode: Mode::Production,
            user_id: "",
            idempotency_key: "",
            variables: &nothing,
            settings: &nothing,
            state: None,
        };
        let limits = self.block.limits(None);
        let call = Call {
            config,
            config_checked: true,
            ports: &self.ports,
            input,
            context,
            limits,
            access: CallAccess::default(),
        };
        match self.block.call(call, None).await.result {
            Ok(Finished::Done { outputs, .. }) => Ok(outputs.output(self.block.manifest.default_port())),
            Ok(Finished::Suspended { .. }) => Err(unexpected("a suspension")),
            Err(CallFailure { error, .. }) => Err(error),
        }
    }
}

fn unexpected(what: impl std::fmt::Display) -> CallError {
    CallError::new(code::INVALID_OUTPUT, format!("{BLOCK} answered an evaluation unexpectedly: {what}"))
}

/// A plain path's value; `None` if the sandbox has to answer.
fn plain(expression: &Expression, scope: &dyn Scope) -> Result<Option<Json>, CallError> {
    let Some(path) = &expression.plain else { return Ok(None) };
    let only: Vec<&str> = match path.steps.first() {
        Some(path::Step::Key(key)) => vec![key.as_str()],
        _ => Vec::new(),
    };
    let undefined = |name: String| {
        let details = json!({"expression": expression.source, "path": name, "pointer": expression.pointer});
        CallError::new(EXPRESSION_ERROR, format!("`{name}` is undefined in `{{{{ {} }}}}`", expression.source))
            .with_details(details)
    };
    let root = scope.root(&path.root, &only).ok_or_else(|| undefined(path.root.clone()))?;
    match path::lookup(root.as_str(), &path.steps) {
        Lookup::Found(text) => Json::parse(text.to_owned()).map(Some).map_err(unexpected),
        Lookup::Undefined(step) => Err(undefined(path.display(step))),
        Lookup::NotPlain => Ok(None),
    }
}

/// The documents behind the names that `expressions` use.
fn roots(expressions: &[&Expression], scope: &dyn Scope) -> Vec<(&'static str, Json)> {
    let mut found = Vec::new();
    for root in path::ROOTS {
        let references = expressions.iter().flat_map(|expression| &expression.references);
        let uses: Vec<_> = references.filter(|reference| reference.first().is_some_and(|name| name == root)).collect();
        if uses.is_empty() {
            continue;
        }
        let all = uses.iter().any(|reference| reference.len() < 2);
        let only = if all { Vec::new() } else { uses.iter().map(|reference| reference[1].as_str()).collect() };
        found.extend(scope.root(root, &only).map(|value| (root, value)));
    }
    found
}

/// Add the place in the document to what the sandbox says of an expression.
fn located(error: CallError, expressions: &[&Expression]) -> CallError {
    let Ok(serde_json::Value::Object(mut details)) = error.details.to_value() else { return error };
    let index = details.get("index").and_then(serde_json::Value::as_u64).and_then(|index| usize::try_from(index).ok());
    if let Some(expression) = index.and_then(|index| expressions.get(index)) {
        details.remove("index");
        details.insert("pointer".to_owned(), expression.pointer.clone().into());
    }
    let details = serde_json::Value::Object(details);
    error.with_details(details)
}
