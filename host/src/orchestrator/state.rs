//! Which nodes have settled, which are ready, which are skipped: the rules of a run, without any IO.

use super::plan::Plan;
use crate::domain::{NodeStatus, Outputs};

/// How far an execution has come.
#[derive(Debug)]
pub(super) struct Progression {
    nodes: Vec<NodeState>,
}

#[derive(Debug)]
struct NodeState {
    status: NodeStatus,
    /// Incoming edges whose source has not settled.
    open_edges: usize,
    /// Whether an incoming edge carried data.
    fed: bool,
    /// What it fired, once settled.
    fired: Outputs,
}

/// What follows from a node's end.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Consequences {
    /// Nodes that can start.
    pub ready: Vec<usize>,
    /// Nodes that no data came to, in topological order.
    pub skipped: Vec<usize>,
}

impl Progression {
    /// Nothing has started.
    pub(super) fn new(plan: &Plan) -> Self {
        let nodes: Vec<_> = plan
            .nodes
            .iter()
            .map(|node| NodeState {
                status: NodeStatus::Pending,
                open_edges: node.incoming.len(),
                fed: false,
                fired: Outputs::default(),
            })
            .collect();
        Self { nodes }
    }

    /// Nodes that nothing keeps from starting, in document order: at first those without incoming edges.
    pub(super) fn startable(&self, plan: &Plan) -> Vec<usize> {
        let is_root = |node: usize| plan.nodes[node].incoming.is_empty();
        let waits = |state: &NodeState| state.status != NodeStatus::Pending || state.open_edges > 0;
        (0..self.nodes.len())
            .filter(|node| !waits(&self.nodes[*node]) && (is_root(*node) || self.nodes[*node].fed))
            .collect()
    }

    /// Note that a node was started.
    pub(super) fn start(&mut self, node: usize) {
        self.nodes[node].status = NodeStatus::Running;
    }

    /// Note that a node ended with `status`, having fired `fired`.
    pub(super) fn settle(&mut self, plan: &Plan, node: usize, status: NodeStatus, fired: Outputs) -> Consequences {
        let mut consequences = Consequences::default();
        let mut open = vec![(node, status, fired)];
        while let Some((node, status, fired)) = open.pop() {
            if self.nodes[node].status.is_settled() {
                continue;
            }
            self.nodes[node].status = status;
            for edge in plan.nodes[node].outgoing.iter().map(|edge| &plan.edges[*edge]) {
                let live = edge.port.as_ref().is_some_and(|port| fired.get(port).is_some());
                let target = &mut self.nodes[edge.target];
                target.open_edges -= 1;
                target.fed |= live;
                if target.open_edges == 0 && target.status == NodeStatus::Pending {
                    if target.fed {
                        consequences.ready.push(edge.target);
                    } else {
                        consequences.skipped.push(edge.target);
                        open.push((edge.target, NodeStatus::Skipped, Outputs::default()));
                    }
                }
            }
            self.nodes[node].fired = fired;
        }
        consequences
    }

    /// Where a node stands.
    pub(super) fn status(&self, node: usize) -> NodeStatus {
        self.nodes[node].status
    }

    /// What a settled node fired.
    pub(super) fn fired(&self, node: usize) -> &Outputs {
        &self.nodes[node].fired
    }

    /// Nodes that contribute to the result: completed, and none of their successors ran.
    pub(super) fn contributors<'a>(&'a self, plan: &'a Plan) -> impl Iterator<Item = usize> + 'a {
        let ran = |node: usize| matches!(self.nodes[node].status, NodeStatus::Completed | NodeStatus::Failed);
        (0..plan.nodes.len()).filter(move |node| {
            self.nodes[*node].status == NodeStatus::Completed
                && !plan.nodes[*node].outgoing.iter().any(|edge| ran(plan.edges[*edge].target))
        })
    }
}
