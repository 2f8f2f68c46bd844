//! The rules of a run once more, as plainly as they can be said: one node after the other, no IO, no concurrency.

use blockyard::domain::NodeStatus;
use serde_json::{Map, Value, json};

include!("../guests/src/mix.rs");

/// A workflow of `test.probe` nodes, called `n0`, `n1`, …
#[derive(Clone, Debug)]
pub(crate) struct Graph {
    pub(crate) nodes: Vec<Node>,
    /// In document order, each from a lower number to a higher one.
    pub(crate) edges: Vec<Edge>,
    /// The nodes' order in the document.
    pub(crate) order: Vec<usize>,
    pub(crate) input: Value,
}

#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) seed: u64,
    /// Of 100 inputs, how many it fails on.
    pub(crate) fails: u64,
    pub(crate) on_error: OnError,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum OnError {
    Fail,
    Continue,
    Route,
}

#[derive(Clone, Debug)]
pub(crate) struct Edge {
    pub(crate) source: usize,
    pub(crate) port: Option<&'static str>,
    pub(crate) target: usize,
    pub(crate) target_port: Option<&'static str>,
}

impl Graph {
    pub(crate) fn document(&self) -> Value {
        let nodes: Vec<Value> = self.order.iter().map(|number| self.nodes[*number].document(*number)).collect();
        let edges: Vec<Value> = self.edges.iter().map(Edge::document).collect();
        json!({"workflowId": "random", "nodes": nodes, "edges": edges})
    }
}

impl Node {
    fn document(&self, number: usize) -> Value {
        let mut node = json!({
            "id": format!("n{number}"), "type": "test.probe", "config": {"seed": self.seed, "fails": self.fails},
        });
        match self.on_error {
            OnError::Fail => {}
            OnError::Continue => node["onError"] = json!("continue"),
            OnError::Route => node["onError"] = json!("route"),
        }
        node
    }
}

impl Edge {
    fn document(&self) -> Value {
        let mut edge = json!({"source": format!("n{}", self.source), "target": format!("n{}", self.target)});
        if let Some(port) = self.port {
            edge["sourcePort"] = json!(port);
        }
        if let Some(port) = self.target_port {
            edge["targetPort"] = json!(port);
        }
        edge
    }
}

/// What has to come out.
#[derive(Debug)]
pub(crate) struct Expected {
    /// `None` for nodes behind one that fails the execution: they must not start.
    pub(crate) nodes: Vec<Option<End>>,
    /// Nodes of which one fails the execution, each with its message.
    pub(crate) fatal: Vec<(usize, u64)>,
    /// If nothing fails it.
    pub(crate) output: Value,
}

/// How a node ends.
#[derive(Clone, Debug)]
pub(crate) struct End {
    pub(crate) status: NodeStatus,
    pub(crate) input: Option<Value>,
    pub(crate) fired: Vec<(String, Value)>,
}

/// Work the graph out.
pub(crate) fn outcome(graph: &Graph) -> Expected {
    let mut expected = Expected { nodes: Vec::new(), fatal: Vec::new(), output: Value::Null };
    for (number, node) in graph.nodes.iter().enumerate() {
        let end = match input_of(graph, number, &expected) {
            Input::Blocked => None,
            Input::Nothing => Some(End { status: NodeStatus::Skipped, input: None, fired: Vec::new() }),
            Input::Data(input) => Some(run(node, number, input, &mut expected.fatal)),
        };
        expected.nodes.push(end);
    }
    expected.output = result(graph, &expected);
    expected
}

enum Input {
    /// A node that leads here never settles.
    Blocked,
    Nothing,
    Data(Value),
}

fn input_of(graph: &Graph, number: usize, expected: &Expected) -> Input {
    let incoming: Vec<&Edge> = graph.edges.iter().filter(|edge| edge.target == number).collect();
    if incoming.is_empty() {
        return Input::Data(graph.input.clone());
    }
    let fatal = |edge: &&Edge| expected.fatal.iter().any(|(failed, _)| *failed == edge.source);
    if incoming.iter().any(|edge| fatal(edge) || expected.nodes[edge.source].is_none()) {
        return Input::Blocked;
    }
    let mut live: Vec<(&Edge, &Value)> = Vec::new();
    for edge in incoming {
        let port = edge.port.unwrap_or("a");
        let fired = &expected.nodes[edge.source].as_ref().unwrap().fired;
        live.extend(fired.iter().filter(|(name, _)| name == port).map(|(_, data)| (edge, data)));
    }
    match live.as_slice() {
        [] => Input::Nothing,
        [(edge, data)] if edge.target_port.is_none() => Input::Data((*data).clone()),
        several => {
            let mut lists: Vec<(String, Vec<Value>)> = Vec::new();
            for (edge, data) in several {
                let key = edge.target_port.map_or_else(|| format!("n{}", edge.source), str::to_owned);
                match lists.iter_mut().find(|(known, _)| *known == key) {
                    Some((_, list)) => list.push((*data).clone()),
                    None => lists.push((key, vec![(*data).clone()])),
                }
            }
            let single = |list: Vec<Value>| if list.len() == 1 { list[0].clone() } else { Value::Array(list) };
            let members: Map<String, Value> = lists.into_iter().map(|(key, list)| (key, single(list))).collect();
            Input::Data(Value::Object(members))
        }
    }
}

fn run(node: &Node, number: usize, input: Value, fatal: &mut Vec<(usize, u64)>) -> End {
    let mixed = mix(node.seed, &input);
    let input = Some(input);
    if !fails(mixed, node.fails) {
        let ports = ["a", "b", "c"].into_iter().zip(0..);
        let fired = ports.filter(|(_, port)| fires(mixed, *port)).map(|(name, _)| (name.to_owned(), json!(mixed)));
        return End { status: NodeStatus::Completed, input, fired: fired.collect() };
    }
    let fired = match node.on_error {
        OnError::Fail => {
            fatal.push((number, mixed));
            Vec::new()
        }
        OnError::Continue => vec![("a".to_owned(), Value::Null)],
        OnError::Route => {
            let error =
                json!({"code": "probe", "message": mixed.to_string(), "details": null, "nodeId": format!("n{number}")});
            vec![("error".to_owned(), error)]
        }
    };
    End { status: NodeStatus::Failed, input, fired }
}

/// What those came to that completed and were not followed by any that ran.
fn result(graph: &Graph, expected: &Expected) -> Value {
    let status = |number: usize| expected.nodes[number].as_ref().map(|end| end.status);
    let ran = |number: usize| matches!(status(number), Some(NodeStatus::Completed | NodeStatus::Failed));
    let last = |number: &usize| {
        status(*number) == Some(NodeStatus::Completed)
            && !graph.edges.iter().any(|edge| edge.source == *number && ran(edge.target))
    };
    let contributors: Vec<usize> = (0..graph.nodes.len()).filter(last).collect();
    match contributors.as_slice() {
        [] => Value::Null,
        [only] => output(expected, *only),
        several => several.iter().map(|number| (format!("n{number}"), output(expected, *number))).collect(),
    }
}

/// The default port's data, else that of the only port that fired, else `null`.
fn output(expected: &Expected, number: usize) -> Value {
    let fired = expected.nodes[number].as_ref().map_or(&[][..], |end| end.fired.as_slice());
    let by_default = fired.iter().find(|(port, _)| port == "a");
    let only = if fired.len() == 1 { fired.first() } else { None };
    by_default.or(only).map_or(Value::Null, |(_, data)| data.clone())
}
