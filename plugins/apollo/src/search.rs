//! The people search, page by page.

use std::rc::Rc;

use blockyard_sdk::Failure;
use blockyard_sdk::http::{Request, Response};
use blockyard_sdk::items::{Step, Task};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::config::PeopleSearch;
use crate::lead::Lead;
use crate::{Api, answer};

/// The most people that the vendor gives at once, and the last page that it gives.
const MAX_PAGE: usize = 100;
const LAST_PAGE: usize = 500;
/// How often a page is asked for again once others were fetched, and the first wait, which doubles.
const MAX_WAITS: u32 = 5;
const BACKOFF_MS: u64 = 1_000;

/// Searches for each lead.
#[derive(Debug)]
pub(crate) struct Search<'a> {
    pub(crate) api: &'a Api,
    pub(crate) config: &'a PeopleSearch,
}

/// What was fetched for a lead so far.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// The pages, shared because the engine copies where an item stands.
    pages: Vec<Rc<Vec<Value>>>,
    /// How many people they hold.
    count: usize,
    /// How many people match, as the last page said.
    total: Option<u64>,
    waits: u32,
}

/// Sums for the metadata.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Totals {
    /// Requests that were answered.
    requests: u64,
    /// People who were found.
    people: u64,
}

impl Task for Search<'_> {
    type Item = Lead;
    type State = Progress;
    type Result = Map<String, Value>;
    type Totals = Totals;

    fn request(&self, index: usize, lead: &Lead, progress: &Progress) -> Result<Request, Failure> {
        let mut body = self.api.reader(index, lead).filters(&self.config.filters)?;
        body.insert("page".to_owned(), progress.pages.len().saturating_add(1).into());
        body.insert("per_page".to_owned(), self.page_size().into());
        self.api.post("/mixed_people/api_search").json(&body)
    }

    fn answer(
        &self,
        index: usize,
        lead: &Lead,
        progress: Progress,
        response: Response,
        totals: &mut Totals,
    ) -> Result<Step<Progress, Map<String, Value>>, Failure> {
        totals.requests += 1;
        let step = match answer::read(&response).and_then(|body| page(body, &response)) {
            Ok(page) => self.take(progress, page),
            Err(failure) => self.broken(progress, failure)?,
        };
        let Step::Done(mut result) = step else { return Ok(step) };
        let found = result.get("people").and_then(Value::as_array).map_or(0, Vec::len);
        totals.people = totals.people.saturating_add(found as u64);
        let requested = self.api.reader(index, lead).filters(&self.config.filters)?;
        result.insert("requested".to_owned(), Value::Object(requested));
        Ok(Step::Done(result))
    }
}

impl Search<'_> {
    fn limit(&self) -> usize {
        self.config.limit as usize
    }

    /// The same for all pages of a search, as the vendor counts in pages.
    fn page_size(&self) -> usize {
        self.limit().clamp(1, MAX_PAGE)
    }

    fn take(&self, mut progress: Progress, page: Page) -> Step<Progress, Map<String, Value>> {
        let count = page.people.len();
        progress.waits = 0;
        progress.total = page.total.or(progress.total);
        progress.pages.push(Rc::new(page.people));
        progress.count = progress.count.saturating_add(count);
        let seen = progress.pages.len().saturating_mul(self.page_size()) as u64;
        let ended = count == 0 || progress.total.map_or(count < self.page_size(), |total| seen >= total);
        if ended || progress.count >= self.limit() || progress.pages.len() >= LAST_PAGE {
            let complete = ended && progress.count <= self.limit();
            return Step::Done(self.finish(progress, complete, None));
        }
        Step::Next(progress)
    }

    /// A page that did not come. What was found before is never thrown away.
    fn broken(&self, mut progress: Progress, failure: Failure) -> Result<Step<Progress, Map<String, Value>>, Failure> {
        if progress.pages.is_empty() {
            return Err(failure);
        }
        match failure.retry_hint() {
            Some(hint) if progress.waits < MAX_WAITS => {
                let after_ms = hint.after_ms.unwrap_or(BACKOFF_MS << progress.waits);
                progress.waits += 1;
                Ok(Step::Wait { state: progress, after_ms })
            }
            _ => Ok(Step::Done(self.finish(progress, false, Some(&failure)))),
        }
    }

    fn finish(&self, progress: Progress, complete: bool, stopped: Option<&Failure>) -> Map<String, Value> {
        let pages = progress.pages.into_iter().flat_map(Rc::unwrap_or_clone);
        let people = pages.take(self.limit()).collect();
        let stopped = stopped.map(|failure| json!({"code": failure.code(), "message": failure.message()}));
        let fields = [
            ("people", Value::Array(people)),
            ("total_entries", progress.total.into()),
            ("complete", complete.into()),
            ("stopped", stopped.into()),
        ];
        fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

#[derive(Debug)]
struct Page {
    people: Vec<Value>,
    total: Option<u64>,
}

fn page(mut body: Map<String, Value>, response: &Response) -> Result<Page, Failure> {
    // The total stands at the top here, and under `pagination` in the vendor's other searches.
    let total = body.get("total_entries").or_else(|| body.get("pagination")?.get("total_entries"));
    let total = total.and_then(Value::as_u64);
    match body.remove("people") {
        Some(Value::Array(people)) => Ok(Page { people, total }),
        Some(Value::Null) => Ok(Page { people: Vec::new(), total }),
        _ => Err(response.unexpected("`people` is no list")),
    }
}
