//! A workflow made ready to run: blocks found, edges resolved, templates taken apart. The one place that uses petgraph.

use std::collections::BTreeMap;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use petgraph::Direction;
use petgraph::algo::toposort;
use petgraph::graph::{DiGraph, NodeIndex};

use super::template::Template;
use crate::blocks::Block;
use crate::domain::workflow::{ForEach, OnError, Retry};
use crate::domain::{Json, NodeId, Workflow};
use crate::runtime::CallLimits;

/// Everything about a workflow that stays the same from run to run.
#[derive(Debug)]
pub struct Plan {
    /// The document.
    pub workflow: Workflow,
    /// The document as it is stored.
    pub document: Json,
    /// Names the document.
    pub document_digest: String,
    /// Digest of the block behind each `type` in the document.
    pub blocks: Json,
    /// In document order.
    pub nodes: Vec<PlanNode>,
    /// The number of each node, by its id.
    pub numbers: HashMap<String, usize>,
    /// In document order.
    pub edges: Vec<PlanEdge>,
    /// Node numbers in an order in which every node comes after all that it needs.
    pub order: Vec<usize>,
    /// Template of the result.
    pub output: Option<Template>,
}

/// A node with everything needed to start it.
#[derive(Debug)]
pub struct PlanNode {
    /// Its id.
    pub id: NodeId,
    /// Its block.
    pub block: Arc<Block>,
    /// Ports that the block may fire.
    pub ports: Vec<String>,
    /// The port that an edge without `sourcePort` leaves from.
    pub default_port: Option<String>,
    /// Its config.
    pub config: Template,
    /// Whether the config holds no expression and is known to fit its schema.
    pub config_checked: bool,
    /// Names of stored secrets by the names that the block asks by, where they differ.
    pub secrets: BTreeMap<String, String>,
    /// Its fan-out.
    pub for_each: Option<PlanForEach>,
    /// When to try again.
    pub retry: Retry,
    /// What a failure means.
    pub on_error: OnError,
    /// What one call may use.
    pub limits: CallLimits,
    /// Whether calling it twice could be noticed outside.
    pub has_effects: bool,
    /// Numbers of its incoming edges, in document order.
    pub incoming: Vec<usize>,
    /// Numbers of its outgoing edges, in document order.
    pub outgoing: Vec<usize>,
}

/// A fan-out with its template.
#[derive(Debug)]
pub struct PlanForEach {
    /// What it fans out over.
    pub items: Template,
    /// The rest.
    pub settings: ForEach,
}

/// An edge between node numbers.
#[derive(Debug)]
pub struct PlanEdge {
    /// The node that data comes from.
    pub source: usize,
    /// The port it leaves through; `None` if the block has no default port to leave from.
    pub port: Option<String>,
    /// The node that it goes to.
    pub target: usize,
    /// The key under which it arrives.
    pub target_port: Option<String>,
}

impl PlanNode {
    /// What has to be filled in when the node starts.
    pub(super) fn templates(&mut self) -> impl Iterator<Item = &mut Template> {
        let items = self.for_each.as_mut().map(|for_each| &mut for_each.items);
        items.into_iter().chain(std::iter::once(&mut self.config))
    }
}

impl Plan {
    /// The number of the node called `id`.
    pub fn node_number(&self, id: &str) -> Option<usize> {
        self.numbers.get(id).copied()
    }
}

/// The shape of a workflow, without what its nodes do.
#[derive(Debug)]
pub(super) struct Shape {
    graph: DiGraph<(), ()>,
}

impl Shape {
    /// `edges` as pairs of node numbers below `nodes`.
    pub(super) fn new(nodes: usize, edges: &[(usize, usize)]) -> Self {
        let mut graph = DiGraph::with_capacity(nodes, edges.len());
        for _ in 0..nodes {
            graph.add_node(());
        }
        for (source, target) in edges {
            graph.add_edge(NodeIndex::new(*source), NodeIndex::new(*target), ());
        }
        Self { graph }
    }

    /// An order in which every node comes after all that it needs.
    ///
    /// # Errors
    /// The nodes of a cycle, in its order.
    pub(super) fn order(&self) -> Result<Vec<usize>, Vec<usize>> {
        match toposort(&self.graph, None) {
            Ok(order) => Ok(order.into_iter().map(NodeIndex::index).collect()),
            Err(cycle) => Err(self.cycle_through(cycle.node_id())),
        }
    }

    /// A shortest way from `start` back to itself.
    fn cycle_through(&self, start: NodeIndex) -> Vec<usize> {
        let mut came_from: HashMap<NodeIndex, NodeIndex> = HashMap::new();
        let mut open = VecDeque::from([start]);
        while let Some(node) = open.pop_front() {
            for next in self.graph.neighbors(node) {
                if next == start {
                    let mut cycle = vec![node.index()];
                    let mut here = node;
                    while let Some(previous) = came_from.get(&here).filter(|_| here != start) {
                        cycle.push(previous.index());
                        here = *previous;
                    }
                    cycle.reverse();
                    return cycle;
                }
                if next != start && !came_from.contains_key(&next) {
                    came_from.insert(next, node);
                    open.push_back(next);
                }
            }
        }
        vec![start.index()]
    }

    /// Whether `later` can be reached from `earlier`.
    pub(super) fn precedes(&self, earlier: usize, later: usize) -> bool {
        let wanted = NodeIndex::new(earlier);
        let mut seen = HashSet::new();
        let mut open = VecDeque::from([NodeIndex::new(later)]);
        while let Some(node) = open.pop_front() {
            for previous in self.graph.neighbors_directed(node, Direction::Incoming) {
                if previous == wanted {
                    return true;
                }
                if seen.insert(previous) {
                    open.push_back(previous);
                }
            }
        }
        false
    }

    /// Every node that can be reached from one without incoming edges, those included.
    pub(super) fn reachable(&self) -> HashSet<usize> {
        let roots: Vec<_> = self.graph.externals(Direction::Incoming).collect();
        let mut found: HashSet<usize> = roots.iter().map(|root| root.index()).collect();
        let mut open = roots;
        while let Some(node) = open.pop() {
            open.extend(self.graph.neighbors(node).filter(|next| found.insert(next.index())));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cycle_is_named_in_its_order() {
        let shape = Shape::new(5, &[(0, 1), (1, 2), (2, 3), (3, 1), (3, 4)]);
        let mut cycle = shape.order().unwrap_err();
        let start = cycle.iter().position(|node| *node == 1).unwrap();
        cycle.rotate_left(start);
        assert_eq!(cycle, [1, 2, 3]);
        assert_eq!(Shape::new(1, &[(0, 0)]).order().unwrap_err(), [0]);
        assert_eq!(shape.reachable(), HashSet::from([0, 1, 2, 3, 4]));
        assert_eq!(Shape::new(3, &[(1, 2), (2, 1)]).reachable(), HashSet::from([0]));
    }

    #[test]
    fn a_long_chain_needs_no_deep_stack() {
        let edges: Vec<_> = (0..99_999).map(|node| (node, node + 1)).collect();
        let shape = Shape::new(100_000, &edges);
        assert_eq!(shape.order().unwrap().len(), 100_000);
        assert!(shape.precedes(0, 99_999));
        assert!(!shape.precedes(99_999, 0));
    }
}
