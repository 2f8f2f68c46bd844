//! The items of a `forEach` node. A settled node keeps short summaries of them; their data stands in its outputs.

use std::collections::HashMap;
use std::vec::IntoIter;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::nodes::result;
use crate::domain::node::ItemResult;
use crate::domain::workflow::OnItemError;
use crate::domain::{CallError, CallResult, Json, LogLine, NodeStatus, Outputs};
use crate::store::{CallRow, ItemRow};

/// How the node was fanned out.
pub(super) struct FanOut<'a> {
    pub(super) default_port: Option<&'a str>,
    pub(super) on_item_error: OnItemError,
}

/// What is stored of a node's items.
pub(super) struct Items {
    /// In the node itself: an array by index, `null` for items that were never called.
    pub(super) kept: Option<Json>,
    /// Each on its own, of nodes with effects.
    pub(super) rows: Vec<ItemRow<Outputs>>,
}

/// What a node keeps of an item, as `orchestrator/fan_out.rs` writes it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    status: NodeStatus,
    ports: Vec<String>,
    #[serde(default)]
    retry_count: u32,
    start_time: Option<i64>,
    end_time: Option<i64>,
    error: Option<CallError>,
    #[serde(default = "Json::null")]
    metadata: Json,
    #[serde(default)]
    logs: Vec<LogLine>,
    #[serde(default)]
    logs_dropped: u64,
}

/// What the default port holds with `onItemError: collect`.
#[derive(Deserialize)]
struct Collected {
    results: Vec<Json>,
    #[serde(rename = "failures")]
    _failures: IgnoredAny,
}

impl Items {
    /// The result of each item, `outputs` being those of the node; `None` if nothing is known of any.
    pub(super) fn results(self, fan_out: &FanOut<'_>, outputs: &Outputs) -> Option<Vec<ItemResult>> {
        let kept: Option<Vec<Option<Summary>>> = self.kept.and_then(|kept| kept.decode().ok());
        let Some(kept) = kept else {
            if self.rows.is_empty() {
                return None;
            }
            let shown =
                |row: ItemRow<Outputs>| ItemResult { index: row.index, result: result(row.call, fan_out.default_port) };
            return Some(self.rows.into_iter().map(shown).collect());
        };
        let mut rows: HashMap<usize, CallRow<Outputs>> =
            self.rows.into_iter().map(|row| (row.index, row.call)).collect();
        let mut data = data_by_port(fan_out, outputs);
        let results = kept.into_iter().enumerate().map(|(index, summary)| {
            let row = rows.remove(&index);
            let result = match summary {
                None => CallResult::pending(),
                Some(summary) => {
                    let mut call = summary.call(&mut data);
                    // A failed node has no outputs, yet what its items came to may stand beside it.
                    if call.outputs.0.is_empty()
                        && let Some(row) = row
                    {
                        call.outputs = row.outputs;
                    }
                    result(call, fan_out.default_port)
                }
            };
            ItemResult { index, result }
        });
        Some(results.collect())
    }
}

impl Summary {
    /// The item's call, its data the next of each port that it fired.
    fn call(self, data: &mut HashMap<&str, IntoIter<Json>>) -> CallRow<Outputs> {
        let next = |port: String| data.get_mut(port.as_str())?.next().map(|data| (port, data));
        CallRow {
            outputs: Outputs(self.ports.into_iter().filter_map(next).collect()),
            status: self.status,
            error: self.error,
            metadata: self.metadata,
            logs: self.logs,
            logs_dropped: self.logs_dropped,
            retry_count: self.retry_count,
            start_time: self.start_time,
            end_time: self.end_time,
            suspension: None,
            exchanges: None,
        }
    }
}

/// What the items fired through each port, in item order.
fn data_by_port<'o>(fan_out: &FanOut<'_>, outputs: &'o Outputs) -> HashMap<&'o str, IntoIter<Json>> {
    let lists = outputs.0.iter().filter_map(|(port, data)| {
        let collects = fan_out.on_item_error == OnItemError::Collect && fan_out.default_port.is_none_or(|p| p == port);
        let collected = || data.decode::<Collected>().ok().map(|collected| collected.results);
        let list = if collects { collected().or_else(|| data.decode().ok()) } else { data.decode().ok() };
        list.map(|list: Vec<Json>| (port.as_str(), list.into_iter()))
    });
    lists.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn items(kept: serde_json::Value) -> Items {
        Items { kept: Some(kept.into()), rows: Vec::new() }
    }

    fn summary(ports: &[&str]) -> serde_json::Value {
        json!({"status": "completed", "ports": ports, "startTime": 10, "endTime": 14})
    }

    #[test]
    fn data_goes_back_to_the_items_that_fired_it() {
        let outputs = Outputs(vec![("a".into(), json!([1, 3]).into()), ("b".into(), json!([2]).into())]);
        let kept = items(json!([summary(&["a"]), summary(&["b"]), null, summary(&["a"])]));
        let fan_out = FanOut { default_port: Some("a"), on_item_error: OnItemError::Skip };
        let results = kept.results(&fan_out, &outputs).unwrap();
        let shown: Vec<_> = results.iter().map(|item| item.result.output.as_str()).collect();
        assert_eq!(shown, ["1", "2", "null", "3"]);
        assert_eq!(results[2].result.status, NodeStatus::Pending);
        assert_eq!(results[0].result.execution_time, Some(4));
        assert_eq!(results[3].index, 3);
    }

    #[test]
    fn collected_results_are_found_beside_the_failures() {
        let failures = json!([{"index": 0, "error": {"code": "x", "message": "y"}}]);
        let outputs = Outputs(vec![("out".into(), json!({"results": [{"n": 1}], "failures": failures}).into())]);
        let failed = json!({"status": "failed", "ports": [], "startTime": 1, "endTime": 2, "error": {"code": "x", "message": "y"}});
        let kept = items(json!([failed, summary(&["out"])]));
        let fan_out = FanOut { default_port: Some("out"), on_item_error: OnItemError::Collect };
        let results = kept.results(&fan_out, &outputs).unwrap();
        assert_eq!(results[0].result.error.as_ref().unwrap().code, "x");
        assert_eq!(results[1].result.output.as_str(), r#"{"n":1}"#);
    }

    #[test]
    fn a_node_that_failed_leaves_its_items_without_data() {
        let fan_out = FanOut { default_port: Some("a"), on_item_error: OnItemError::Fail };
        let results = items(json!([summary(&["a"])])).results(&fan_out, &Outputs::default()).unwrap();
        assert!(results[0].result.output.is_null());
        assert!(Items { kept: None, rows: Vec::new() }.results(&fan_out, &Outputs::default()).is_none());
    }
}
