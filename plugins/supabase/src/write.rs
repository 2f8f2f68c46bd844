//! The operations `insert` and `upsert`: the input items are rows, written in batches.
//!
//! PostgREST wants the rows of one request to have the same keys. Naming the columns instead would fill in what a row
//! lacks, and an upsert would so overwrite data that nobody meant; so rows are grouped by their keys.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use blockyard_sdk::items::{self, Driven, OnItemError, OneOrMany, Options};
use blockyard_sdk::{Context, Failure, Outcome, RawJson};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

use crate::api::Calls;
use crate::config::{Returning, bounded, concurrency, named};
use crate::prepared::{Prepared, Shape, list};
use crate::{Answered, input};

/// The operation `insert`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Insert {
    /// The table or view.
    #[schemars(length(min = 1))]
    table: String,
    /// The schema, if it is not the API's first.
    #[serde(default)]
    schema: Option<String>,
    /// Write only these fields of the items; all if empty. What an item lacks gets the column's default.
    #[serde(default)]
    columns: Vec<String>,
    /// Rows of one request. Each batch is written as a whole or not at all.
    #[serde(default = "batch_size")]
    #[schemars(range(min = 1, max = 10_000))]
    batch_size: u64,
    /// What is given back: the number of rows, or the rows.
    #[serde(default)]
    returning: Returning,
    /// Which columns are given back; all if empty.
    #[serde(default)]
    returning_columns: Vec<String>,
    /// How many batches at once.
    #[serde(default = "concurrency")]
    #[schemars(range(min = 1, max = 32))]
    concurrency: usize,
    /// What the failure of one of several batches does: its rows leave through the port `failed`, or the call fails,
    /// with the other batches possibly written.
    #[serde(default)]
    on_item_error: OnItemError,
    /// Send the key as `Authorization: Bearer` too, which legacy keys (`eyJ...`) need.
    #[serde(default)]
    bearer: bool,
    /// The data API's base URL with its path, such as `https://PROJECT.supabase.co/rest/v1`; without it the setting
    /// `supabaseUrl` and `/rest/v1`.
    #[serde(default)]
    base_url: Option<String>,
}

/// The operation `upsert`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Upsert {
    /// The table or view.
    #[schemars(length(min = 1))]
    table: String,
    /// The schema, if it is not the API's first.
    #[serde(default)]
    schema: Option<String>,
    /// Write only these fields of the items; all if empty. What an item lacks keeps its value in a row that is there.
    #[serde(default)]
    columns: Vec<String>,
    /// The columns of the unique constraint that tells whether a row is there; the primary key if empty.
    #[serde(default)]
    on_conflict: Vec<String>,
    /// Leave rows alone that are there, instead of changing them.
    #[serde(default)]
    ignore_duplicates: bool,
    /// Rows of one request. Each batch is written as a whole or not at all; a key may not be in it twice.
    #[serde(default = "batch_size")]
    #[schemars(range(min = 1, max = 10_000))]
    batch_size: u64,
    /// What is given back: the number of rows, or the rows.
    #[serde(default)]
    returning: Returning,
    /// Which columns are given back; all if empty.
    #[serde(default)]
    returning_columns: Vec<String>,
    /// How many batches at once.
    #[serde(default = "concurrency")]
    #[schemars(range(min = 1, max = 32))]
    concurrency: usize,
    /// What the failure of one of several batches does: its rows leave through the port `failed`, or the call fails,
    /// with the other batches possibly written.
    #[serde(default)]
    on_item_error: OnItemError,
    /// Send the key as `Authorization: Bearer` too, which legacy keys (`eyJ...`) need.
    #[serde(default)]
    bearer: bool,
    /// The data API's base URL with its path, such as `https://PROJECT.supabase.co/rest/v1`; without it the setting
    /// `supabaseUrl` and `/rest/v1`.
    #[serde(default)]
    base_url: Option<String>,
}

fn batch_size() -> u64 {
    500
}

pub(crate) fn insert(config: &Insert, text: &str, context: &Context) -> Result<Outcome<Answered>, Failure> {
    let table = named(&config.table, "/table")?;
    let returning = config.returning;
    let prepare = |rows: &[&RawValue]| {
        let mut call = Prepared::new("POST", &[&table], shape(returning, rows.len()));
        call.schema.clone_from(&config.schema);
        call.repeatable = false;
        filled(&mut call, &config.returning_columns, rows);
        call
    };
    let batches = Batches::of(text, &config.columns, bounded(config.batch_size, 10_000, "/batchSize")?)?;
    let calls = Calls::new(config.base_url.as_deref(), config.bearer, context)?;
    let options =
        Options { concurrency: config.concurrency, on_item_error: config.on_item_error, label: "batches inserted" };
    batches.write(&calls, prepare, returning, &options, context)
}

pub(crate) fn upsert(config: &Upsert, text: &str, context: &Context) -> Result<Outcome<Answered>, Failure> {
    let table = named(&config.table, "/table")?;
    let returning = config.returning;
    let prepare = |rows: &[&RawValue]| {
        let mut call = Prepared::new("POST", &[&table], shape(returning, rows.len()));
        call.schema.clone_from(&config.schema);
        if !config.on_conflict.is_empty() {
            call.query("on_conflict", config.on_conflict.join(","));
        }
        let resolution = if config.ignore_duplicates { "ignore-duplicates" } else { "merge-duplicates" };
        call.prefer.push(format!("resolution={resolution}"));
        filled(&mut call, &config.returning_columns, rows);
        call
    };
    let batches = Batches::of(text, &config.columns, bounded(config.batch_size, 10_000, "/batchSize")?)?;
    let calls = Calls::new(config.base_url.as_deref(), config.bearer, context)?;
    let options =
        Options { concurrency: config.concurrency, on_item_error: config.on_item_error, label: "batches upserted" };
    batches.write(&calls, prepare, returning, &options, context)
}

fn shape(returning: Returning, rows: usize) -> Shape {
    match returning {
        Returning::Minimal => Shape::Written(rows),
        Returning::Representation => Shape::Rows,
    }
}

fn filled(call: &mut Prepared, returning_columns: &[String], rows: &[&RawValue]) {
    if call.shape == Shape::Rows {
        call.prefer.push("return=representation".to_owned());
        call.select(returning_columns);
    } else {
        call.prefer.push("return=minimal".to_owned());
    }
    call.body = Some(list(rows.iter().copied()));
}

/// Rows, and which of them go together.
struct Batches {
    rows: OneOrMany<Box<RawValue>>,
    /// Positions of rows with the same keys, at most as many as fit into one request.
    batches: Vec<Vec<usize>>,
}

impl Batches {
    fn of(text: &str, columns: &[String], batch_size: u64) -> Result<Self, Failure> {
        let size = usize::try_from(batch_size).unwrap_or(usize::MAX).max(1);
        let mut groups: Vec<Vec<usize>> = Vec::new();
        // The last group of each set of keys: the one that is not full.
        let mut open: HashMap<BTreeSet<String>, usize> = HashMap::new();
        let mut position = 0;
        let rows = input::items(text)?.try_map(|pointer, row| {
            let (keys, row) = row_of(row, columns, pointer)?;
            match open.get(&keys).and_then(|group| groups.get_mut(*group)).filter(|group| group.len() < size) {
                Some(group) => group.push(position),
                None => {
                    open.insert(keys, groups.len());
                    groups.push(vec![position]);
                }
            }
            position += 1;
            Ok::<_, Failure>(row)
        })?;
        Ok(Self { rows, batches: groups })
    }

    fn write(
        &self,
        calls: &Calls,
        prepare: impl Fn(&[&RawValue]) -> Prepared,
        returning: Returning,
        options: &Options,
        context: &Context,
    ) -> Result<Outcome<Answered>, Failure> {
        let prepared: Vec<_> = self.batches.iter().map(|batch| prepare(&self.rows_of(batch))).collect();
        let (results, totals) = match items::drive(calls, &prepared, options, context)? {
            Driven::Suspend { after_ms, state } => return Ok(Outcome::Suspend { after_ms, state }),
            Driven::Done { results, totals } => (results, totals),
        };
        let mut written = Written { rows: self.rows.as_slice().iter().map(|_| None).collect(), ..Written::default() };
        for (batch, result) in self.batches.iter().zip(results) {
            match result {
                Ok(answer) if returning == Returning::Representation => written.place(batch, &answer)?,
                Ok(_) => {}
                Err(failure) => written.refuse(batch.len(), &failure, &list(self.rows_of(batch)))?,
            }
        }
        let metadata = json!({"rows": totals.rows, "batches": self.batches.len(), "failed": written.failed_rows});
        let output = match (returning, self.rows.is_many()) {
            (Returning::Minimal, _) => json!({ "written": totals.rows }).to_string(),
            (Returning::Representation, true) => list(written.all()),
            (Returning::Representation, false) => {
                written.all().next().map_or_else(|| "null".to_owned(), |row| row.get().to_owned())
            }
        };
        let failed = (!written.failed.is_empty()).then(|| RawJson::new(format!("[{}]", written.failed.join(","))));
        Outcome::done_with(Answered { output: Some(RawJson::new(output)), failed }, &metadata)
    }

    fn rows_of(&self, batch: &[usize]) -> Vec<&RawValue> {
        batch.iter().filter_map(|position| self.rows.as_slice().get(*position)).map(|row| &**row).collect()
    }
}

/// A row with its keys, cut down to `columns`.
fn row_of(row: Box<RawValue>, columns: &[String], pointer: &str) -> Result<(BTreeSet<String>, Box<RawValue>), Failure> {
    let mut fields: BTreeMap<String, &RawValue> = serde_json::from_str(row.get())
        .map_err(|_| Failure::invalid_input(pointer, "it is no object, which a row is"))?;
    if columns.is_empty() {
        return Ok((fields.into_keys().collect(), row));
    }
    fields.retain(|key, _| columns.contains(key));
    if fields.is_empty() {
        return Err(Failure::invalid_input(pointer, "it has none of the `columns` to write"));
    }
    let cut = to_raw_value(&fields)?;
    Ok((fields.into_keys().collect(), cut))
}

/// What came back, in the order of the input.
#[derive(Default)]
struct Written {
    rows: Vec<Option<Box<RawValue>>>,
    /// More rows than were sent, or fewer: then nobody knows which is which.
    others: Vec<Box<RawValue>>,
    /// Entries of the port `failed`, as JSON.
    failed: Vec<String>,
    failed_rows: usize,
}

impl Written {
    fn place(&mut self, batch: &[usize], answer: &RawValue) -> Result<(), Failure> {
        let rows: Vec<Box<RawValue>> = serde_json::from_str(answer.get())?;
        if rows.len() != batch.len() {
            self.others.extend(rows);
            return Ok(());
        }
        for (position, row) in batch.iter().zip(rows) {
            if let Some(place) = self.rows.get_mut(*position) {
                *place = Some(row);
            }
        }
        Ok(())
    }

    fn refuse(&mut self, count: usize, failure: &Failure, rows: &str) -> Result<(), Failure> {
        let entry = items::in_place(failure)?;
        let open = entry.get().strip_suffix('}').unwrap_or_default();
        self.failed.push(format!("{open},\"rows\":{rows}}}"));
        self.failed_rows += count;
        Ok(())
    }

    /// Rows in the order of the input, then those whose place is not known.
    fn all(&self) -> impl Iterator<Item = &RawValue> {
        self.rows.iter().flatten().chain(&self.others).map(|row| &**row)
    }
}
