//! One item or a list of them, each worth a few requests.
//!
//! A [`Task`] says which request an item needs next and what an answer means. The engine runs many items side by side,
//! reports progress, and suspends the call when a server asks to wait: finished results are kept in the state, so that
//! nothing is asked, or paid for, twice.
//!
//! ```
//! use blockyard_sdk::http::{Request, Response};
//! use blockyard_sdk::items::{self, OneOrMany, Options, Step, Task};
//! use blockyard_sdk::{Context, Failure, testing};
//! use serde_json::json;
//!
//! struct Stock;
//!
//! impl Task for Stock {
//!     type Item = String;
//!     type State = ();
//!     type Result = u64;
//!     type Totals = ();
//!
//!     fn request(&self, _: usize, sku: &String, (): &()) -> Result<Request, Failure> {
//!         Ok(Request::get("https://shop.example/stock").query("sku", sku))
//!     }
//!
//!     fn answer(&self, _: usize, _: &String, (): (), response: Response, (): &mut ()) -> Result<Step<(), u64>, Failure> {
//!         Ok(Step::Done(response.ok()?.json()?))
//!     }
//! }
//!
//! let host = testing::Host::new().respond(|sent| {
//!     Ok(if sent.url.ends_with("=c") { Response::new(404, vec![], "no") } else { Response::new(200, vec![], "7") })
//! });
//! let skus = OneOrMany::Many(vec!["a".to_owned(), "c".to_owned()]);
//! let outcome = host.within(|| items::run(&Stock, &skus, &Options::default(), &Context::default()))?;
//! let blockyard_sdk::Outcome::Done { output, .. } = outcome else { panic!("it does not wait") };
//! let expected = json!([7, {"error": {"code": "not-found", "message": "no", "details": {"status": 404}}}]);
//! assert_eq!(serde_json::from_str::<serde_json::Value>(output.get())?, expected);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod engine;
mod one_or_many;
mod saved;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};

use crate::http::{Error, Request, Response};
use crate::{Context, Failure, Outcome, RawJson};

pub use engine::{Driven, drive};
pub use one_or_many::OneOrMany;

/// What to do for one item.
pub trait Task {
    /// What the work is about.
    type Item;
    /// Where an item stands between its requests; `()` if there is only one.
    type State: Clone + Default + Serialize + DeserializeOwned;
    /// What comes of an item.
    type Result: Serialize;
    /// What is summed up over all items and becomes the metadata; `()` if nothing is.
    type Totals: Default + Serialize + DeserializeOwned;

    /// The next request of item number `index`. The state of an item that was not begun is the default.
    ///
    /// # Errors
    /// If the item cannot be asked about.
    fn request(&self, index: usize, item: &Self::Item, state: &Self::State) -> Result<Request, Failure>;

    /// What an answer means.
    ///
    /// # Errors
    /// The item's failure. A retryable one is tried again later.
    fn answer(
        &self,
        index: usize,
        item: &Self::Item,
        state: Self::State,
        response: Response,
        totals: &mut Self::Totals,
    ) -> Result<Step<Self::State, Self::Result>, Failure>;

    /// What it means that a request got no answer. Override it where sending again is not harmless.
    fn lost(&self, index: usize, item: &Self::Item, state: &Self::State, error: Error) -> Failure {
        let _ = (index, item, state);
        error.into()
    }
}

/// What an answer leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step<S, R> {
    /// Another request, at once.
    Next(S),
    /// Another request, after a while.
    Wait {
        /// Where the item stands.
        state: S,
        /// How long, in milliseconds.
        after_ms: u64,
    },
    /// The item's result.
    Done(R),
}

/// What the failure of one item in a list does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OnItemError {
    /// The item's place in the result is `{"error": {"code", "message", "details"}}`.
    #[default]
    Include,
    /// The whole call fails with it.
    Fail,
}

/// How a list is worked through.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Requests sent at once.
    pub concurrency: usize,
    /// What the failure of one item does.
    pub on_item_error: OnItemError,
    /// What progress calls the work, such as `verified`.
    pub label: &'static str,
}

impl Default for Options {
    /// Eight at once, failures included.
    fn default() -> Self {
        Self { concurrency: 8, on_item_error: OnItemError::Include, label: "done" }
    }
}

/// Works through one item or a list. One item gives its result, a list the list of results in the same order; the
/// metadata hold the totals, and for a list how many `items` there were and how many `failed`.
///
/// # Errors
/// The failure of the one item, or of all items; of any item with [`OnItemError::Fail`]; and a retryable one with which
/// nothing could be finished.
pub fn run<T: Task>(
    task: &T,
    items: &OneOrMany<T::Item>,
    options: &Options,
    context: &Context,
) -> Result<Outcome<RawJson>, Failure> {
    let (results, totals) = match drive(task, items.as_slice(), options, context)? {
        Driven::Suspend { after_ms, state } => return Ok(Outcome::Suspend { after_ms, state }),
        Driven::Done { results, totals } => (results, totals),
    };
    let mut metadata = match serde_json::to_value(&totals)? {
        Value::Object(totals) => totals,
        _ => Map::new(),
    };
    if !items.is_many() {
        let result = results.into_iter().next().transpose()?;
        let result = result.map_or_else(|| "null".to_owned(), |result| Box::<str>::from(result).into_string());
        return Outcome::done_with(RawJson::new(result), &metadata);
    }
    let failed = results.iter().filter(|result| result.is_err()).count();
    metadata.insert("items".to_owned(), json!(results.len()));
    metadata.insert("failed".to_owned(), json!(failed));
    let list = results.into_iter().map(|result| result.or_else(|failure| in_place(&failure)));
    let list = list.collect::<Result<Vec<_>, Failure>>()?;
    Outcome::done_with(RawJson::new(serde_json::to_string(&list)?), &metadata)
}

/// A failure as it stands in a list of results: `{"error": {"code", "message", "details"}}`.
///
/// # Errors
/// Never in practice: a failure holds nothing that JSON cannot.
pub fn in_place(failure: &Failure) -> Result<Box<RawValue>, Failure> {
    let details = failure.details().cloned().map_or(Value::Null, Value::Object);
    let error = json!({"error": {"code": failure.code(), "message": failure.message(), "details": details}});
    Ok(to_raw_value(&error)?)
}
