//! The domain search, page by page.

use std::rc::Rc;

use blockyard_sdk::Failure;
use blockyard_sdk::http::{Request, Response};
use blockyard_sdk::items::{Step, Task};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::Api;
use crate::answer::{self, Answer};
use crate::config::DomainSearch;
use crate::lead::{Lead, Reader};

/// The most addresses that the vendor gives at once.
const MAX_PAGE: usize = 100;
/// What a page may hold on the free plan.
const FREE_PAGE: usize = 10;
/// How often a page is asked for again once others were paid for, and the first wait, which doubles.
const MAX_WAITS: u32 = 5;
const BACKOFF_MS: u64 = 1_000;

/// Searches the domain of each lead.
#[derive(Debug)]
pub(crate) struct Search<'a> {
    pub(crate) api: &'a Api,
    pub(crate) config: &'a DomainSearch,
}

/// What was fetched for a lead so far.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// The vendor's `data` of the first page.
    data: Option<Rc<Map<String, Value>>>,
    /// The addresses, page by page, shared because the engine copies where an item stands.
    pages: Vec<Rc<Vec<Value>>>,
    /// How many addresses they hold, which is where the next page begins.
    offset: usize,
    /// How many addresses match, as the last page said.
    total: Option<u64>,
    /// Whether pages have to be as small as on the free plan.
    small: bool,
    waits: u32,
}

/// Sums for the metadata.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Totals {
    /// Requests that were answered.
    requests: u64,
    /// Addresses that were found.
    emails: u64,
}

impl Task for Search<'_> {
    type Item = Lead;
    type State = Progress;
    type Result = Map<String, Value>;
    type Totals = Totals;

    fn request(&self, index: usize, lead: &Lead, progress: &Progress) -> Result<Request, Failure> {
        let config = self.config;
        let reader = self.api.reader(index, lead);
        let Some((name, value)) = reader.company(config.domain.as_deref(), config.company.as_deref())? else {
            return Err(reader.invalid("", "it has neither a `domain` nor a `company`, and the config has none either"));
        };
        let words = |words: Vec<&str>| Some(words.join(",")).filter(|list| !list.is_empty());
        let request = self
            .api
            .get("/domain-search")
            .query(name, value)
            .query("limit", self.page_size(progress))
            .query("offset", progress.offset)
            .query_if("type", config.kind.map(|kind| kind.word()))
            .query_if("seniority", words(config.seniority.iter().map(|rank| rank.word()).collect()))
            .query_if("department", words(config.department.iter().map(|name| name.word()).collect()))
            .query_if("required_field", config.required_field.map(|field| field.word()))
            .query_if("verification_status", config.verification_status.map(|status| status.word()))
            .query_if("job_titles", words(config.job_titles.iter().map(|title| title.trim()).collect()));
        Ok(request)
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
        let step = match answer::read(&response).and_then(|answer| page(answer, &response)) {
            Ok(page) => Ok(self.take(progress, page)),
            Err(failure) => self.broken(progress, failure),
        };
        step.map(|step| match step {
            Step::Done(mut result) => {
                let found = result.get("emails").and_then(Value::as_array).map_or(0, Vec::len);
                totals.emails = totals.emails.saturating_add(found as u64);
                self.name(self.api.reader(index, lead), &mut result);
                Step::Done(result)
            }
            step => step,
        })
    }
}

impl Search<'_> {
    fn limit(&self) -> usize {
        self.config.limit as usize
    }

    fn page_size(&self, progress: &Progress) -> usize {
        let most = if progress.small { FREE_PAGE } else { MAX_PAGE };
        self.limit().saturating_sub(progress.offset).clamp(1, most)
    }

    fn take(&self, mut progress: Progress, page: Page) -> Step<Progress, Map<String, Value>> {
        let asked = self.page_size(&progress);
        let count = page.emails.len();
        progress.waits = 0;
        progress.offset = progress.offset.saturating_add(count);
        progress.total = page.total.or(progress.total);
        progress.data.get_or_insert_with(|| Rc::new(page.data));
        progress.pages.push(Rc::new(page.emails));
        let ended = count == 0 || progress.total.map_or(count < asked, |total| progress.offset as u64 >= total);
        if ended || progress.offset >= self.limit() {
            let complete = ended && progress.offset <= self.limit();
            return Step::Done(self.finish(progress, complete, None));
        }
        Step::Next(progress)
    }

    /// A page that did not come. What was found, and paid for, before is never thrown away.
    fn broken(&self, mut progress: Progress, failure: Failure) -> Result<Step<Progress, Map<String, Value>>, Failure> {
        if progress.data.is_none() {
            // The free plan may refuse the size of the first page; its beginning is worth another request.
            if answer::is_page_refused(&failure) && self.page_size(&progress) > FREE_PAGE {
                progress.small = true;
                return Ok(Step::Next(progress));
            }
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

    /// The vendor's `data` with all addresses, and `meta` about how far the search came.
    fn finish(&self, progress: Progress, complete: bool, stopped: Option<&Failure>) -> Map<String, Value> {
        let mut result = progress.data.map(Rc::unwrap_or_clone).unwrap_or_default();
        let pages = progress.pages.into_iter().flat_map(Rc::unwrap_or_clone);
        let emails: Vec<Value> = pages.take(self.limit()).collect();
        let returned = emails.len();
        result.insert("emails".to_owned(), Value::Array(emails));
        let stopped = stopped.map(|failure| {
            let id = failure.details().and_then(|details| details.get("id"));
            json!({"code": failure.code(), "id": id, "message": failure.message()})
        });
        let meta = json!({"results": progress.total, "returned": returned, "complete": complete, "stopped": stopped});
        result.insert("meta".to_owned(), meta);
        result
    }

    /// Repeats what was searched for, if the vendor does not.
    fn name(&self, reader: Reader<'_>, result: &mut Map<String, Value>) {
        let known = reader.company(self.config.domain.as_deref(), self.config.company.as_deref());
        if let Ok(Some(("domain", domain))) = known {
            crate::lookup::fill(result, "domain", &domain);
        }
    }
}

#[derive(Debug)]
struct Page {
    data: Map<String, Value>,
    emails: Vec<Value>,
    total: Option<u64>,
}

fn page(answer: Answer, response: &Response) -> Result<Page, Failure> {
    let Value::Object(mut data) = answer.data else { return Err(response.unexpected("`data` is no object")) };
    let emails = match data.get_mut("emails").map(Value::take) {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(emails)) => emails,
        Some(_) => return Err(response.unexpected("`data.emails` is no list")),
    };
    Ok(Page { data, emails, total: answer.meta.get("results").and_then(Value::as_u64) })
}
