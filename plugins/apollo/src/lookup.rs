//! One person or company a request.

use blockyard_sdk::Failure;
use blockyard_sdk::http::{Error, Request, Response};
use blockyard_sdk::items::{Step, Task};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::lead::Lead;
use crate::subject::Subject;
use crate::{Api, answer};

/// Asks about each lead alone.
#[derive(Debug)]
pub(crate) struct Lookup<'a> {
    pub(crate) api: &'a Api,
    pub(crate) subject: Subject<'a>,
}

/// Sums for the metadata.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Totals {
    /// Requests that were answered.
    requests: u64,
    /// Leads about which something is known.
    found: u64,
}

impl Task for Lookup<'_> {
    type Item = Lead;
    type State = ();
    type Result = Map<String, Value>;
    type Totals = Totals;

    fn request(&self, index: usize, lead: &Lead, (): &()) -> Result<Request, Failure> {
        self.subject.ask_one(self.api, self.subject.identity(self.api.reader(index, lead))?)
    }

    fn answer(
        &self,
        index: usize,
        lead: &Lead,
        (): (),
        response: Response,
        totals: &mut Totals,
    ) -> Result<Step<(), Map<String, Value>>, Failure> {
        totals.requests += 1;
        let mut body = answer::read(&response)?;
        // Nobody found is null, or nothing at all.
        let found = match body.remove(self.subject.field()) {
            None | Some(Value::Null) => None,
            Some(found @ Value::Object(_)) => Some(found),
            Some(_) => return Err(response.unexpected(&format!("`{}` is no object", self.subject.field()))),
        };
        totals.found += u64::from(found.is_some());
        let asked = self.subject.identity(self.api.reader(index, lead))?;
        Ok(Step::Done(self.subject.result(found, body, asked)))
    }

    fn lost(&self, _: usize, _: &Lead, (): &(), error: Error) -> Failure {
        lost(self.subject, error)
    }
}

/// Work that was begun is not begun a second time, as it costs credits and calls the webhook.
pub(crate) fn lost(subject: Subject<'_>, error: Error) -> Failure {
    let failure = Failure::from(error.clone());
    match error {
        Error::Timeout | Error::Transport(_) if subject.is_asynchronous() => {
            Failure::new(failure.code().to_owned(), failure.message()).detail("mayHaveBegun", true)
        }
        _ => failure,
    }
}
