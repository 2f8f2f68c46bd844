//! Flags for the job processor.

use std::time::Duration;

use clap::Args;

use super::Usage;
use super::settings::set;
use crate::config::{JobsConfig, WEBHOOK_QUEUE, WORKFLOW_QUEUE};

/// Longest name of a queue.
const MAX_NAME: usize = 64;

/// Queues, leases, and how long jobs are kept.
#[derive(Debug, Args)]
#[command(next_help_heading = "Jobs")]
pub(super) struct Jobs {
    /// The queues that there are, besides `workflow` and `webhooks`; may be given several times
    /// [default: default,search,upload,workflow,webhooks]
    #[arg(id = "job_queues", long = "queues", env = "BLOCKYARD_QUEUES", value_name = "NAME", value_delimiter = ',', value_parser = queue)]
    queues: Vec<String>,
    /// Jobs of a queue at work at once, in all processes: `search=4`; may be given several times [default: no limit]
    #[arg(id = "job_queue_concurrency", long = "queue-concurrency", env = "BLOCKYARD_QUEUE_CONCURRENCY", value_name = "NAME=N", value_delimiter = ',', value_parser = queue_limit)]
    queue_concurrency: Vec<(String, u32)>,
    /// Jobs of one user at work at once, in all processes [default: no limit]
    #[arg(id = "job_user_concurrency", long = "user-concurrency", env = "BLOCKYARD_USER_CONCURRENCY", value_name = "N", value_parser = limit)]
    user_concurrency: Option<u32>,
    /// How long a worker that says nothing keeps its jobs, where several share a database [default: 30000]
    #[arg(id = "job_lease_ms", long = "lease-ms", env = "BLOCKYARD_LEASE_MS", value_name = "MS", value_parser = clap::value_parser!(u64).range(100..=86_400_000))]
    lease_ms: Option<u64>,
    /// How long ended jobs are kept, 0 for good [default: 2592000000]
    #[arg(id = "job_retention_ms", long = "retention-ms", env = "BLOCKYARD_RETENTION_MS", value_name = "MS")]
    retention_ms: Option<u64>,
}

impl Jobs {
    /// Bring what was given into `config`.
    ///
    /// # Errors
    /// If a limit is given to a queue that there is not.
    pub(super) fn apply(&self, config: &mut JobsConfig) -> Result<(), Usage> {
        let given: Vec<&String> = self.queues.iter().filter(|name| !name.is_empty()).collect();
        if !given.is_empty() {
            config.queues.clear();
            // What the server itself hands in needs these two.
            let own = [WORKFLOW_QUEUE, WEBHOOK_QUEUE];
            for name in given.into_iter().map(String::as_str).chain(own) {
                if !config.queues.iter().any(|known| known == name) {
                    config.queues.push(name.to_owned());
                }
            }
        }
        for (name, at_most) in self.queue_concurrency.iter().filter(|(name, _)| !name.is_empty()) {
            if !config.queues.contains(name) {
                let queues = config.queues.join(", ");
                return Err(Usage(format!("--queue-concurrency: there is no queue `{name}`, only {queues}")));
            }
            config.queue_concurrency.insert(name.clone(), *at_most);
        }
        config.user_concurrency = self.user_concurrency.or(config.user_concurrency);
        set(&mut config.lease, self.lease_ms.map(Duration::from_millis));
        set(&mut config.retention, self.retention_ms.map(Duration::from_millis));
        Ok(())
    }
}

/// An empty variable names no queue.
fn queue(text: &str) -> Result<String, String> {
    let name = text.trim();
    let fits = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    match fits && name.len() <= MAX_NAME {
        true => Ok(name.to_owned()),
        false => Err(format!("a queue's name is up to {MAX_NAME} letters, digits, `-`, `_` and `.`")),
    }
}

fn queue_limit(text: &str) -> Result<(String, u32), String> {
    if text.trim().is_empty() {
        return Ok((String::new(), 0));
    }
    let (name, at_most) = text.split_once('=').ok_or("must be NAME=N")?;
    Ok((name.trim().to_owned(), limit(at_most)?))
}

fn limit(text: &str) -> Result<u32, String> {
    text.trim().parse().ok().filter(|limit| *limit > 0).ok_or_else(|| "must be a whole number from 1 up".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory as _, FromArgMatches as _, Parser};

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        jobs: Jobs,
    }

    fn config(flags: &[&str]) -> Result<JobsConfig, String> {
        // Whatever the variables of this process are.
        let command = Line::command().mut_args(|flag| flag.env(None::<&str>));
        let matches = command.try_get_matches_from(std::iter::once(&"test").chain(flags)).map_err(|e| e.to_string())?;
        let line = Line::from_arg_matches(&matches).map_err(|error| error.to_string())?;
        let mut config = JobsConfig::default();
        line.jobs.apply(&mut config).map_err(|error| error.to_string())?;
        Ok(config)
    }

    #[test]
    fn flags_replace_what_they_name() {
        let given = config(&["--queues", "a,b,a", "--queue-concurrency", "a=3,webhooks=1", "--user-concurrency", "7"]);
        let given = given.unwrap();
        assert_eq!(given.queues, ["a", "b", "workflow", "webhooks"]);
        assert_eq!((given.queue_concurrency["a"], given.queue_concurrency["webhooks"]), (3, 1));
        assert_eq!(given.user_concurrency, Some(7));
        let given = config(&["--lease-ms", "5000", "--retention-ms", "0"]).unwrap();
        assert_eq!((given.lease.as_secs(), given.retention.as_secs()), (5, 0));
        assert_eq!(given.queues, JobsConfig::default().queues);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        assert!(config(&["--queue-concurrency", "none=3"]).unwrap_err().contains("there is no queue `none`"));
        for bad in [
            ["--queue-concurrency", "search"],
            ["--queue-concurrency", "search=0"],
            ["--queue-concurrency", "search=-1"],
            ["--user-concurrency", "0"],
            ["--queues", "a b"],
            ["--queues", "é"],
            ["--lease-ms", "0"],
            ["--retention-ms", "-5"],
        ] {
            assert!(config(&bad).is_err(), "{bad:?}");
        }
    }
}
