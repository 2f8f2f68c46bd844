//! Nodes, items and the payloads that they refer to.

use std::collections::{BTreeSet, HashMap};

use sqlx::AssertSqlSafe;

use crate::domain::{ExecutionId, Json, NodeStatus, Outputs};

use super::super::payloads::{Stored, StoredOutputs};
use super::super::records::{CallRow, ItemRow, NodeRow};
use super::{Arg, Columns, Store, StoreError};

pub(crate) const NODES: &str = "SELECT node_id, status, outputs, error, metadata, logs, logs_dropped, retry_count, \
     start_time, end_time, suspension, exchanges, items FROM node_results WHERE execution_id = $1 ORDER BY node_id";

pub(crate) const ITEMS: &str = "SELECT node_id, status, outputs, error, metadata, logs, logs_dropped, retry_count, \
     start_time, end_time, suspension, exchanges, item FROM node_items WHERE execution_id = $1 ORDER BY node_id, item";

pub(crate) const NEXT_PAYLOAD: &str =
    "SELECT number FROM payloads WHERE execution_id = $1 ORDER BY number DESC LIMIT 1";

const PAYLOADS: &str = "SELECT number, body FROM payloads WHERE execution_id = $1";

/// Payloads are asked for by number up to that many; more than that, all of the execution are read.
const MOST_NUMBERS: usize = 256;

/// Where `exchanges` ends and what only nodes or only items have begins.
const OWN: usize = 12;

impl Store {
    /// The nodes of an execution that have a result, ordered by id, with what left through their ports.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn nodes(&self, execution_id: &ExecutionId) -> Result<Vec<NodeRow<Outputs>>, StoreError> {
        let rows = self.rows(NODES, [execution_id.as_str().into()]).await?;
        let mut nodes = Vec::with_capacity(rows.len());
        for row in &rows {
            let key = format!("{execution_id}/{}", super::key(row));
            let columns = Columns::new(row, "node_results", &key);
            nodes.push(NodeRow { node_id: columns.id(0)?, call: call(&columns)?, items: columns.opt_json(OWN)? });
        }
        let payloads = self.payloads(execution_id, nodes.iter().flat_map(|node| &node.call.outputs)).await?;
        let filled = nodes.into_iter().map(|NodeRow { node_id, call, items }| {
            Ok(NodeRow { node_id, call: fill(execution_id, call, &payloads)?, items })
        });
        filled.collect()
    }

    /// The items of `forEach` nodes of an execution that were recorded, ordered by node and index.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn items(&self, execution_id: &ExecutionId) -> Result<Vec<ItemRow<Outputs>>, StoreError> {
        let rows = self.rows(ITEMS, [execution_id.as_str().into()]).await?;
        let mut items = Vec::with_capacity(rows.len());
        for row in &rows {
            let key = format!("{execution_id}/{}", super::key(row));
            let columns = Columns::new(row, "node_items", &key);
            items.push(ItemRow { node_id: columns.id(0)?, index: columns.number(OWN)?, call: call(&columns)? });
        }
        let payloads = self.payloads(execution_id, items.iter().flat_map(|item| &item.call.outputs)).await?;
        let filled = items.into_iter().map(|ItemRow { node_id, index, call }| {
            Ok(ItemRow { node_id, index, call: fill(execution_id, call, &payloads)? })
        });
        filled.collect()
    }

    /// From which number a resumed execution numbers its payloads.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn next_payload_number(&self, execution_id: &ExecutionId) -> Result<u32, StoreError> {
        match self.first(NEXT_PAYLOAD, [execution_id.as_str().into()]).await? {
            Some(row) => Ok(Columns::new(&row, "payloads", execution_id).number::<u32>(0)?.saturating_add(1)),
            None => Ok(0),
        }
    }

    /// The payloads that `outputs` refer to, in one query.
    pub(super) async fn payloads<'o>(
        &self,
        execution_id: &ExecutionId,
        outputs: impl IntoIterator<Item = &'o (String, Stored)>,
    ) -> Result<HashMap<u32, Json>, StoreError> {
        let numbers: BTreeSet<u32> = outputs
            .into_iter()
            .filter_map(|(_, stored)| match stored {
                Stored::Ref(number) => Some(*number),
                Stored::Json(_) => None,
            })
            .collect();
        if numbers.is_empty() {
            return Ok(HashMap::new());
        }
        let mut args = vec![Arg::from(execution_id.as_str())];
        let mut sql = PAYLOADS.to_owned();
        if numbers.len() <= MOST_NUMBERS {
            args.extend(numbers.iter().map(|number| Arg::from(*number)));
            let parameters: Vec<String> = (2..=args.len()).map(|parameter| format!("${parameter}")).collect();
            sql.push_str(&format!(" AND number IN ({})", parameters.join(",")));
        }
        let mut payloads = HashMap::with_capacity(numbers.len());
        for row in self.rows(AssertSqlSafe(sql), args).await? {
            let columns = Columns::new(&row, "payloads", execution_id);
            payloads.insert(columns.number(0)?, columns.json(1)?);
        }
        Ok(payloads)
    }
}

fn call(columns: &Columns<'_>) -> Result<CallRow, StoreError> {
    Ok(CallRow {
        status: columns.name(1, NodeStatus::from_name)?,
        outputs: columns.decoded(2)?.unwrap_or_default(),
        error: columns.decoded(3)?,
        metadata: columns.opt_json(4)?.unwrap_or_else(Json::null),
        logs: columns.decoded(5)?.unwrap_or_default(),
        logs_dropped: columns.number(6)?,
        retry_count: columns.number(7)?,
        start_time: columns.opt_int(8)?,
        end_time: columns.opt_int(9)?,
        suspension: columns.decoded(10)?,
        exchanges: columns.opt_json(11)?,
    })
}

/// The document itself.
pub(super) fn resolve(
    execution_id: &ExecutionId,
    stored: Stored,
    payloads: &HashMap<u32, Json>,
) -> Result<Json, StoreError> {
    match stored {
        Stored::Json(json) => Ok(json),
        Stored::Ref(number) => payloads.get(&number).cloned().ok_or_else(|| StoreError::Corrupt {
            what: format!("payloads: no row {execution_id}/{number}, which another row refers to"),
        }),
    }
}

fn fill(
    execution_id: &ExecutionId,
    call: CallRow<StoredOutputs>,
    payloads: &HashMap<u32, Json>,
) -> Result<CallRow<Outputs>, StoreError> {
    let outputs = call.outputs.into_iter().map(|(port, stored)| Ok((port, resolve(execution_id, stored, payloads)?)));
    Ok(CallRow {
        status: call.status,
        outputs: Outputs(outputs.collect::<Result<_, StoreError>>()?),
        error: call.error,
        metadata: call.metadata,
        logs: call.logs,
        logs_dropped: call.logs_dropped,
        retry_count: call.retry_count,
        start_time: call.start_time,
        end_time: call.end_time,
        suspension: call.suspension,
        exchanges: call.exchanges,
    })
}
