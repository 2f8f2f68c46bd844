//! The expressions of a document: collected, checked in one call of the sandbox, and judged by what they refer to.

use std::collections::HashMap;

use serde_json::Value;

use super::evaluate::{Checked, Evaluator};
use super::path::ROOTS;
use super::plan::{Plan, PlanNode, Shape};
use super::template::{Expression, Template};
use crate::blocks::{PathSegment, is_expression_field};
use crate::domain::Problem;
use crate::domain::problem::pointer;

/// Names that the expression language itself defines.
const LANGUAGE: [&str; 6] = ["range", "dict", "namespace", "debug", "loop", "self"];

/// One expression of a document.
#[derive(Debug)]
pub(super) struct Found {
    /// The node's number in the document; `None` for the document's `output`.
    node: Option<usize>,
    pointer: String,
    source: String,
    /// Whether it stands in a template, and so sees the names of a template.
    templated: bool,
    in_for_each: bool,
    plain: bool,
    checked: Option<Checked>,
    refusal: Option<String>,
}

/// Every expression of the document.
pub(super) fn collect(plan: &Plan, nodes: &[(usize, PlanNode)]) -> Vec<Found> {
    let mut found = Vec::new();
    for (number, node) in nodes {
        let in_for_each = node.for_each.is_some();
        if let Some(for_each) = &node.for_each {
            found.extend(
                for_each.items.expressions.iter().map(|expression| templated(Some(*number), expression, false)),
            );
        }
        found
            .extend(node.config.expressions.iter().map(|expression| templated(Some(*number), expression, in_for_each)));
        let config = &plan.workflow.nodes[*number].config;
        let at = format!("/nodes/{number}/config");
        fields(&node.block.manifest.config_schema, config, at, &mut Vec::new(), *number, &mut found);
    }
    if let Some(output) = &plan.output {
        found.extend(output.expressions.iter().map(|expression| templated(None, expression, false)));
    }
    found
}

fn templated(node: Option<usize>, expression: &Expression, in_for_each: bool) -> Found {
    let plain = expression.plain.is_some();
    Found {
        node,
        pointer: expression.pointer.clone(),
        source: expression.source.clone(),
        templated: true,
        in_for_each,
        plain,
        checked: plain.then(|| Checked { error: None, references: expression.references.clone() }),
        refusal: None,
    }
}

/// The config fields that the block evaluates itself.
fn fields<'v>(
    schema: &Value,
    value: &'v Value,
    at: String,
    path: &mut Vec<PathSegment<'v>>,
    node: usize,
    found: &mut Vec<Found>,
) {
    match value {
        Value::String(text) if is_expression_field(schema, path) => found.push(Found {
            node: Some(node),
            pointer: at,
            source: text.clone(),
            templated: false,
            in_for_each: false,
            plain: false,
            checked: None,
            refusal: None,
        }),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push(PathSegment::Index(index));
                fields(schema, item, pointer(&at, index), path, node, found);
                path.pop();
            }
        }
        Value::Object(members) => {
            for (key, member) in members {
                path.push(PathSegment::Key(key));
                fields(schema, member, pointer(&at, key), path, node, found);
                path.pop();
            }
        }
        _ => {}
    }
}

/// Have the sandbox check what is not plain, each text once.
pub(super) async fn check(evaluator: &Evaluator, found: &mut [Found]) {
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    let mut sources: Vec<&str> = Vec::new();
    for expression in found.iter().filter(|expression| !expression.plain) {
        numbers.entry(&expression.source).or_insert_with(|| {
            sources.push(&expression.source);
            sources.len() - 1
        });
    }
    let answer = evaluator.check(&sources).await;
    let numbers: HashMap<String, usize> = numbers.into_iter().map(|(text, number)| (text.to_owned(), number)).collect();
    for expression in found.iter_mut().filter(|expression| !expression.plain) {
        match &answer {
            Ok(checked) => {
                let number = numbers.get(&expression.source);
                expression.checked = number.and_then(|number| checked.get(*number)).cloned();
            }
            Err(error) => expression.refusal = Some(error.to_string()),
        }
    }
}

/// Tell the templates what their expressions refer to.
pub(super) fn note_references<'t>(found: &[Found], templates: impl Iterator<Item = &'t mut Template>) {
    let checked: HashMap<&str, &Checked> = found
        .iter()
        .filter(|expression| expression.templated)
        .filter_map(|expression| Some((expression.source.as_str(), expression.checked.as_ref()?)))
        .collect();
    for expression in templates.flat_map(|template| &mut template.expressions) {
        if expression.plain.is_none()
            && let Some(checked) = checked.get(expression.source.as_str())
        {
            expression.references.clone_from(&checked.references);
        }
    }
}

/// What is wrong with an expression.
pub(super) fn problems(found: &Found, plan: &Plan, shape: &Shape, numbers: &HashMap<String, usize>) -> Vec<Problem> {
    let code = if found.templated { "invalid-template" } else { "invalid-expression" };
    if let Some(refusal) = &found.refusal {
        return vec![Problem::new(&found.pointer, code, refusal)];
    }
    let Some(checked) = &found.checked else { return Vec::new() };
    if let Some(error) = &checked.error {
        return vec![Problem::new(&found.pointer, code, format!("`{}`: {}", found.source, error.message))];
    }
    if !found.templated {
        return Vec::new();
    }
    checked.references.iter().filter_map(|reference| judge(found, reference, plan, shape, numbers)).collect()
}

fn judge(
    found: &Found,
    reference: &[String],
    plan: &Plan,
    shape: &Shape,
    numbers: &HashMap<String, usize>,
) -> Option<Problem> {
    let root = reference.first()?.as_str();
    let problem = |code, message| Some(Problem::new(&found.pointer, code, message));
    if LANGUAGE.contains(&root) {
        return None;
    }
    if !ROOTS.contains(&root) {
        let names: Vec<_> = ROOTS.iter().map(|root| format!("`{root}`")).collect();
        return problem("unknown-name", format!("there is no `{root}` here; there are {}", names.join(", ")));
    }
    if (root == "item" || root == "index") && !found.in_for_each {
        return problem("unknown-name", format!("`{root}` exists only in the config of a node with `forEach`"));
    }
    if root != "nodes" {
        return None;
    }
    let id = reference.get(1)?;
    let Some(number) = numbers.get(id) else {
        return problem("unknown-node", format!("`nodes.{id}`: there is no node `{id}`"));
    };
    let node = found.node?;
    if shape.precedes(*number, node) {
        return None;
    }
    let here = &plan.workflow.nodes[node].id;
    problem("not-upstream", format!("`nodes.{id}`: node `{id}` does not come before node `{here}`"))
}
