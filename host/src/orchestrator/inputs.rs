//! What comes to a node over its edges.

use super::plan::Plan;
use super::state::Progression;
use crate::domain::Json;

/// Gather a ready node's input.
///
/// The data itself if exactly one edge is live and it has no `targetPort`; otherwise an object keyed by `targetPort`,
/// else by source node. A key that several live edges share holds an array, in the document's edge order. A node
/// without incoming edges gets the execution's input.
pub(super) fn gather(plan: &Plan, progression: &Progression, node: usize, execution_input: &Json) -> Json {
    let incoming = &plan.nodes[node].incoming;
    if incoming.is_empty() {
        return execution_input.clone();
    }
    let live: Vec<_> = incoming
        .iter()
        .map(|edge| &plan.edges[*edge])
        .filter_map(|edge| Some((edge, progression.fired(edge.source).get(edge.port.as_deref()?)?)))
        .collect();
    if let [(edge, data)] = live.as_slice()
        && edge.target_port.is_none()
    {
        return (*data).clone();
    }
    let mut keys: Vec<(&str, Vec<&Json>)> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for (edge, data) in live {
        let key = edge.target_port.as_deref().unwrap_or(plan.nodes[edge.source].id.as_str());
        let place = *places.entry(key).or_insert_with(|| {
            keys.push((key, Vec::new()));
            keys.len() - 1
        });
        keys[place].1.push(data);
    }
    let members: Vec<(&str, Json)> = keys
        .into_iter()
        .map(|(key, data)| match data.as_slice() {
            [only] => (key, (*only).clone()),
            several => (key, Json::array(several.iter().copied())),
        })
        .collect();
    Json::object(members.iter().map(|(key, data)| (*key, data)))
}
