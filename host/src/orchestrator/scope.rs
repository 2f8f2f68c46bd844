//! The names in the templates of a node.

use std::collections::HashMap;

use serde_json::json;

use super::evaluate::Scope;
use super::plan::{Plan, PlanNode};
use super::state::Progression;
use super::template::Template;
use crate::domain::{ExecutionId, Json, Mode, NodeId, NodeStatus};

/// What the templates of one node, or of the result, can refer to.
#[derive(Clone, Debug)]
pub(super) struct NodeScope {
    /// The node's input.
    pub(super) input: Json,
    pub(super) variables: Json,
    pub(super) execution: Json,
    pub(super) nodes: HashMap<NodeId, Json>,
}

impl NodeScope {
    /// With the outputs of those nodes that `templates` refer to.
    pub(super) fn new<'t>(
        plan: &Plan,
        progression: &Progression,
        templates: impl Iterator<Item = &'t Template>,
        input: Json,
        variables: Json,
        execution: Json,
    ) -> Self {
        let mut nodes = HashMap::new();
        let references = templates.flat_map(|template| &template.expressions).flat_map(|e| &e.references);
        for reference in references.filter(|reference| reference.first().is_some_and(|root| root == "nodes")) {
            let numbers = match reference.get(1) {
                Some(id) => plan.node_number(id).map(|number| number..number + 1),
                None => Some(0..plan.nodes.len()),
            };
            for number in numbers.into_iter().flatten() {
                if progression.status(number) == NodeStatus::Completed {
                    let planned = &plan.nodes[number];
                    let output = progression.fired(number).output(planned.default_port.as_deref());
                    nodes.insert(planned.id.clone(), output);
                }
            }
        }
        Self { input, variables, execution, nodes }
    }
}

/// Templates of a node that is about to start.
pub(super) fn templates(planned: &PlanNode) -> impl Iterator<Item = &Template> {
    planned.for_each.iter().map(|for_each| &for_each.items).chain(std::iter::once(&planned.config))
}

/// The document behind the name `execution`.
pub(super) fn execution(id: &ExecutionId, mode: Mode, started_at: i64) -> Json {
    json!({"id": id, "mode": mode, "startedAt": started_at}).into()
}

impl Scope for NodeScope {
    fn root(&self, root: &str, only: &[&str]) -> Option<Json> {
        match root {
            "input" => Some(self.input.clone()),
            "variables" => Some(self.variables.clone()),
            "execution" => Some(self.execution.clone()),
            "nodes" => {
                let wanted = self.nodes.iter().filter(|(id, _)| only.is_empty() || only.contains(&id.as_str()));
                Some(Json::object(wanted.map(|(id, output)| (id.as_str(), output))))
            }
            _ => None,
        }
    }
}

/// The same for one item of a `forEach`.
#[derive(Debug)]
pub(super) struct ItemScope<'a> {
    pub(super) node: &'a NodeScope,
    pub(super) item: &'a Json,
    pub(super) index: usize,
}

impl Scope for ItemScope<'_> {
    fn root(&self, root: &str, only: &[&str]) -> Option<Json> {
        match root {
            "item" => Some(self.item.clone()),
            "index" => Some(Json::encode(&self.index)),
            _ => self.node.root(root, only),
        }
    }
}
