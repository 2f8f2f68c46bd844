//! The operation `run`: start, poll, page through the dataset.
//!
//! The run's id goes into the state right after the start, so that a restart of the host goes on waiting for the same
//! run instead of starting, and paying for, another.

use blockyard_sdk::http::{Error, Request, Response};
use blockyard_sdk::items::{OneOrMany, Options, Step, Task};
use blockyard_sdk::{Context, Failure, Outcome};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::config::{Run, checked_limit, resource_id};
use crate::dataset::{Listing, Paged, Pages};
use crate::errors::{self, Asked};
use crate::options::RunOptions;
use crate::{Api, Scraped, input, through};

/// How long one poll waits at the vendor; it allows 60 s.
const POLL_SECS: u64 = 20;
/// What the network may add to that.
const POLL_SLACK_MS: u64 = 20_000;
/// The first pause between polls; it doubles up to the last.
const FIRST_PAUSE_MS: u64 = 1_000;
const LAST_PAUSE_MS: u64 = 15_000;
/// A run that was just started may be unknown for a moment; the vendor's clients allow 3 s.
const UNKNOWN_POLLS: u32 = 5;
/// Polls in a row that may fail before the node fails.
const BAD_POLLS: u32 = 6;

pub(crate) fn execute(config: &Run, text: &str, context: &Context) -> Result<Outcome<Scraped>, Failure> {
    config.run_options.check()?;
    config.item_options.check()?;
    let inputs = input::actor_inputs(&config.input, config.use_item, text)?;
    let task = Runs {
        actor: resource_id(&config.actor_id, |message| Failure::invalid_config("/actorId", message))?,
        options: &config.run_options,
        listing: Listing { options: &config.item_options, limit: checked_limit(config.limit)? },
        max_wait_ms: config.max_wait_secs.saturating_mul(1_000),
        poll_secs: poll_secs(&inputs, config.concurrency),
        api: Api::new(&config.base_url)?,
    };
    let options =
        Options { concurrency: config.concurrency, on_item_error: config.on_item_error, label: "Actors finished" };
    through(&task, &inputs, &options, context)
}

/// Many polls after one another must fit into one call, so they do not wait.
fn poll_secs<T>(inputs: &OneOrMany<T>, concurrency: usize) -> u64 {
    if inputs.as_slice().len() <= concurrency { POLL_SECS } else { 0 }
}

/// Runs of one Actor.
#[derive(Debug)]
pub(crate) struct Runs<'a> {
    pub(crate) api: Api,
    pub(crate) actor: String,
    pub(crate) options: &'a RunOptions,
    pub(crate) listing: Listing<'a>,
    pub(crate) max_wait_ms: u64,
    pub(crate) poll_secs: u64,
}

impl<'a> Runs<'a> {
    /// For a single run.
    pub(crate) fn single(
        api: Api,
        actor: String,
        options: &'a RunOptions,
        listing: Listing<'a>,
        wait_secs: u64,
    ) -> Self {
        Self { api, actor, options, listing, max_wait_ms: wait_secs.saturating_mul(1_000), poll_secs: POLL_SECS }
    }
}

/// The metadata.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Totals {
    /// Dataset items that were given.
    pub(crate) results: u64,
    /// The runs that were started.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) run_ids: Vec<String>,
    /// What they cost so far as the vendor says, which may lag some seconds behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) usage_total_usd: Option<f64>,
}

/// Where a run stands; without an id it was not started.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Progress {
    run_id: Option<String>,
    /// Polls that were answered with the run.
    polls: u32,
    /// Polls in a row that were not.
    bad_polls: u32,
    waited_ms: u64,
    dataset_id: Option<String>,
    /// Set once the run has succeeded.
    pages: Option<Pages>,
}

#[derive(Debug, Deserialize)]
struct Enveloped {
    data: RunObject,
}

/// What is needed of the vendor's Run. What may be missing is read leniently: a run that was started is not lost for a
/// figure of another type.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RunObject {
    id: String,
    status: String,
    #[serde(default)]
    status_message: Value,
    #[serde(default)]
    default_dataset_id: Value,
    #[serde(default)]
    exit_code: Value,
    #[serde(default)]
    usage_total_usd: Value,
}

type Next = Result<Step<Progress, Vec<Box<RawValue>>>, Failure>;

impl Task for Runs<'_> {
    type Item = Box<RawValue>;
    type State = Progress;
    type Result = Vec<Box<RawValue>>;
    type Totals = Totals;

    fn request(&self, _: usize, input: &Box<RawValue>, state: &Progress) -> Result<Request, Failure> {
        Ok(match (&state.run_id, &state.pages) {
            (None, _) => self.options.apply(self.api.post(&["actors", &self.actor, "runs"], input.get())),
            (Some(run), None) => {
                let timeout_ms = self.poll_secs.saturating_mul(1_000).saturating_add(POLL_SLACK_MS);
                self.api
                    .get(&["actor-runs", run])
                    .query("waitForFinish", self.poll_secs)
                    .timeout_ms(u32::try_from(timeout_ms).unwrap_or(u32::MAX))
            }
            (Some(run), Some(pages)) => {
                let request = match &state.dataset_id {
                    Some(dataset) => self.api.get(&["datasets", dataset, "items"]),
                    None => self.api.get(&["actor-runs", run, "dataset", "items"]),
                };
                self.listing.page(request, pages)
            }
        })
    }

    fn answer(&self, _: usize, _: &Box<RawValue>, state: Progress, response: Response, totals: &mut Totals) -> Next {
        let Some(run_id) = state.run_id.clone() else { return self.started(response, totals) };
        let step = match state.pages.clone() {
            None => self.polled(state, response, totals),
            Some(pages) => self.listing.take(pages, response).map(|paged| match paged {
                Paged::More(pages) => Step::Next(Progress { pages: Some(pages), ..state }),
                Paged::All(found) => {
                    totals.results = totals.results.saturating_add(found.len() as u64);
                    Step::Done(found)
                }
            }),
        };
        step.map_err(|failure| failure.detail("runId", run_id))
    }

    fn lost(&self, _: usize, _: &Box<RawValue>, state: &Progress, error: Error) -> Failure {
        match &state.run_id {
            None => errors::lost_start(error),
            Some(run_id) => Failure::from(error).detail("runId", run_id.as_str()),
        }
    }
}

impl Runs<'_> {
    fn started(&self, response: Response, totals: &mut Totals) -> Next {
        let response = errors::success(response, Asked::Start)?;
        let Enveloped { data: run } =
            response.json().map_err(|error| errors::unreadable(&response, Asked::Start, error))?;
        totals.run_ids.push(run.id.clone());
        let id = run.id.clone();
        let state = Progress { run_id: Some(id.clone()), ..Progress::default() };
        self.judged(state, &run, totals).map_err(|failure| failure.detail("runId", id))
    }

    fn polled(&self, mut state: Progress, response: Response, totals: &mut Totals) -> Next {
        let unknown = response.status() == 404 && state.polls == 0 && state.bad_polls < UNKNOWN_POLLS;
        let failure = match errors::success(response, Asked::Read) {
            Ok(response) => {
                let Enveloped { data: run } =
                    response.json().map_err(|error| errors::unreadable(&response, Asked::Read, error))?;
                state.bad_polls = 0;
                state.polls = state.polls.saturating_add(1);
                state.waited_ms = state.waited_ms.saturating_add(self.poll_secs.saturating_mul(1_000));
                return self.judged(state, &run, totals);
            }
            Err(failure) => failure,
        };
        if !unknown && (!failure.is_retryable() || state.bad_polls >= BAD_POLLS) {
            return Err(failure);
        }
        // The run goes on, whatever became of a poll: failing here would throw away what it costs.
        let asked_ms = failure.retry_hint().and_then(|hint| hint.after_ms).unwrap_or(0);
        let pause_ms = if unknown { FIRST_PAUSE_MS } else { pause_ms(state.bad_polls) };
        state.bad_polls = state.bad_polls.saturating_add(1);
        self.wait(state, asked_ms.max(pause_ms))
    }

    /// What the run's status leads to. One that is not known is taken for one on the way.
    fn judged(&self, mut state: Progress, run: &RunObject, totals: &mut Totals) -> Next {
        let code = match run.status.as_str() {
            "SUCCEEDED" => {
                add_usage(run, totals);
                state.dataset_id = run.default_dataset_id.as_str().map(ToOwned::to_owned);
                state.pages = Some(Pages::default());
                return Ok(Step::Next(state));
            }
            "FAILED" => errors::RUN_FAILED,
            "TIMED-OUT" => errors::RUN_TIMEOUT,
            "ABORTED" => errors::RUN_ABORTED,
            _ => {
                let after_ms = pause_ms(state.polls);
                return self.wait(state, after_ms);
            }
        };
        add_usage(run, totals);
        let message = run.status_message.as_str().filter(|message| !message.is_empty());
        let message = message.map_or_else(|| format!("the run ended as {}", run.status), errors::cut);
        Err(Failure::new(code, message)
            .detail("runStatus", run.status.as_str())
            .detail("exitCode", run.exit_code.clone())
            .detail("datasetId", run.default_dataset_id.clone()))
    }

    fn wait(&self, mut state: Progress, after_ms: u64) -> Next {
        if state.waited_ms >= self.max_wait_ms {
            let message = format!("the run is not finished after {} s; it goes on", state.waited_ms / 1_000);
            return Err(Failure::new(errors::WAIT_EXCEEDED, message));
        }
        state.waited_ms = state.waited_ms.saturating_add(after_ms);
        Ok(Step::Wait { state, after_ms })
    }
}

fn pause_ms(polls: u32) -> u64 {
    (FIRST_PAUSE_MS << polls.min(4)).min(LAST_PAUSE_MS)
}

fn add_usage(run: &RunObject, totals: &mut Totals) {
    if let Some(usd) = run.usage_total_usd.as_f64() {
        totals.usage_total_usd = Some(totals.usage_total_usd.unwrap_or(0.0) + usd);
    }
}
