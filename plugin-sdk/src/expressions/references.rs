//! What an expression refers to, without evaluating it.

use minijinja::machinery;
use minijinja::machinery::ast::{CallArg, CallType, Expr};
use minijinja::{Environment, Value};

use super::{Engine, ExpressionError, depth};

/// What can be said about an expression without data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Why it can never be evaluated.
    pub error: Option<ExpressionError>,
    /// The free names with the constant attributes and subscripts behind them, in the order of their first use:
    /// `nodes['a-b'].rows[0].x` gives `["nodes", "a-b", "rows", "0", "x"]`, and `input[i].x` gives `["input"]` and
    /// `["i"]`.
    pub references: Vec<Vec<String>>,
}

/// Checks an expression's syntax and the names of its filters and tests.
pub fn check(engine: &Engine<'_>, source: &str) -> Check {
    if depth::is_too_deep(source) {
        return Check { error: Some(ExpressionError::too_deep(source)), references: Vec::new() };
    }
    let tree = match machinery::parse_expr(source) {
        Ok(tree) => tree,
        Err(error) => {
            return Check { error: Some(ExpressionError::syntax(source, &error)), references: Vec::new() };
        }
    };
    let mut walk = Walk { environment: &engine.environment, references: Vec::new(), unknown: None };
    walk.expression(&tree);
    let error = walk.unknown.map(|message| ExpressionError::unknown(source, message));
    Check { error, references: walk.references }
}

struct Walk<'e> {
    environment: &'e Environment<'e>,
    references: Vec<Vec<String>>,
    unknown: Option<String>,
}

impl Walk<'_> {
    fn expression(&mut self, expression: &Expr<'_>) {
        if let Some(path) = path(expression) {
            if !self.references.contains(&path) {
                self.references.push(path);
            }
            return;
        }
        match expression {
            Expr::Const(_) | Expr::Var(_) => {}
            Expr::GetAttr(get) => self.expression(&get.expr),
            Expr::GetItem(get) => self.all([&get.expr, &get.subscript_expr]),
            Expr::Slice(slice) => {
                self.expression(&slice.expr);
                self.all([&slice.start, &slice.stop, &slice.step].into_iter().flatten());
            }
            Expr::UnaryOp(operation) => self.expression(&operation.expr),
            Expr::BinOp(operation) => self.all([&operation.left, &operation.right]),
            Expr::Compare(compare) => {
                self.expression(&compare.expr);
                self.all(compare.ops.iter().map(|operation| &operation.expr));
            }
            Expr::IfExpr(choice) => {
                self.all([&choice.test_expr, &choice.true_expr]);
                self.all(&choice.false_expr);
            }
            Expr::Filter(filter) => {
                self.known("filter", filter.name);
                self.all(&filter.expr);
                self.arguments(&filter.args);
            }
            Expr::Test(test) => {
                self.known("test", test.name);
                self.expression(&test.expr);
                self.arguments(&test.args);
            }
            Expr::Call(call) => {
                match call.identify_call() {
                    CallType::Function(name) if self.is_global(name) => {}
                    CallType::Method(object, _) => self.expression(object),
                    _ => self.expression(&call.expr),
                }
                self.arguments(&call.args);
            }
            Expr::List(list) => self.all(&list.items),
            Expr::Tuple(tuple) => self.all(&tuple.items),
            Expr::Map(map) => self.all(map.keys.iter().zip(&map.values).flat_map(|(key, value)| [key, value])),
        }
    }

    fn all<'t, 's: 't>(&mut self, expressions: impl IntoIterator<Item = &'t Expr<'s>>) {
        expressions.into_iter().for_each(|expression| self.expression(expression));
    }

    fn arguments(&mut self, arguments: &[CallArg<'_>]) {
        for argument in arguments {
            let (CallArg::Pos(value)
            | CallArg::Kwarg(_, value)
            | CallArg::PosSplat(value)
            | CallArg::KwargSplat(value)) = argument;
            self.expression(value);
        }
    }

    /// Jinja allows white space in these names.
    fn known(&mut self, what: &str, name: &str) {
        let name: String = name.split_ascii_whitespace().collect();
        let known = self.environment.empty_state().perform_test(what, &[Value::from(name.as_str())]);
        if !known.unwrap_or(false) {
            self.unknown.get_or_insert(format!("{what} {name} is unknown"));
        }
    }

    fn is_global(&self, name: &str) -> bool {
        self.environment.globals().any(|(global, _)| global == name)
    }
}

/// The segments of a name with constant attributes and subscripts.
fn path(expression: &Expr<'_>) -> Option<Vec<String>> {
    match expression {
        Expr::Var(variable) => Some(vec![variable.id.to_owned()]),
        Expr::GetAttr(get) => {
            let mut path = path(&get.expr)?;
            path.push(get.name.to_owned());
            Some(path)
        }
        Expr::GetItem(get) => {
            let mut path = path(&get.expr)?;
            let key = get.subscript_expr.as_const().filter(|key| key.as_str().is_some() || key.is_integer())?;
            path.push(key.to_string());
            Some(path)
        }
        _ => None,
    }
}
