//! Ten people or companies a request, and every result back to its lead.

use blockyard_sdk::http::{Error, Request, Response};
use blockyard_sdk::items::{self, Driven, OnItemError, OneOrMany, Options, Step, Task};
use blockyard_sdk::{Context, Failure, Mode, Outcome, RawJson, codes};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::lead::{Identity, Lead};
use crate::subject::Subject;
use crate::{Api, answer, lookup};

/// The most that the vendor takes at once.
const BATCH: usize = 10;
/// What a batch's answer says about asynchronous work, which every lead of the batch gets to know.
const ABOUT_LATER: [&str; 2] = ["request_id", "waterfall"];

/// Asks about ten leads at once.
#[derive(Debug)]
struct Batches<'a> {
    api: &'a Api,
    subject: Subject<'a>,
    /// In the mode `demo` exchanges are about other leads than these: then whatever came is theirs, by its place.
    demo: bool,
}

/// Sums for the metadata.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Totals {
    /// Requests that were answered.
    requests: u64,
    /// Leads about which something is known.
    found: u64,
    /// What the vendor says that it cost.
    credits_consumed: f64,
}

/// Works through one lead or a list, as `items::run` does, with ten leads a request. A lead that identifies nobody is
/// never sent.
///
/// # Errors
/// As `items::run`.
pub(crate) fn run(
    api: &Api,
    subject: Subject<'_>,
    leads: &OneOrMany<Lead>,
    options: &Options,
    context: &Context,
) -> Result<Outcome<RawJson>, Failure> {
    let readers = leads.as_slice().iter().enumerate().map(|(index, lead)| api.reader(index, lead));
    let asked: Vec<_> = readers.map(|reader| subject.identity(reader)).collect();
    let sound: Vec<_> = asked.iter().filter_map(|identity| identity.as_ref().ok()).cloned().collect();
    if options.on_item_error == OnItemError::Fail || sound.is_empty() {
        // Before anything is paid for.
        if let Some(Err(failure)) = asked.iter().find(|identity| identity.is_err()) {
            return Err(failure.clone());
        }
    }
    let batches: Vec<_> = sound.chunks(BATCH).map(<[Identity]>::to_vec).collect();
    let task = Batches { api, subject, demo: context.mode() == Mode::Demo };
    let (answers, totals) = match items::drive(&task, &batches, options, context)? {
        Driven::Suspend { after_ms, state } => return Ok(Outcome::Suspend { after_ms, state }),
        Driven::Done { results, totals } => (results, totals),
    };
    let mut results = Vec::with_capacity(sound.len());
    for (batch, answer) in batches.iter().zip(answers) {
        spread(batch.len(), answer, &mut results)?;
    }
    let mut results = results.into_iter();
    let results = asked.into_iter().map(|identity| match identity {
        Ok(_) => results.next().unwrap_or_else(|| Err(unclear())),
        Err(failure) => Err(failure),
    });
    join(results.collect(), leads.is_many(), options.on_item_error, &totals)
}

/// A batch's results, or its failure for each of its leads.
fn spread(
    leads: usize,
    answer: Result<Box<RawValue>, Failure>,
    results: &mut Vec<Result<Box<RawValue>, Failure>>,
) -> Result<(), Failure> {
    match answer {
        Ok(list) => {
            let list: Vec<Option<Box<RawValue>>> = serde_json::from_str(list.get())?;
            results.extend(list.into_iter().map(|result| result.ok_or_else(unclear)));
        }
        Err(failure) => results.extend((0..leads).map(|_| Err(failure.clone()))),
    }
    Ok(())
}

fn join(
    results: Vec<Result<Box<RawValue>, Failure>>,
    many: bool,
    on_item_error: OnItemError,
    totals: &Totals,
) -> Result<Outcome<RawJson>, Failure> {
    let failed = results.iter().filter(|result| result.is_err()).count();
    if failed > 0 && (!many || failed == results.len() || on_item_error == OnItemError::Fail) {
        return Err(results.into_iter().find_map(Result::err).unwrap_or_else(unclear));
    }
    let mut metadata = json!(totals);
    if !many {
        let result = results.into_iter().next().transpose()?;
        let result = result.map_or_else(|| "null".to_owned(), |result| Box::<str>::from(result).into_string());
        return Outcome::done_with(RawJson::new(result), &metadata);
    }
    if let Value::Object(metadata) = &mut metadata {
        metadata.insert("items".to_owned(), results.len().into());
        metadata.insert("failed".to_owned(), failed.into());
    }
    let list = results.into_iter().map(|result| result.or_else(|failure| items::in_place(&failure)));
    let list = list.collect::<Result<Vec<_>, Failure>>()?;
    Outcome::done_with(RawJson::new(serde_json::to_string(&list)?), &metadata)
}

fn unclear() -> Failure {
    let message =
        "the vendor's list has another length than the question, and none of its results is surely this lead's";
    Failure::new(codes::UNEXPECTED_RESPONSE, message)
}

impl Task for Batches<'_> {
    type Item = Vec<Identity>;
    type State = ();
    /// One for each lead; null where it is not clear which result is the lead's.
    type Result = Vec<Option<Map<String, Value>>>;
    type Totals = Totals;

    fn request(&self, _: usize, batch: &Vec<Identity>, (): &()) -> Result<Request, Failure> {
        self.subject.ask_many(self.api, batch)
    }

    fn answer(
        &self,
        _: usize,
        batch: &Vec<Identity>,
        (): (),
        response: Response,
        totals: &mut Totals,
    ) -> Result<Step<(), Self::Result>, Failure> {
        totals.requests += 1;
        let mut body = answer::read(&response)?;
        let field = self.subject.list_field();
        let Some(Value::Array(answered)) = body.remove(field) else {
            return Err(response.unexpected(&format!("`{field}` is no list")));
        };
        totals.credits_consumed += body.get("credits_consumed").and_then(Value::as_f64).unwrap_or(0.0);
        body.retain(|name, _| ABOUT_LATER.contains(&name.as_str()));
        let slots = line_up(self.subject, batch, answered, self.demo);
        totals.found += slots.iter().filter(|slot| matches!(slot, Slot::Hit(_))).count() as u64;
        let results = batch.iter().zip(slots).map(|(asked, slot)| {
            let found = match slot {
                Slot::Hit(found) => Some(found),
                Slot::Miss => None,
                Slot::Unclear => return None,
            };
            Some(self.subject.result(found, body.clone(), asked.clone()))
        });
        Ok(Step::Done(results.collect()))
    }

    fn lost(&self, _: usize, _: &Vec<Identity>, (): &(), error: Error) -> Failure {
        lookup::lost(self.subject, error)
    }
}

/// What became of a lead in a batch.
#[derive(Debug, Clone, PartialEq)]
enum Slot {
    Hit(Value),
    Miss,
    /// There are results that nothing tells whose they are.
    Unclear,
}

/// Finds the lead of each result: by its place where the vendor keeps the order, else by what identifies it, so that
/// leads that are the same get the same; what is left over by its place again, if the list is as long as the question.
fn line_up(subject: Subject<'_>, asked: &[Identity], answered: Vec<Value>, demo: bool) -> Vec<Slot> {
    let as_long = answered.len() == asked.len();
    let place = |result: Value| if result.is_object() { Slot::Hit(result) } else { Slot::Miss };
    if as_long && subject.keeps_order() {
        return answered.into_iter().map(place).collect();
    }
    let mut slots: Vec<Option<Slot>> = vec![None; asked.len()];
    let mut left: Vec<Option<Value>> = Vec::with_capacity(answered.len());
    for result in answered {
        let known = result.is_object();
        let mut taken = false;
        for (identity, slot) in asked.iter().zip(&mut slots).filter(|_| known) {
            if slot.is_none() && subject.is_about(identity, &result) {
                *slot = Some(Slot::Hit(result.clone()));
                taken = true;
            }
        }
        left.push((known && !taken).then_some(result));
    }
    if as_long || demo {
        for (slot, left) in slots.iter_mut().zip(&mut left).filter(|(slot, _)| slot.is_none()) {
            *slot = left.take().map(Slot::Hit);
        }
    }
    let rest = if !demo && left.iter().any(Option::is_some) { Slot::Unclear } else { Slot::Miss };
    slots.into_iter().map(|slot| slot.unwrap_or_else(|| rest.clone())).collect()
}
