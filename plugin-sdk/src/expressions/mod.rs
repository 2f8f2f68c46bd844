//! The Jinja expressions of workflows (minijinja), over JSON that is read only where an expression looks.
//!
//! What differs from plain minijinja: a value that is undefined is an error which names its path, wherever it turns
//! up, also inside of a result; results are JSON, so NaN, infinity and functions are errors; `map(attribute=…)` and
//! `sum(attribute=…)` refuse items that lack the attribute; the usual Python methods of text and mappings work.
//!
//! ```
//! use blockyard_sdk::expressions::{Engine, Scope, document};
//!
//! let engine = Engine::new();
//! let total = engine.compile("input|map(attribute='price')|sum").unwrap();
//! let scope = Scope::new().with("input", document(r#"[{"price": 2}, {"price": 3}]"#.to_owned()).unwrap());
//! assert_eq!(total.eval_json(&scope.clone().into_value()).unwrap(), "5");
//!
//! let error = engine.compile("input[1].prize").unwrap().eval_json(&scope.into_value()).unwrap_err();
//! assert_eq!(error.path(), Some("input[1].prize"));
//! ```

mod culprit;
mod depth;
mod document;
mod error;
mod functions;
mod references;
mod scope;
mod write;

pub use document::document;
pub use error::ExpressionError;
pub use minijinja::Value;
pub use references::{Check, check};
pub use scope::Scope;

use std::cell::OnceCell;

use minijinja::{Environment, ErrorKind, UndefinedBehavior};

/// Compiles expressions. Its functions and filters are set up once.
#[derive(Debug)]
pub struct Engine<'s> {
    environment: Environment<'s>,
}

impl Default for Engine<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'s> Engine<'s> {
    /// Jinja's own filters, tests and functions, and what the module's documentation says.
    pub fn new() -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_debug(false);
        functions::install(&mut environment);
        Self { environment }
    }

    /// An engine that is set up when it is first used.
    pub const fn lazy() -> LazyEngine<'s> {
        LazyEngine(OnceCell::new())
    }

    /// Reads an expression, without braces.
    ///
    /// # Errors
    /// For one that cannot be read, with the offset of the fault.
    pub fn compile<'e>(&'e self, source: &'s str) -> Result<Expression<'e, 's>, ExpressionError> {
        if depth::is_too_deep(source) {
            return Err(ExpressionError::too_deep(source));
        }
        let program = match plain_path(source) {
            Some(path) => Program::Path(path),
            None => Program::Compiled(
                self.environment.compile_expression(source).map_err(|error| ExpressionError::syntax(source, &error))?,
            ),
        };
        Ok(Expression { environment: &self.environment, source, program })
    }
}

/// Made by [`Engine::lazy`], for configurations that may hold no expression at all.
#[derive(Debug)]
pub struct LazyEngine<'s>(OnceCell<Engine<'s>>);

impl<'s> LazyEngine<'s> {
    /// The engine.
    pub fn get(&self) -> &Engine<'s> {
        self.0.get_or_init(Engine::new)
    }
}

/// An expression that is ready to be evaluated, many times.
#[derive(Debug)]
pub struct Expression<'e, 's> {
    environment: &'e Environment<'s>,
    source: &'s str,
    program: Program<'e, 's>,
}

#[derive(Debug)]
enum Program<'e, 's> {
    /// Names and attributes only, such as `item.address.city`.
    Path(Vec<&'s str>),
    Compiled(minijinja::Expression<'e, 's>),
}

impl<'s> Expression<'_, 's> {
    /// The expression's text.
    pub fn source(&self) -> &'s str {
        self.source
    }

    /// Evaluates to JSON text, with the names of `scope`, which is a mapping.
    ///
    /// # Errors
    /// If the evaluation fails, or the result holds something undefined or something that is no JSON.
    pub fn eval_json(&self, scope: &Value) -> Result<String, ExpressionError> {
        let mut text = String::new();
        self.write_json(scope, &mut text)?;
        Ok(text)
    }

    /// As [`eval_json`](Self::eval_json), appended to `text`. After an error the text is unfinished.
    ///
    /// # Errors
    /// As [`eval_json`](Self::eval_json).
    pub fn write_json(&self, scope: &Value, text: &mut String) -> Result<(), ExpressionError> {
        if let Program::Path(path) = &self.program {
            // What is only handed on need not be read.
            if document::copy_path(scope, path, text) {
                return Ok(());
            }
        }
        let value = self.eval_raw(scope)?;
        write::write(&value, text).map_err(|problem| self.unwritable(scope, &problem))
    }

    /// Evaluates to true or false, as `if` would take the value.
    ///
    /// # Errors
    /// If the evaluation fails, or the result is undefined.
    pub fn eval_bool(&self, scope: &Value) -> Result<bool, ExpressionError> {
        let value = self.eval_raw(scope)?;
        if value.is_undefined() {
            return Err(self.undefined(scope));
        }
        Ok(value.is_true())
    }

    fn eval_raw(&self, scope: &Value) -> Result<Value, ExpressionError> {
        match &self.program {
            Program::Path(path) => follow(scope, path).ok_or_else(|| self.undefined(scope)),
            Program::Compiled(expression) => {
                expression.eval(scope.clone()).map_err(|error| self.explain(scope, &error))
            }
        }
    }

    #[cold]
    fn explain(&self, scope: &Value, error: &minijinja::Error) -> ExpressionError {
        // Operating on something undefined is reported as whatever the operation says of it.
        let may_be_undefined =
            matches!(error.kind(), ErrorKind::UndefinedError | ErrorKind::InvalidOperation | ErrorKind::UnknownMethod);
        let path = if may_be_undefined { culprit::find(self.environment, self.source, scope) } else { None };
        ExpressionError::evaluation(self.source, error, path)
    }

    #[cold]
    fn undefined(&self, scope: &Value) -> ExpressionError {
        let path = culprit::find(self.environment, self.source, scope);
        ExpressionError::undefined(self.source, path)
    }

    #[cold]
    fn unwritable(&self, scope: &Value, problem: &write::Unwritable) -> ExpressionError {
        match culprit::find(self.environment, self.source, scope) {
            Some(path) if problem.is_undefined() => ExpressionError::undefined(self.source, Some(path)),
            _ => ExpressionError::result(self.source, problem.to_string()),
        }
    }
}

fn follow(scope: &Value, path: &[&str]) -> Option<Value> {
    let mut value = scope.clone();
    for name in path {
        value = value.get_attr(name).ok().filter(|value| !value.is_undefined())?;
    }
    Some(value)
}

/// The names of an expression that is nothing but names with dots between, and no word of the language.
fn plain_path(source: &str) -> Option<Vec<&str>> {
    const RESERVED: [&str; 18] = [
        "true",
        "false",
        "none",
        "True",
        "False",
        "None",
        "not",
        "and",
        "or",
        "in",
        "is",
        "if",
        "else",
        "range",
        "dict",
        "debug",
        "namespace",
        "self",
    ];
    let names: Vec<_> = source.split('.').collect();
    let plain = names.iter().all(|name| {
        name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    });
    (plain && !RESERVED.contains(names.first()?)).then_some(names)
}

#[cfg(test)]
mod tests;
