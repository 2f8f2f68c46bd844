//! Query parameters of runs and of dataset items.

use blockyard_sdk::Failure;
use blockyard_sdk::http::Request;
use schemars::JsonSchema;
use serde::Deserialize;

/// How an Actor runs; what is not given is as the Actor's owner set it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct RunOptions {
    /// The run is stopped after this many seconds; 0 is no limit.
    pub(crate) timeout_secs: Option<u32>,
    /// Memory of the run in megabytes: a power of 2, at least 128.
    #[schemars(range(min = 128))]
    pub(crate) memory_mbytes: Option<u32>,
    /// Tag or number of the Actor's build, such as `latest` or `0.1.234`.
    pub(crate) build: Option<String>,
    /// Actors that are paid per result: charge at most this many items. The Actor may give more.
    pub(crate) max_items: Option<u64>,
    /// Charge at most this many US dollars for the run.
    #[schemars(range(min = 0))]
    pub(crate) max_total_charge_usd: Option<f64>,
    /// Restart the run if it fails.
    pub(crate) restart_on_error: Option<bool>,
}

impl RunOptions {
    pub(crate) fn check(&self) -> Result<(), Failure> {
        match self.memory_mbytes {
            Some(memory) if memory < 128 || !memory.is_power_of_two() => {
                Err(Failure::invalid_config("/runOptions/memoryMbytes", "it is no power of 2 from 128"))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn apply(&self, request: Request) -> Request {
        request
            .query_if("timeout", self.timeout_secs)
            .query_if("memory", self.memory_mbytes)
            .query_if("build", self.build.as_deref())
            .query_if("maxItems", self.max_items)
            .query_if("maxTotalChargeUsd", self.max_total_charge_usd)
            .query_if("restartOnError", self.restart_on_error)
    }
}

/// Which part of a dataset is given, and in which shape.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ItemOptions {
    /// Leave out empty items, and fields whose name begins with `#`: `skipEmpty` and `skipHidden` in one.
    pub(crate) clean: bool,
    /// Leave out empty items.
    pub(crate) skip_empty: bool,
    /// Leave out fields whose name begins with `#`.
    pub(crate) skip_hidden: bool,
    /// Only these fields, in this order.
    pub(crate) fields: Vec<String>,
    /// New names for `fields`, by position; as many as there are fields.
    pub(crate) output_fields: Vec<String>,
    /// Not these fields.
    pub(crate) omit: Vec<String>,
    /// Make an item of each element of these fields.
    pub(crate) unwind: Vec<String>,
    /// Turn nested objects in these fields into `outer.inner` keys.
    pub(crate) flatten: Vec<String>,
    /// Newest first.
    pub(crate) desc: bool,
    /// The view of the dataset's schema to apply.
    pub(crate) view: Option<String>,
}

impl ItemOptions {
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if !self.output_fields.is_empty() && self.output_fields.len() != self.fields.len() {
            let message = format!("it has {} names for {} fields", self.output_fields.len(), self.fields.len());
            return Err(Failure::invalid_config("/itemOptions/outputFields", message));
        }
        Ok(())
    }

    /// Whether a page may hold another number of items than were counted for it.
    pub(crate) fn reshapes(&self) -> bool {
        self.clean || self.skip_empty || !self.unwind.is_empty() || self.view.is_some()
    }

    pub(crate) fn apply(&self, request: Request) -> Request {
        let list = |names: &Vec<String>| (!names.is_empty()).then(|| names.join(","));
        let flag = |is_set: bool| is_set.then_some(true);
        request
            .query_if("clean", flag(self.clean))
            .query_if("skipEmpty", flag(self.skip_empty))
            .query_if("skipHidden", flag(self.skip_hidden))
            .query_if("fields", list(&self.fields))
            .query_if("outputFields", list(&self.output_fields))
            .query_if("omit", list(&self.omit))
            .query_if("unwind", list(&self.unwind))
            .query_if("flatten", list(&self.flatten))
            .query_if("desc", flag(self.desc))
            .query_if("view", self.view.as_deref())
    }
}
