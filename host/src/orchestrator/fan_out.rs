//! `forEach`: one call an item, side by side, put together in item order.

use std::sync::Arc;

use serde::Serialize;
use serde_json::json;
use tokio::task::JoinSet;

use super::attempt::{Attempts, Observer};
use super::node::failed;
use super::plan::{PlanForEach, PlanNode};
use super::run::Run;
use super::scope::{ItemScope, NodeScope};
use crate::domain::workflow::OnItemError;
use crate::domain::{CallError, Json, LogLine, NodeStatus, Outputs};
use crate::store::{CallRow, StoreError};

/// The code of a fan-out over what is no list.
const INVALID_ITEMS: &str = "invalid-items";

/// What is kept of an item inside its node; its data stands in the node's outputs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ItemSummary<'a> {
    status: NodeStatus,
    ports: Vec<&'a str>,
    #[serde(skip_serializing_if = "is_zero")]
    retry_count: u32,
    start_time: Option<i64>,
    end_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a CallError>,
    #[serde(skip_serializing_if = "Json::is_null")]
    metadata: &'a Json,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    logs: &'a [LogLine],
    #[serde(skip_serializing_if = "is_zero_long")]
    logs_dropped: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero_long(number: &u64) -> bool {
    *number == 0
}

/// Call the node's block for each item. The node's own result, and what is kept of its items.
pub(super) async fn run(
    run: &Arc<Run>,
    node: usize,
    scope: &Arc<NodeScope>,
) -> Result<(CallRow<Outputs>, Option<Json>), StoreError> {
    let planned = &run.plan.nodes[node];
    let Some(for_each) = &planned.for_each else { return Ok((CallRow::new(NodeStatus::Completed), None)) };
    let start_time = Some(run.sources.now_ms());
    let items = match items(run, for_each, scope).await {
        Ok(items) => items,
        Err(error) => return Ok((failed(run, error), None)),
    };
    // The same for every item unless it says otherwise: filled in once.
    let shared = if planned.config.uses_item() {
        None
    } else {
        match run.evaluator.fill(&planned.config, scope.as_ref()).await {
            Ok(config) => Some(Arc::from(config)),
            Err(error) => return Ok((failed(run, error), None)),
        }
    };
    let fan_out = FanOut { run: Arc::clone(run), node, scope: Arc::clone(scope), config: shared };
    let calls = fan_out.all(items, for_each).await?;
    let mut result = together(planned, for_each, &calls);
    result.start_time = start_time;
    result.end_time = Some(run.sources.now_ms());
    let summaries: Vec<_> = calls.iter().map(|call| call.as_ref().map(summary)).collect();
    Ok((result, Some(Json::encode(&summaries))))
}

async fn items(run: &Run, for_each: &PlanForEach, scope: &NodeScope) -> Result<Vec<Json>, CallError> {
    let text = run.evaluator.fill(&for_each.items, scope).await?;
    serde_json::from_str(&text).map_err(|_| {
        let start = text.trim_start().chars().next();
        let found = match start {
            Some('{') => "an object",
            Some('"') => "a string",
            Some('[') => "a list that cannot be read",
            _ => "a plain value",
        };
        CallError::new(INVALID_ITEMS, format!("`forEach.items` must yield a list, it yields {found}"))
    })
}

fn summary(call: &CallRow<Outputs>) -> ItemSummary<'_> {
    ItemSummary {
        status: call.status,
        ports: call.outputs.0.iter().map(|(port, _)| port.as_str()).collect(),
        retry_count: call.retry_count,
        start_time: call.start_time,
        end_time: call.end_time,
        error: call.error.as_ref(),
        metadata: &call.metadata,
        logs: &call.logs,
        logs_dropped: call.logs_dropped,
    }
}

#[derive(Clone)]
struct FanOut {
    run: Arc<Run>,
    node: usize,
    scope: Arc<NodeScope>,
    config: Option<Arc<str>>,
}

type Calls = Vec<Option<CallRow<Outputs>>>;

impl FanOut {
    /// One call an item, `concurrency` at once. `None` for items that were not called since another one failed.
    async fn all(&self, items: Vec<Json>, for_each: &PlanForEach) -> Result<Calls, StoreError> {
        let total = items.len();
        let planned = &self.run.plan.nodes[self.node];
        let mut recorded = self.run.recorded_items(&planned.id);
        let mut calls: Calls = Vec::with_capacity(total);
        calls.resize_with(total, || None);
        let fails = |call: &CallRow<Outputs>| {
            call.status == NodeStatus::Failed && for_each.settings.on_item_error == OnItemError::Fail
        };
        let mut done = 0;
        let mut open = items.into_iter().enumerate();
        let mut tasks = JoinSet::new();
        loop {
            while tasks.len() < for_each.settings.concurrency
                && let Some((index, item)) = open.next()
            {
                let earlier = recorded.remove(&index);
                match earlier {
                    Some(call) if call.status.is_settled() => {
                        let fails = fails(&call);
                        calls[index] = Some(call);
                        done += 1;
                        if fails {
                            tasks.shutdown().await;
                            return Ok(calls);
                        }
                    }
                    earlier => {
                        let this = self.clone();
                        tasks.spawn(async move { (index, this.one(index, item, earlier).await) });
                    }
                }
            }
            let Some(joined) = tasks.join_next().await else { return Ok(calls) };
            let (index, call) = match joined {
                Ok((index, call)) => (index, call?),
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            };
            let fails = fails(&call);
            calls[index] = Some(call);
            done += 1;
            self.run.journal.progress(self.node, done as f64 / total as f64, &format!("{done} of {total} items"));
            if fails {
                tasks.shutdown().await;
                return Ok(calls);
            }
        }
    }

    async fn one(
        &self,
        index: usize,
        item: Json,
        recorded: Option<CallRow<Outputs>>,
    ) -> Result<CallRow<Outputs>, StoreError> {
        let run = &self.run;
        let planned = &run.plan.nodes[self.node];
        let config = match &self.config {
            Some(config) => Arc::clone(config),
            None => {
                let scope = ItemScope { node: &self.scope, item: &item, index };
                match run.evaluator.fill(&planned.config, &scope).await {
                    Ok(config) => Arc::from(config),
                    Err(error) => return Ok(failed(run, error)),
                }
            }
        };
        let attempts = Attempts {
            run,
            node: planned,
            item: Some(index),
            config: &config,
            input: &item,
            progress: None,
            recorded: recorded.as_ref(),
        };
        let call = attempts.run(&ItemObserver { run, node: self.node, index }).await?;
        if planned.has_effects {
            run.journal.item(self.node, index, call.clone()).await?;
        }
        Ok(call)
    }
}

struct ItemObserver<'a> {
    run: &'a Run,
    node: usize,
    index: usize,
}

impl Observer for ItemObserver<'_> {
    fn retrying(&self, _: u32, _: &CallError, _: u64) {}

    async fn waiting(&self, call: CallRow) -> Result<(), StoreError> {
        self.run.journal.item_waiting(self.node, self.index, call).await.map(drop)
    }
}

/// The node's result out of those of its items.
fn together(planned: &PlanNode, for_each: &PlanForEach, calls: &Calls) -> CallRow<Outputs> {
    let failures = calls.iter().enumerate().filter_map(|(index, call)| Some((index, call.as_ref()?.error.as_ref()?)));
    if for_each.settings.on_item_error == OnItemError::Fail
        && let Some((index, error)) = failures.clone().next()
    {
        let details = json!({"index": index, "details": error.details});
        let error = CallError::new(&*error.code, format!("item {index}: {}", error.message)).with_details(details);
        return CallRow { error: Some(error), ..CallRow::new(NodeStatus::Failed) };
    }
    let mut ports: Vec<(&str, Vec<&Json>)> = Vec::new();
    for (port, data) in calls.iter().flatten().flat_map(|call| &call.outputs.0) {
        match ports.iter_mut().find(|(name, _)| name == port) {
            Some((_, list)) => list.push(data),
            None => ports.push((port, vec![data])),
        }
    }
    let default_port = planned.default_port.as_deref();
    let collects = for_each.settings.on_item_error == OnItemError::Collect;
    if let Some(port) = default_port
        && (ports.is_empty() || collects)
        && !ports.iter().any(|(name, _)| *name == port)
    {
        ports.push((port, Vec::new()));
    }
    let outputs = ports.into_iter().map(|(port, list)| {
        let list = Json::array(list);
        let data = if collects && Some(port) == default_port {
            let failures: Vec<_> =
                failures.clone().map(|(index, error)| json!({"index": index, "error": error})).collect();
            Json::object([("results", &list), ("failures", &Json::encode(&failures))])
        } else {
            list
        };
        (port.to_owned(), data)
    });
    let retry_count = calls.iter().flatten().map(|call| call.retry_count).sum();
    CallRow { outputs: Outputs(outputs.collect()), retry_count, ..CallRow::new(NodeStatus::Completed) }
}
