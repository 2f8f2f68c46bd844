//! Sends prepared calls and reads what comes back.

use blockyard_sdk::http::{Error, Request, Response};
use blockyard_sdk::items::{Step, Task};
use blockyard_sdk::secrets::{self, Secret};
use blockyard_sdk::{Context, Failure};
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

use crate::prepared::{Paging, Prepared, Shape, list};
use crate::{SECRET, URL, errors};

/// Where the calls go, and the key that goes with them.
#[derive(Debug)]
pub(crate) struct Calls {
    base: String,
    key: Secret,
    bearer: bool,
}

impl Calls {
    /// `base_url` is the full base with its path; without it, the setting and `/rest/v1`.
    pub(crate) fn new(base_url: Option<&str>, bearer: bool, context: &Context) -> Result<Self, Failure> {
        let base = match base_url {
            Some(base) => base.trim().trim_end_matches('/').to_owned(),
            None => {
                let Some(project) = context.setting::<String>(URL)? else {
                    let message = format!("neither it nor the setting `{URL}` is there");
                    return Err(Failure::invalid_config("/baseUrl", message));
                };
                let project = project.trim().trim_end_matches('/');
                format!("{}/rest/v1", project.strip_suffix("/rest/v1").unwrap_or(project))
            }
        };
        if !(base.starts_with("https://") || base.starts_with("http://")) || base.contains(['?', '#']) {
            return Err(Failure::invalid_config("/baseUrl", "it is no http(s) URL without a query"));
        }
        Ok(Self { base, key: secrets::get(SECRET)?, bearer })
    }
}

/// How far the reading of pages has come.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Pages {
    /// Rows that were asked for already.
    read: u64,
    rows: Vec<Box<RawValue>>,
}

/// The metadata.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Totals {
    /// Rows that were read, written or touched, as far as the server says.
    pub(crate) rows: u64,
    /// With `count`: all rows that meet the filters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
}

type Next = Result<Step<Pages, Box<RawValue>>, Failure>;

impl Task for Calls {
    type Item = Prepared;
    type State = Pages;
    type Result = Box<RawValue>;
    type Totals = Totals;

    fn request(&self, _: usize, call: &Prepared, pages: &Pages) -> Result<Request, Failure> {
        let mut request = call.request(&self.base).secret_header("apikey", &self.key);
        if self.bearer {
            request = request.bearer(&self.key);
        }
        if let Shape::Pages(paging) = call.shape {
            let offset = paging.offset.saturating_add(pages.read);
            request = request.query("limit", page_size(&paging, pages)).query("offset", offset);
        }
        Ok(request)
    }

    fn answer(&self, _: usize, call: &Prepared, pages: Pages, response: Response, totals: &mut Totals) -> Next {
        match call.shape {
            Shape::Pages(_) if errors::is_past_the_end(&response) => return done(pages.rows, totals),
            _ if !response.is_success() => return Err(errors::failure(&response, call.repeatable)),
            _ => {}
        }
        match call.shape {
            Shape::Pages(paging) => paged(&paging, pages, &response, totals),
            Shape::Rows => done(response.json()?, totals),
            Shape::Row => {
                let row: Box<RawValue> = response.json()?;
                if !row.get().starts_with('{') {
                    return Err(response.unexpected("the answer is no row"));
                }
                totals.rows = totals.rows.saturating_add(1);
                Ok(Step::Done(row))
            }
            Shape::Written(rows) => {
                totals.rows = totals.rows.saturating_add(rows as u64);
                Ok(Step::Done(to_raw_value(&json!({ "written": rows }))?))
            }
            Shape::Affected => {
                let count = total(&response);
                totals.rows = totals.rows.saturating_add(count.unwrap_or(0));
                Ok(Step::Done(to_raw_value(&json!({ "count": count }))?))
            }
            Shape::Value if response.body().is_empty() => Ok(Step::Done(to_raw_value(&())?)),
            Shape::Value => Ok(Step::Done(response.json()?)),
        }
    }

    fn lost(&self, _: usize, call: &Prepared, _: &Pages, error: Error) -> Failure {
        errors::lost(error, call.repeatable)
    }
}

fn page_size(paging: &Paging, pages: &Pages) -> u64 {
    paging.limit.saturating_sub(pages.rows.len() as u64).clamp(1, paging.page_size)
}

/// A page. It is the last if it is short, or where an exact total says so: a server may give less than was asked for.
fn paged(paging: &Paging, mut pages: Pages, response: &Response, totals: &mut Totals) -> Next {
    let asked = page_size(paging, &pages);
    let rows: Vec<Box<RawValue>> = response.json()?;
    let count = rows.len() as u64;
    let total = total(response);
    if pages.read == 0
        && let Some(total) = total
    {
        totals.total = Some(totals.total.unwrap_or(0).saturating_add(total));
    }
    pages.read = pages.read.saturating_add(count);
    pages.rows.extend(rows);
    let ended = count == 0
        || match total {
            Some(total) if paging.exact => paging.offset.saturating_add(pages.read) >= total,
            _ => count < asked,
        };
    if ended || pages.rows.len() as u64 >= paging.limit {
        pages.rows.truncate(usize::try_from(paging.limit).unwrap_or(usize::MAX));
        return done(pages.rows, totals);
    }
    Ok(Step::Next(pages))
}

fn done(rows: Vec<Box<RawValue>>, totals: &mut Totals) -> Next {
    totals.rows = totals.rows.saturating_add(rows.len() as u64);
    Ok(Step::Done(RawValue::from_string(list(rows.iter().map(|row| &**row)))?))
}

/// The total in `Content-Range: 0-19/345`; with `*` there is none.
fn total(response: &Response) -> Option<u64> {
    response.header("content-range")?.rsplit_once('/')?.1.trim().parse().ok()
}
