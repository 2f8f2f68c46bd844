//! The operation `instagram`: the Actor `apify/instagram-scraper` with its input spelled out.
//!
//! The Actor reports a URL that gives nothing as an item with `error` while the run succeeds; such items leave through
//! a port of their own.

use blockyard_sdk::items::{self, OneOrMany, Options};
use blockyard_sdk::{Context, Failure, Outcome, RawJson};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use crate::config::{base_url, checked_limit, limit, max_wait_secs, resource_id};
use crate::dataset::Listing;
use crate::options::{ItemOptions, RunOptions};
use crate::run::Runs;
use crate::{Api, Scraped, input};

/// Comments of one post that the Actor gives at most.
const MAX_COMMENTS: u64 = 50;
/// Instagram's longest username.
const MAX_USERNAME: usize = 30;

/// The operation `instagram`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Instagram {
    /// URLs of profiles, posts, hashtags, places or reels, or usernames. They are scraped together with those of the
    /// input. Not together with `search`.
    #[serde(default)]
    direct_urls: Vec<String>,
    /// The field of an input item that holds a username (with or without `@`), a URL, or a list of them. An item that
    /// is a string is taken itself; an item without the field is passed over.
    #[serde(default = "username_field")]
    username_field: String,
    /// Look for profiles, hashtags or places instead of scraping URLs; the input is then not looked at.
    #[serde(default)]
    search: Option<String>,
    /// What `search` looks for; the Actor's default is `hashtag`.
    #[serde(default)]
    search_type: Option<SearchType>,
    /// How many search results are scraped.
    #[serde(default)]
    #[schemars(range(min = 1, max = 250))]
    search_limit: Option<u32>,
    /// What to scrape. `comments` needs URLs of posts.
    #[serde(default)]
    results_type: ResultsType,
    /// At most this many results for each URL; for comments at most 50.
    #[serde(default)]
    #[schemars(range(min = 1))]
    results_limit: Option<u64>,
    /// Only posts after a day (`2026-01-31`), an ISO time, or within a span such as `2 days` or `3 months`; UTC.
    #[serde(default)]
    only_posts_newer_than: Option<String>,
    /// Add data about the source (such as the profile) to each item.
    #[serde(default)]
    add_parent_data: bool,
    /// The Actor, for a copy of one's own: its id or `owner/name`.
    #[serde(default = "actor_id")]
    actor_id: String,
    /// How the Actor runs.
    #[serde(default)]
    run_options: RunOptions,
    /// At most this many items of the dataset, failed ones included.
    #[serde(default = "limit")]
    #[schemars(range(min = 1, max = 100_000))]
    limit: u64,
    /// Give up after waiting about this many seconds for the run; the run itself goes on.
    #[serde(default = "max_wait_secs")]
    #[schemars(range(min = 1, max = 2_592_000))]
    max_wait_secs: u64,
    /// The API's base URL with the version path, for proxies.
    #[serde(default = "base_url")]
    base_url: String,
}

fn username_field() -> String {
    "username".to_owned()
}

fn actor_id() -> String {
    "apify/instagram-scraper".to_owned()
}

/// What to scrape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ResultsType {
    /// Posts of a profile, hashtag or place.
    #[default]
    Posts,
    /// Comments on posts.
    Comments,
    /// The profile, post, hashtag or place itself.
    Details,
    /// Posts in which a profile is mentioned.
    Mentions,
    /// Reels of a profile.
    Reels,
    /// Stories; the Actor calls this deprecated.
    Stories,
}

/// What a search looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum SearchType {
    /// Profiles.
    User,
    /// Hashtags.
    Hashtag,
    /// Places.
    Place,
}

/// The Actor's input.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ActorInput<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    direct_urls: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    search: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    search_type: Option<SearchType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    search_limit: Option<u32>,
    results_type: ResultsType,
    #[serde(skip_serializing_if = "Option::is_none")]
    results_limit: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    only_posts_newer_than: Option<&'a str>,
    add_parent_data: bool,
}

pub(crate) fn execute(config: &Instagram, text: &str, context: &Context) -> Result<Outcome<Scraped>, Failure> {
    config.run_options.check()?;
    config.check()?;
    let given = input::items(text)?;
    if config.search.is_none() && config.direct_urls.is_empty() && given.is_many() && given.as_slice().is_empty() {
        return Ok(Outcome::done(Scraped { output: Some(RawJson::new("[]")), failed: None }));
    }
    let actor_input = to_raw_value(&config.actor_input(&given)?)?;
    let whole = ItemOptions::default();
    let listing = Listing { options: &whole, limit: checked_limit(config.limit)? };
    let actor = resource_id(&config.actor_id, |message| Failure::invalid_config("/actorId", message))?;
    let api = Api::new(&config.base_url)?;
    let task = Runs::single(api, actor, &config.run_options, listing, config.max_wait_secs);
    let options = Options { label: "scrapes finished", ..Options::default() };
    Ok(match items::run(&task, &OneOrMany::One(actor_input), &options, context)? {
        Outcome::Suspend { after_ms, state } => Outcome::Suspend { after_ms, state },
        Outcome::Done { output, metadata } => Outcome::Done { output: split(output)?, metadata },
    })
}

impl Instagram {
    /// What the schema does not say, and what it does where it was not checked.
    fn check(&self) -> Result<(), Failure> {
        let wrong = |pointer: &str, message: &str| Err(Failure::invalid_config(pointer, message));
        if self.search.as_ref().is_some_and(|search| search.trim().is_empty()) {
            return wrong("/search", "it is empty");
        }
        if self.search.is_some() && !self.direct_urls.is_empty() {
            return wrong("/search", "it cannot stand beside `directUrls`");
        }
        if self.search.is_none() && self.search_type.is_some() {
            return wrong("/searchType", "there is no `search`");
        }
        if self.search.is_none() && self.search_limit.is_some() {
            return wrong("/searchLimit", "there is no `search`");
        }
        if self.search_limit.is_some_and(|limit| !(1..=250).contains(&limit)) {
            return wrong("/searchLimit", "it is not from 1 to 250");
        }
        if self.only_posts_newer_than.as_ref().is_some_and(|span| span.trim().is_empty()) {
            return wrong("/onlyPostsNewerThan", "it is empty");
        }
        let comments = self.results_type == ResultsType::Comments;
        if comments && self.search.is_some() {
            return wrong("/resultsType", "comments are scraped from URLs of posts, not from a search");
        }
        match self.results_limit {
            Some(0) => wrong("/resultsLimit", "it is 0"),
            Some(limit) if comments && limit > MAX_COMMENTS => {
                wrong("/resultsLimit", "the Actor gives at most 50 comments of a post")
            }
            _ => Ok(()),
        }
    }

    fn actor_input(&self, given: &OneOrMany<Box<RawValue>>) -> Result<ActorInput<'_>, Failure> {
        let direct_urls = if self.search.is_some() { Vec::new() } else { self.urls(given)? };
        Ok(ActorInput {
            direct_urls,
            search: self.search.as_deref(),
            search_type: self.search_type,
            search_limit: self.search_limit,
            results_type: self.results_type,
            results_limit: self.results_limit,
            only_posts_newer_than: self.only_posts_newer_than.as_deref(),
            add_parent_data: self.add_parent_data,
        })
    }

    /// The URLs of the config and of all items, each once: the Actor refuses duplicates.
    fn urls(&self, given: &OneOrMany<Box<RawValue>>) -> Result<Vec<String>, Failure> {
        let mut urls = Vec::new();
        for (index, target) in self.direct_urls.iter().enumerate() {
            let pointer = format!("/directUrls/{index}");
            urls.push(self.url(target).map_err(|message| Failure::invalid_config(pointer, message))?);
        }
        for (index, item) in given.as_slice().iter().enumerate() {
            let pointer = if given.is_many() { format!("/{index}") } else { String::new() };
            self.item_urls(&pointer, item, &mut urls)?;
        }
        let mut known = std::collections::HashSet::new();
        urls.retain(|url| known.insert(url.clone()));
        if urls.is_empty() {
            let pointer = if given.is_many() { "/0" } else { "" };
            let message = "neither it nor the config names a profile or URL, and there is no `search`";
            return Err(Failure::invalid_input(format!("{pointer}/{}", self.username_field), message));
        }
        Ok(urls)
    }

    fn item_urls(&self, pointer: &str, item: &RawValue, urls: &mut Vec<String>) -> Result<(), Failure> {
        let item: Value = serde_json::from_str(item.get())?;
        let (pointer, value) = match &item {
            Value::Object(fields) => {
                (format!("{pointer}/{}", self.username_field), fields.get(&self.username_field).unwrap_or(&Value::Null))
            }
            other => (pointer.to_owned(), other),
        };
        let one = |pointer: &str, value: &Value| match value {
            Value::String(target) => {
                self.url(target).map_err(|message| Failure::invalid_input(pointer.to_owned(), message))
            }
            _ => Err(Failure::invalid_input(pointer.to_owned(), "it is no username or URL")),
        };
        match value {
            Value::Null => {}
            Value::Array(list) => {
                for (index, value) in list.iter().enumerate() {
                    urls.push(one(&format!("{pointer}/{index}"), value)?);
                }
            }
            value => urls.push(one(&pointer, value)?),
        }
        Ok(())
    }

    /// A URL as it is, a username as its profile's URL.
    fn url(&self, target: &str) -> Result<String, &'static str> {
        let target = target.trim();
        let url = if target.starts_with("https://") || target.starts_with("http://") {
            target.to_owned()
        } else if target.starts_with("instagram.com/") || target.starts_with("www.instagram.com/") {
            format!("https://{target}")
        } else {
            let name = target.strip_prefix('@').unwrap_or(target);
            let fits = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '_';
            if name.is_empty() || name.len() > MAX_USERNAME || !name.chars().all(fits) {
                return Err("it is neither a URL nor an Instagram username");
            }
            format!("https://www.instagram.com/{name}/")
        };
        let is_post = ["/p/", "/reel/", "/reels/", "/tv/"].iter().any(|part| url.contains(part));
        if self.results_type == ResultsType::Comments && !is_post {
            return Err("comments are scraped from URLs of posts");
        }
        Ok(url)
    }
}

/// Failures that came as items go through their own port.
fn split(output: RawJson) -> Result<Scraped, Failure> {
    let all: Vec<Box<RawValue>> = serde_json::from_str(output.get())?;
    let (failed, found): (Vec<_>, Vec<_>) = all.into_iter().partition(|item| is_failure(item));
    let list = |items: &Vec<Box<RawValue>>| serde_json::to_string(items).map(RawJson::new);
    let failed = if failed.is_empty() { None } else { Some(list(&failed)?) };
    Ok(Scraped { output: Some(list(&found)?), failed })
}

fn is_failure(item: &RawValue) -> bool {
    #[derive(Deserialize)]
    struct Probe {
        #[serde(default)]
        error: Value,
    }
    let error = serde_json::from_str::<Probe>(item.get()).map(|probe| probe.error).unwrap_or_default();
    !matches!(&error, Value::Null | Value::Bool(false)) && error.as_str() != Some("")
}
