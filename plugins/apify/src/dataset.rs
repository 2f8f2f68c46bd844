//! The operation `datasetItems`, and the paging that `run` shares with it.

use blockyard_sdk::http::{Request, Response};
use blockyard_sdk::items::{OneOrMany, Options, Step, Task};
use blockyard_sdk::{Context, Failure, Outcome};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::config::{DatasetItems, checked_limit, resource_id};
use crate::errors::{self, Asked};
use crate::options::ItemOptions;
use crate::{Api, Scraped, input, run, through};

/// Items of one request.
const PAGE: u64 = 1_000;
/// Items that are asked for at least where some may be left out, so that a small limit needs no hundred requests.
const LEAST: u64 = 100;

pub(crate) fn execute(config: &DatasetItems, text: &str, context: &Context) -> Result<Outcome<Scraped>, Failure> {
    config.item_options.check()?;
    let datasets = datasets(config, text)?;
    let task = Datasets {
        api: Api::new(&config.base_url)?,
        listing: Listing { options: &config.item_options, limit: checked_limit(config.limit)? },
        offset: config.offset,
    };
    let options =
        Options { concurrency: config.concurrency, on_item_error: config.on_item_error, label: "datasets read" };
    through(&task, &datasets, &options, context)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    dataset_id: Option<String>,
}

fn datasets(config: &DatasetItems, text: &str) -> Result<OneOrMany<String>, Failure> {
    if let Some(id) = &config.dataset_id {
        return resource_id(id, |message| Failure::invalid_config("/datasetId", message)).map(OneOrMany::One);
    }
    input::items(text)?.try_map(|pointer, item| {
        let wrong = |message: &str| Failure::invalid_input(format!("{pointer}/datasetId"), message);
        let named: Named = serde_json::from_str(item.get()).map_err(|_| wrong("there is no dataset id in the item"))?;
        resource_id(&named.dataset_id.unwrap_or_default(), wrong)
    })
}

struct Datasets<'a> {
    api: Api,
    listing: Listing<'a>,
    offset: u64,
}

impl Task for Datasets<'_> {
    type Item = String;
    type State = Option<Pages>;
    type Result = Vec<Box<RawValue>>;
    type Totals = run::Totals;

    fn request(&self, _: usize, id: &String, state: &Option<Pages>) -> Result<Request, Failure> {
        let begin = Pages { offset: self.offset, ..Pages::default() };
        let request = self.api.get(&["datasets", id, "items"]);
        Ok(self.listing.page(request, state.as_ref().unwrap_or(&begin)))
    }

    fn answer(
        &self,
        _: usize,
        _: &String,
        state: Option<Pages>,
        response: Response,
        totals: &mut run::Totals,
    ) -> Result<Step<Option<Pages>, Self::Result>, Failure> {
        let pages = state.unwrap_or_else(|| Pages { offset: self.offset, ..Pages::default() });
        Ok(match self.listing.take(pages, response)? {
            Paged::More(pages) => Step::Next(Some(pages)),
            Paged::All(found) => {
                totals.results = totals.results.saturating_add(found.len() as u64);
                Step::Done(found)
            }
        })
    }
}

/// How far the paging has come.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Pages {
    /// Where the next page begins.
    offset: u64,
    found: Vec<Box<RawValue>>,
}

/// What a page leads to.
#[derive(Debug)]
pub(crate) enum Paged {
    More(Pages),
    All(Vec<Box<RawValue>>),
}

/// Which items of a dataset are wanted.
#[derive(Debug)]
pub(crate) struct Listing<'a> {
    pub(crate) options: &'a ItemOptions,
    pub(crate) limit: u64,
}

impl Listing<'_> {
    /// The request for the next page.
    pub(crate) fn page(&self, request: Request, pages: &Pages) -> Request {
        let request = request.query("format", "json").query("offset", pages.offset).query("limit", self.size(pages));
        self.options.apply(request)
    }

    fn size(&self, pages: &Pages) -> u64 {
        let missing = self.limit.saturating_sub(pages.found.len() as u64);
        missing.clamp(if self.options.reshapes() { LEAST } else { 1 }, PAGE)
    }

    /// Takes a page. The offset counts items before empty ones are left out, so a short page is no end: that is where
    /// the total says.
    pub(crate) fn take(&self, mut pages: Pages, response: Response) -> Result<Paged, Failure> {
        let response = errors::success(response, Asked::Read)?;
        let number = |name: &str| response.header(name).and_then(|value| value.trim().parse::<u64>().ok());
        let asked = self.size(&pages);
        let total = number("x-apify-pagination-total");
        let found = read(&response, Asked::Read)?;
        let count = found.len() as u64;
        // A server that gives smaller pages than asked for says so.
        let given = number("x-apify-pagination-limit").filter(|limit| (1..asked).contains(limit)).unwrap_or(asked);
        let step = if self.options.reshapes() || count == 0 || count > given { given } else { count };
        pages.found.extend(found);
        pages.offset = pages.offset.saturating_add(step);
        let ended = match total {
            Some(total) => pages.offset >= total || count == 0 && !self.options.reshapes(),
            None => count == 0,
        };
        if ended || pages.found.len() as u64 >= self.limit {
            pages.found.truncate(usize::try_from(self.limit).unwrap_or(usize::MAX));
            return Ok(Paged::All(pages.found));
        }
        Ok(Paged::More(pages))
    }
}

/// The items of a successful answer.
pub(crate) fn read(response: &Response, asked: Asked) -> Result<Vec<Box<RawValue>>, Failure> {
    response.json().map_err(|error| errors::unreadable(response, asked, error))
}
