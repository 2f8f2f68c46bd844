//! What came of the jobs of a flow, many at once.

use std::collections::HashMap;

use sqlx::AssertSqlSafe;

use crate::domain::{JobId, Json};

use super::super::columns::Columns;
use super::super::dialect::{Arg, Connection, chunks};
use super::super::error::StoreError;
use super::super::jobs::list;
use super::super::payloads::Stored;
use super::super::reads::key;

/// The output of a job's execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// The document.
    Json(Json),
    /// It is longer than was asked for.
    TooLong,
}

/// The outputs of the executions of these jobs; of those longer than `at_most` bytes only that they are.
pub(super) async fn outputs(
    connection: &mut Connection,
    jobs: &[JobId],
    at_most: Option<usize>,
) -> Result<HashMap<JobId, Output>, StoreError> {
    let mut outputs = HashMap::with_capacity(jobs.len());
    let mut elsewhere = Vec::new();
    let mut rest = jobs;
    for size in chunks(jobs.len()) {
        let (chunk, after) = rest.split_at(size);
        rest = after;
        let sql = format!("SELECT id, output FROM executions WHERE id IN {}", list(1, size));
        let ids = chunk.iter().map(|id| Arg::from(id.as_str()));
        for row in &connection.fetch(AssertSqlSafe(sql), ids).await? {
            let key = key(row);
            let columns = Columns::new(row, "executions", &key);
            let id: JobId = columns.id(0)?;
            match columns.decoded::<Stored>(1)? {
                Some(Stored::Ref(number)) => elsewhere.push((id, number)),
                Some(Stored::Json(json)) => drop(outputs.insert(id, Output::Json(json))),
                None => drop(outputs.insert(id, Output::Json(Json::null()))),
            }
        }
    }
    let mut rest = elsewhere.as_slice();
    for size in chunks(elsewhere.len()) {
        let (chunk, after) = rest.split_at(size);
        rest = after;
        payloads(connection, chunk, at_most, &mut outputs).await?;
    }
    Ok(outputs)
}

async fn payloads(
    connection: &mut Connection,
    wanted: &[(JobId, u32)],
    at_most: Option<usize>,
    outputs: &mut HashMap<JobId, Output>,
) -> Result<(), StoreError> {
    // Characters, of which there are no more than bytes: what is cut off here is too long in any case.
    let body = at_most.map_or("body".to_owned(), |most| format!("CASE WHEN LENGTH(body) <= {most} THEN body END"));
    let pairs: Vec<String> = (0..wanted.len()).map(|pair| format!("(${},${})", pair * 2 + 1, pair * 2 + 2)).collect();
    let sql = format!(
        "SELECT execution_id, {body} FROM payloads WHERE (execution_id, number) IN (VALUES {})",
        pairs.join(",")
    );
    let args = wanted.iter().flat_map(|(id, number)| [Arg::from(id.as_str()), (*number).into()]);
    for row in &connection.fetch(AssertSqlSafe(sql), args).await? {
        let key = key(row);
        let columns = Columns::new(row, "payloads", &key);
        let json = columns.opt_json(1)?.filter(|json| at_most.is_none_or(|most| json.len() <= most));
        outputs.insert(columns.id(0)?, json.map_or(Output::TooLong, Output::Json));
    }
    match wanted.iter().find(|(id, _)| !outputs.contains_key(id)) {
        None => Ok(()),
        Some((id, number)) => Err(StoreError::Corrupt {
            what: format!("payloads: no row {id}/{number}, which is the output of an execution"),
        }),
    }
}
