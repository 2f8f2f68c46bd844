//! Works through the items in rounds.

use serde_json::value::{RawValue, to_raw_value};

use super::saved::{Entry, Saved, SavedFailure};
use super::{OnItemError, Options, Step, Task};
use crate::http::{self, Request};
use crate::{Context, Failure, codes, progress};

/// How often an item is tried.
const MAX_TRIES: u32 = 3;
/// The wait after the first try that a server gave no time for; it doubles.
const BACKOFF_MS: u64 = 1_000;

/// What a list came to.
#[derive(Debug)]
pub enum Driven<Totals> {
    /// Every item has a result or failed for good.
    Done {
        /// In the order of the items.
        results: Vec<Result<Box<RawValue>, Failure>>,
        /// What was summed up.
        totals: Totals,
    },
    /// Give this to the host, and come back with the state in the context.
    Suspend {
        /// In milliseconds.
        after_ms: u64,
        /// For [`Outcome::Suspend`](crate::Outcome::Suspend).
        state: Box<RawValue>,
    },
}

/// Works through a list and gives every item's result or failure; [`run`](super::run) makes an outcome of them.
///
/// # Errors
/// As [`run`](super::run).
pub fn drive<T: Task>(
    task: &T,
    items: &[T::Item],
    options: &Options,
    context: &Context,
) -> Result<Driven<T::Totals>, Failure> {
    let mut engine = Engine::begin(task, items, options, context)?;
    while engine.round()? {}
    engine.end()
}

struct Engine<'a, T: Task> {
    task: &'a T,
    items: &'a [T::Item],
    options: &'a Options,
    saved: Saved<T::State, T::Totals>,
    /// Items that have to wait before they are asked about again.
    resting: Vec<bool>,
    /// The shortest of their waits.
    wait_ms: Option<u64>,
    /// A failure that another attempt may cure, if nothing else remains to be said.
    last: Option<Failure>,
    /// A failure that every further request would meet.
    over: Option<Failure>,
    /// Whether this call brought anything forward.
    advanced: bool,
    /// Whether an earlier call did.
    resumed: bool,
}

impl<'a, T: Task> Engine<'a, T> {
    fn begin(task: &'a T, items: &'a [T::Item], options: &'a Options, context: &Context) -> Result<Self, Failure> {
        let fresh = || Saved {
            entries: items.iter().map(|_| Entry::Pending { state: T::State::default(), tries: 0 }).collect(),
            totals: T::Totals::default(),
            stalls: 0,
        };
        let earlier: Option<Saved<T::State, T::Totals>> = context.state()?;
        let resumed = earlier.is_some();
        let saved = earlier.unwrap_or_else(fresh);
        if saved.entries.len() != items.len() {
            return Err(Failure::new(codes::INTERNAL, "the state of the suspended call is of another list"));
        }
        let resting = vec![false; items.len()];
        Ok(Self {
            task,
            items,
            options,
            saved,
            resting,
            wait_ms: None,
            last: None,
            over: None,
            advanced: false,
            resumed,
        })
    }

    /// Send the next requests and take their answers. False if there is nothing to send now.
    fn round(&mut self) -> Result<bool, Failure> {
        let mut sent = Vec::new();
        let mut requests = Vec::new();
        for index in 0..self.items.len() {
            if requests.len() >= self.options.concurrency.max(1) || self.over.is_some() {
                break;
            }
            match self.next_request(index) {
                None => {}
                Some(Ok(request)) => {
                    sent.push(index);
                    requests.push(request);
                }
                Some(Err(failure)) => self.failed(index, failure)?,
            }
        }
        if requests.is_empty() {
            return Ok(false);
        }
        for (index, answer) in sent.into_iter().zip(http::send_all(requests)) {
            self.take(index, answer)?;
        }
        let done = self.saved.entries.iter().filter(|entry| !entry.is_pending()).count();
        progress::items(done, self.items.len(), &format!("{done} of {} {}", self.items.len(), self.options.label));
        Ok(true)
    }

    fn next_request(&self, index: usize) -> Option<Result<Request, Failure>> {
        let (item, entry) = (self.items.get(index)?, self.saved.entries.get(index)?);
        match entry {
            Entry::Pending { state, .. } if !*self.resting.get(index)? => Some(self.task.request(index, item, state)),
            _ => None,
        }
    }

    fn take(&mut self, index: usize, answer: Result<http::Response, http::Error>) -> Result<(), Failure> {
        let (Some(item), Some(entry)) = (self.items.get(index), self.saved.entries.get_mut(index)) else {
            return Ok(());
        };
        let Entry::Pending { state, tries } = entry else { return Ok(()) };
        let step = match answer {
            Ok(response) => self.task.answer(index, item, state.clone(), response, &mut self.saved.totals),
            Err(error) => Err(self.task.lost(index, item, state, error)),
        };
        match step {
            Ok(Step::Next(next)) => (*state, *tries, self.advanced) = (next, 0, true),
            Ok(Step::Wait { state: next, after_ms }) => {
                (*state, *tries, self.advanced) = (next, 0, true);
                self.rest(index, after_ms);
            }
            Ok(Step::Done(result)) => {
                *entry = Entry::Done(to_raw_value(&result)?);
                self.advanced = true;
            }
            Err(failure) => self.failed(index, failure)?,
        }
        Ok(())
    }

    fn rest(&mut self, index: usize, after_ms: u64) {
        if let Some(resting) = self.resting.get_mut(index) {
            *resting = true;
        }
        self.wait_ms = Some(self.wait_ms.map_or(after_ms, |known| known.min(after_ms)));
    }

    fn failed(&mut self, index: usize, failure: Failure) -> Result<(), Failure> {
        let Some(entry) = self.saved.entries.get_mut(index) else { return Ok(()) };
        if let (Some(hint), Entry::Pending { tries, .. }) = (failure.retry_hint(), &mut *entry) {
            *tries += 1;
            if *tries < MAX_TRIES {
                let backoff = BACKOFF_MS << (*tries - 1).min(10);
                self.rest(index, hint.after_ms.unwrap_or(backoff));
                self.last = Some(failure);
                return Ok(());
            }
        }
        if self.options.on_item_error == OnItemError::Fail {
            return Err(failure);
        }
        if concerns_all(failure.code()) {
            self.over = Some(failure.clone());
        }
        *entry = Entry::Failed(SavedFailure::from(&failure));
        Ok(())
    }

    fn end(mut self) -> Result<Driven<T::Totals>, Failure> {
        if let Some(over) = &self.over {
            for entry in self.saved.entries.iter_mut().filter(|entry| entry.is_pending()) {
                *entry = Entry::Failed(SavedFailure::from(over));
            }
        }
        if self.saved.entries.iter().any(Entry::is_pending) {
            return self.suspend();
        }
        let nothing_done = !self.saved.entries.iter().any(|entry| matches!(entry, Entry::Done(_)));
        let mut results = Vec::with_capacity(self.saved.entries.len());
        for entry in self.saved.entries {
            match entry {
                Entry::Done(result) => results.push(Ok(result)),
                Entry::Failed(failure) if nothing_done => return Err(failure.into()),
                Entry::Failed(failure) => results.push(Err(failure.into())),
                // All were looked at above.
                Entry::Pending { .. } => {}
            }
        }
        Ok(Driven::Done { results, totals: self.saved.totals })
    }

    fn suspend(mut self) -> Result<Driven<T::Totals>, Failure> {
        self.saved.stalls = if self.advanced { 0 } else { self.saved.stalls + 1 };
        let begun = self.advanced || self.resumed && self.saved.stalls < MAX_TRIES;
        match self.last {
            // Nothing would be lost by a retry of the whole call, whose policy is the workflow's.
            Some(failure) if !begun => Err(failure),
            _ => {
                Ok(Driven::Suspend { after_ms: self.wait_ms.unwrap_or(BACKOFF_MS), state: to_raw_value(&self.saved)? })
            }
        }
    }
}

/// Whether every other item would meet the same failure.
fn concerns_all(code: &str) -> bool {
    [
        codes::UNAUTHORIZED,
        codes::FORBIDDEN,
        codes::QUOTA_EXCEEDED,
        codes::DENIED,
        codes::SECRET_NOT_GRANTED,
        codes::SECRET_NOT_SET,
        codes::INVALID_CONFIG,
    ]
    .contains(&code)
}
