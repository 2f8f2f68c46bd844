//! Settings of the job processor.

use std::collections::BTreeMap;
use std::time::Duration;

/// Queues, leases, retries, and how long things are kept.
#[derive(Clone, Debug)]
pub struct JobsConfig {
    /// Whether this process works on jobs. `--no-worker` says that it does not.
    pub worker: bool,
    /// The queues that there are. `BLOCKYARD_QUEUES`, default `default,search,upload,workflow,webhooks`.
    pub queues: Vec<String>,
    /// Jobs of a queue at work at once, in all processes. `BLOCKYARD_QUEUE_CONCURRENCY`, default no limit.
    pub queue_concurrency: BTreeMap<String, u32>,
    /// Jobs of one user at work at once, in all processes. `BLOCKYARD_USER_CONCURRENCY`, default no limit.
    pub user_concurrency: Option<u32>,
    /// How long a worker that says nothing keeps its jobs, where several share a database. `BLOCKYARD_LEASE_MS`, default
    /// 30 s.
    pub lease: Duration,
    /// How often a worker looks for jobs when nobody tells it of any, where several share a database. Default 5 s.
    pub poll_interval: Duration,
    /// How often a job is tried that fails through no fault of its own, if it does not say. Default 5.
    pub max_attempts: u32,
    /// Wait after the first such failure; it doubles with each. Default 1 s.
    pub backoff: Duration,
    /// Longest such wait. Default 5 min.
    pub max_backoff: Duration,
    /// How often a delivery to a webhook is tried. Default 8.
    pub webhook_attempts: u32,
    /// How long a webhook has for its answer, the connection included. Default 15 s.
    pub webhook_timeout: Duration,
    /// How long ended jobs are kept, with their executions and events. `BLOCKYARD_RETENTION_MS`, default 30 d; 0 keeps
    /// them for good.
    pub retention: Duration,
    /// How long an idempotency key is remembered. Default 24 h.
    pub idempotency: Duration,
    /// Most jobs in a flow. Default 1,000.
    pub max_flow_jobs: usize,
    /// Most levels in a flow. Default 16.
    pub max_flow_depth: usize,
}

/// The queue of executions that are started over the API.
pub const WORKFLOW_QUEUE: &str = "workflow";
/// The queue of deliveries to webhooks.
pub const WEBHOOK_QUEUE: &str = "webhooks";

/// Deliveries to webhooks at work at once if nothing else is configured: receivers that hang must not take all slots.
const DELIVERIES: u32 = 64;

impl JobsConfig {
    /// Jobs of this queue that may be at work at once, in all processes.
    pub fn limit_of(&self, queue: &str) -> Option<u32> {
        let configured = self.queue_concurrency.get(queue).copied();
        configured.or_else(|| (queue == WEBHOOK_QUEUE).then_some(DELIVERIES))
    }
}

impl Default for JobsConfig {
    fn default() -> Self {
        Self {
            worker: true,
            queues: ["default", "search", "upload", WORKFLOW_QUEUE, WEBHOOK_QUEUE].map(str::to_owned).to_vec(),
            queue_concurrency: BTreeMap::new(),
            user_concurrency: None,
            lease: Duration::from_secs(30),
            poll_interval: Duration::from_secs(5),
            max_attempts: 5,
            backoff: Duration::from_secs(1),
            max_backoff: Duration::from_secs(300),
            webhook_attempts: 8,
            webhook_timeout: Duration::from_secs(15),
            retention: Duration::from_secs(30 * 24 * 3600),
            idempotency: Duration::from_secs(24 * 3600),
            max_flow_jobs: 1_000,
            max_flow_depth: 16,
        }
    }
}
