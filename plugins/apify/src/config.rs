//! What a node says it wants.

use blockyard_sdk::Failure;
use blockyard_sdk::items::OnItemError;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::input::UseItem;
use crate::instagram::Instagram;
use crate::options::{ItemOptions, RunOptions};

/// What to do, by `operation`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "operation", rename_all = "camelCase")]
pub enum Config {
    /// Run an Actor and wait for its dataset items in one request, for at most 300 seconds.
    RunSync(RunSync),
    /// Start an Actor, wait for it by polling for as long as it takes, then page through its dataset.
    Run(Run),
    /// Page through an existing dataset.
    DatasetItems(DatasetItems),
    /// Run the Instagram scraper over profiles, posts, hashtags, places or a search.
    Instagram(Instagram),
}

/// The operation `runSync`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RunSync {
    /// The Actor: its id, or `owner/name`, or `owner~name`.
    #[schemars(length(min = 1))]
    pub(crate) actor_id: String,
    /// The Actor's input, as far as it is the same for every run. `useItem` says what the node's input does to it.
    #[serde(default)]
    pub(crate) input: Map<String, Value>,
    /// What an item of the node's input is for the Actor.
    #[serde(default)]
    pub(crate) use_item: UseItem,
    /// How the Actor runs.
    #[serde(default)]
    pub(crate) run_options: RunOptions,
    /// Which part of the dataset is given, and in which shape.
    #[serde(default)]
    pub(crate) item_options: ItemOptions,
    /// At most this many dataset items of each run.
    #[serde(default = "limit")]
    #[schemars(range(min = 1, max = 100_000))]
    pub(crate) limit: u64,
    /// For a list of items: how many runs at once.
    #[serde(default = "concurrency")]
    #[schemars(range(min = 1, max = 32))]
    pub(crate) concurrency: usize,
    /// For a list of items: what the failure of one of the runs does.
    #[serde(default)]
    pub(crate) on_item_error: OnItemError,
    /// The API's base URL with the version path, for proxies.
    #[serde(default = "base_url")]
    pub(crate) base_url: String,
}

/// The operation `run`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Run {
    /// The Actor: its id, or `owner/name`, or `owner~name`.
    #[schemars(length(min = 1))]
    pub(crate) actor_id: String,
    /// The Actor's input, as far as it is the same for every run. `useItem` says what the node's input does to it.
    #[serde(default)]
    pub(crate) input: Map<String, Value>,
    /// What an item of the node's input is for the Actor.
    #[serde(default)]
    pub(crate) use_item: UseItem,
    /// How the Actor runs.
    #[serde(default)]
    pub(crate) run_options: RunOptions,
    /// Which part of the dataset is given, and in which shape.
    #[serde(default)]
    pub(crate) item_options: ItemOptions,
    /// At most this many dataset items of each run.
    #[serde(default = "limit")]
    #[schemars(range(min = 1, max = 100_000))]
    pub(crate) limit: u64,
    /// Give up after waiting about this many seconds for a run; the run itself goes on.
    #[serde(default = "max_wait_secs")]
    #[schemars(range(min = 1, max = 2_592_000))]
    pub(crate) max_wait_secs: u64,
    /// For a list of items: how many requests at once. All runs are started before the first is waited for.
    #[serde(default = "concurrency")]
    #[schemars(range(min = 1, max = 32))]
    pub(crate) concurrency: usize,
    /// For a list of items: what the failure of one of the runs does. With `fail` the other runs go on at the vendor.
    #[serde(default)]
    pub(crate) on_item_error: OnItemError,
    /// The API's base URL with the version path, for proxies.
    #[serde(default = "base_url")]
    pub(crate) base_url: String,
}

/// The operation `datasetItems`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DatasetItems {
    /// The dataset: its id, or `owner/name`, or `owner~name`. Without it, the `datasetId` of each input item.
    #[serde(default)]
    pub(crate) dataset_id: Option<String>,
    /// Which part of the dataset is given, and in which shape.
    #[serde(default)]
    pub(crate) item_options: ItemOptions,
    /// Skip this many items at the start of the dataset.
    #[serde(default)]
    pub(crate) offset: u64,
    /// At most this many items of each dataset.
    #[serde(default = "limit")]
    #[schemars(range(min = 1, max = 100_000))]
    pub(crate) limit: u64,
    /// For a list of datasets: how many requests at once.
    #[serde(default = "concurrency")]
    #[schemars(range(min = 1, max = 32))]
    pub(crate) concurrency: usize,
    /// For a list of datasets: what the failure of one of them does.
    #[serde(default)]
    pub(crate) on_item_error: OnItemError,
    /// The API's base URL with the version path, for proxies.
    #[serde(default = "base_url")]
    pub(crate) base_url: String,
}

pub(crate) fn base_url() -> String {
    "https://api.apify.com/v2".to_owned()
}

pub(crate) fn limit() -> u64 {
    1_000
}

pub(crate) fn max_wait_secs() -> u64 {
    3_600
}

fn concurrency() -> usize {
    8
}

/// The id as it stands in a path: the vendor wants `owner~name`, people write `owner/name`.
pub(crate) fn resource_id(id: &str, wrong: impl FnOnce(&str) -> Failure) -> Result<String, Failure> {
    let id = id.trim().replacen('/', "~", 1);
    let odd = |character: char| character == '/' || character.is_whitespace() || character.is_control();
    if id.is_empty() || id == "~" || id.contains(odd) {
        return Err(wrong("it is neither an id nor `owner/name`"));
    }
    Ok(id)
}

/// The highest `limit`, also where the schema was not checked.
pub(crate) fn checked_limit(limit: u64) -> Result<u64, Failure> {
    match limit {
        1..=100_000 => Ok(limit),
        _ => Err(Failure::invalid_config("/limit", "it is not from 1 to 100000")),
    }
}
