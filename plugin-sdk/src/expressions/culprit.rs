//! Which path is undefined, found after the fact.
//!
//! The engine says that something was undefined, or not even that when the undefined value ended up inside of a
//! result. So the syntax tree is walked in the order of evaluation, past what a default guards, and the first name,
//! attribute or item that gives nothing is the culprit.

use std::collections::BTreeMap;

use minijinja::machinery::ast::{BinOpKind, CallArg, CallType, Expr, Filter};
use minijinja::machinery::{self, CodeGenerator};
use minijinja::{AutoEscape, Environment, Value};

/// The first undefined path, such as `input.leads[3].email`.
pub(super) fn find<'x>(environment: &'x Environment<'x>, source: &'x str, scope: &Value) -> Option<String> {
    let tree = machinery::parse_expr(source).ok()?;
    Search { environment, source, scope }.in_expression(&tree)
}

struct Search<'x, 'v> {
    environment: &'x Environment<'x>,
    source: &'x str,
    scope: &'v Value,
}

impl<'x> Search<'x, '_> {
    fn in_expression(&self, expression: &Expr<'x>) -> Option<String> {
        match expression {
            Expr::Const(_) => None,
            Expr::Var(_) | Expr::GetAttr(_) | Expr::GetItem(_) => {
                self.below(expression).or_else(|| self.is_undefined(expression).then(|| self.render(expression)))
            }
            Expr::IfExpr(choice) => self.in_expression(&choice.test_expr).or_else(|| {
                if self.is_true(&choice.test_expr) {
                    self.in_expression(&choice.true_expr)
                } else {
                    choice.false_expr.as_ref().and_then(|other| self.in_expression(other))
                }
            }),
            Expr::BinOp(operation) => self.in_expression(&operation.left).or_else(|| {
                let decided = match operation.op {
                    BinOpKind::ScAnd => !self.is_true(&operation.left),
                    BinOpKind::ScOr => self.is_true(&operation.left),
                    _ => false,
                };
                if decided { None } else { self.in_expression(&operation.right) }
            }),
            Expr::Filter(filter) => self.in_filter(filter),
            Expr::Test(test) => self.below(&test.expr).or_else(|| self.in_arguments(&test.args)),
            _ => self.below(expression),
        }
    }

    /// In the parts of an expression that may itself be undefined.
    fn below(&self, expression: &Expr<'x>) -> Option<String> {
        match expression {
            Expr::GetAttr(get) => self.in_expression(&get.expr),
            Expr::GetItem(get) => self.in_expression(&get.expr).or_else(|| self.in_expression(&get.subscript_expr)),
            Expr::Slice(slice) => self.in_all(
                [Some(&slice.expr), slice.start.as_ref(), slice.stop.as_ref(), slice.step.as_ref()]
                    .into_iter()
                    .flatten(),
            ),
            Expr::UnaryOp(operation) => self.in_expression(&operation.expr),
            Expr::Compare(compare) => self
                .in_expression(&compare.expr)
                .or_else(|| self.in_all(compare.ops.iter().map(|operation| &operation.expr))),
            Expr::Call(call) => match call.identify_call() {
                CallType::Method(object, _) => self.in_expression(object),
                _ => None,
            }
            .or_else(|| self.in_arguments(&call.args)),
            Expr::List(list) => self.in_all(&list.items),
            Expr::Tuple(tuple) => self.in_all(&tuple.items),
            Expr::Map(map) => self.in_all(map.keys.iter().zip(&map.values).flat_map(|(key, value)| [key, value])),
            Expr::Const(_) | Expr::Var(_) => None,
            other => self.in_expression(other),
        }
    }

    fn in_filter(&self, filter: &Filter<'x>) -> Option<String> {
        let operand = filter.expr.as_ref()?;
        let inner = match filter.name {
            "default" | "d" => self.below(operand),
            _ => self.in_expression(operand),
        };
        inner.or_else(|| self.in_arguments(&filter.args)).or_else(|| self.in_attribute(filter, operand))
    }

    /// In `map(attribute='x')` and its like: the first item that lacks the attribute.
    fn in_attribute(&self, filter: &Filter<'x>, operand: &Expr<'x>) -> Option<String> {
        if !matches!(filter.name, "map" | "sum") {
            return None;
        }
        let has =
            |wanted| filter.args.iter().any(|argument| matches!(argument, CallArg::Kwarg(name, _) if *name == wanted));
        let attribute = filter.args.iter().find_map(|argument| match argument {
            CallArg::Kwarg("attribute", value) => self.value(value),
            CallArg::Pos(value) if filter.name == "sum" => self.value(value),
            _ => None,
        })?;
        if has("default") {
            return None;
        }
        let items = self.value(operand)?;
        let lacking = items.try_iter().ok()?.position(|item| !has_path(&item, &attribute))?;
        Some(format!("{}[{lacking}].{attribute}", self.render(operand)))
    }

    fn in_arguments(&self, arguments: &[CallArg<'x>]) -> Option<String> {
        self.in_all(arguments.iter().map(|argument| match argument {
            CallArg::Pos(value) | CallArg::Kwarg(_, value) | CallArg::PosSplat(value) | CallArg::KwargSplat(value) => {
                value
            }
        }))
    }

    fn in_all<'t>(&self, expressions: impl IntoIterator<Item = &'t Expr<'x>>) -> Option<String>
    where
        'x: 't,
    {
        expressions.into_iter().find_map(|expression| self.in_expression(expression))
    }

    fn value(&self, expression: &Expr<'x>) -> Option<Value> {
        let mut generator = CodeGenerator::new("<expression>", self.source);
        generator.compile_expr(expression);
        let instructions = generator.finish().0;
        let (blocks, mut text) = (BTreeMap::new(), String::new());
        let mut out = machinery::make_string_output(&mut text);
        let scope = self.scope.clone();
        machinery::eval(self.environment, &instructions, scope, &blocks, &mut out, AutoEscape::None).ok()?.0
    }

    fn is_true(&self, expression: &Expr<'x>) -> bool {
        self.value(expression).is_some_and(|value| value.is_true())
    }

    fn is_undefined(&self, expression: &Expr<'x>) -> bool {
        self.value(expression).is_some_and(|value| value.is_undefined())
    }

    /// The path as a person would write it, with the values of subscripts.
    fn render(&self, expression: &Expr<'x>) -> String {
        match expression {
            Expr::Var(variable) => variable.id.to_owned(),
            Expr::GetAttr(get) => format!("{}.{}", self.render(&get.expr), get.name),
            Expr::GetItem(get) => {
                let object = self.render(&get.expr);
                match self.value(&get.subscript_expr) {
                    Some(key) if key.as_str().is_some_and(is_name) => format!("{object}.{key}"),
                    Some(key) => format!("{object}[{key:?}]"),
                    None => format!("{object}[…]"),
                }
            }
            Expr::Filter(filter) => match &filter.expr {
                Some(operand) => format!("({}|{})", self.render(operand), filter.name),
                None => "(…)".to_owned(),
            },
            _ => "(…)".to_owned(),
        }
    }
}

/// As the engine follows a dotted attribute.
pub(super) fn has_path(item: &Value, path: &Value) -> bool {
    let Some(path) = path.as_str() else { return item.get_item(path).is_ok_and(|value| !value.is_undefined()) };
    let mut value = item.clone();
    for name in path.split('.') {
        let next = match name.parse::<usize>() {
            Ok(index) => value.get_item_by_index(index),
            Err(_) => value.get_attr(name),
        };
        match next {
            Ok(next) if !next.is_undefined() => value = next,
            _ => return false,
        }
    }
    true
}

fn is_name(text: &str) -> bool {
    !text.starts_with(|first: char| first.is_ascii_digit())
        && !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
