//! The operation `runSync`: one request that starts the Actor, waits for it and gives its items.

use blockyard_sdk::http::{Error, Request, Response};
use blockyard_sdk::items::{Options, Step, Task};
use blockyard_sdk::{Context, Failure, Outcome};
use serde_json::value::RawValue;

use crate::config::{RunSync, checked_limit, resource_id};
use crate::errors::{self, Asked};
use crate::{Api, Scraped, dataset, input, run, through};

/// The vendor waits 300 s; its own clients wait 360 s.
const TIMEOUT_MS: u32 = 360_000;

pub(crate) fn execute(config: &RunSync, text: &str, context: &Context) -> Result<Outcome<Scraped>, Failure> {
    config.run_options.check()?;
    config.item_options.check()?;
    let task = Sync {
        actor: resource_id(&config.actor_id, |message| Failure::invalid_config("/actorId", message))?,
        limit: checked_limit(config.limit)?,
        api: Api::new(&config.base_url)?,
        config,
    };
    let inputs = input::actor_inputs(&config.input, config.use_item, text)?;
    let options =
        Options { concurrency: config.concurrency, on_item_error: config.on_item_error, label: "Actors finished" };
    through(&task, &inputs, &options, context)
}

struct Sync<'a> {
    api: Api,
    actor: String,
    limit: u64,
    config: &'a RunSync,
}

impl Task for Sync<'_> {
    type Item = Box<RawValue>;
    type State = ();
    type Result = Vec<Box<RawValue>>;
    type Totals = run::Totals;

    fn request(&self, _: usize, input: &Box<RawValue>, (): &()) -> Result<Request, Failure> {
        let request = self.api.post(&["actors", &self.actor, "run-sync-get-dataset-items"], input.get());
        let request = self.config.item_options.apply(self.config.run_options.apply(request));
        Ok(request.query("limit", self.limit).timeout_ms(TIMEOUT_MS))
    }

    fn answer(
        &self,
        _: usize,
        _: &Box<RawValue>,
        (): (),
        response: Response,
        totals: &mut run::Totals,
    ) -> Result<Step<(), Self::Result>, Failure> {
        let mut found = dataset::read(&errors::success(response, Asked::Sync)?, Asked::Sync)?;
        found.truncate(usize::try_from(self.limit).unwrap_or(usize::MAX));
        totals.results = totals.results.saturating_add(found.len() as u64);
        Ok(Step::Done(found))
    }

    fn lost(&self, _: usize, _: &Box<RawValue>, (): &(), error: Error) -> Failure {
        errors::lost_start(error)
    }
}
