//! The pump: what subscriptions get, and that they get it once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use blockyard_test_postgres::Postgres;
use serde_json::{Value, json};

use super::deliver::pause;
use super::pump::Following;
use super::*;
use crate::blocks::Catalogue;
use crate::capabilities::Capabilities;
use crate::capabilities::http::{HttpClient, SystemResolver};
use crate::capabilities::vault::Vault;
use crate::config::{
    DatabaseConfig, ExecutionConfig, HttpConfig, JobsConfig, RuntimeConfig, SecretsConfig, WEBHOOK_QUEUE,
};
use crate::domain::webhook::DeliveryStatus;
use crate::domain::{AuditEntry, ExecutionId, JobStatus, JobType, Sources};
use crate::events::Hub;
use crate::jobs::{JobOptions, Submit};
use crate::orchestrator::Orchestrator;
use crate::runtime::Runtime;
use crate::store::{ClaimRequest, ClaimedJob, QueueLimit, Store};

async fn open(url: &str) -> Store {
    let config = DatabaseConfig { url: url.to_owned(), ..DatabaseConfig::default() };
    Store::open(&config, Arc::new(|_| {})).await.unwrap()
}

/// A queue that works on nothing by itself.
async fn queue(store: Store) -> Queue {
    let sources = Sources::system();
    let cache_dir = std::env::temp_dir().join(format!("blockyard-tests-{}", rustix::process::geteuid().as_raw()));
    let runtime = RuntimeConfig { cache_dir: Some(cache_dir), max_instances: 4, ..RuntimeConfig::default() };
    let vault = Vault::open(store.clone(), &SecretsConfig::default(), sources.clone(), [].into_iter()).await.unwrap();
    let http = HttpClient::new(HttpConfig::default(), Arc::new(SystemResolver)).unwrap();
    let runtime = Runtime::new(runtime, sources.clone(), Capabilities { http, vault }).unwrap();
    let catalogue = Catalogue::with_builtins(runtime).await.unwrap();
    let execution = ExecutionConfig::default();
    let orchestrator = Orchestrator::new(store.clone(), catalogue, execution.clone(), sources.clone()).unwrap();
    let jobs = JobsConfig { worker: false, ..JobsConfig::default() };
    Queue::new(store, Hub::default(), orchestrator, execution, jobs, sources)
}

impl Queue {
    async fn subscribe(&self, events: &str) -> String {
        let prepared = self.prepare_webhook(request(events), &UserId::local()).unwrap();
        let (id, entry) = (prepared.webhook.id.clone(), audit(self.shared.sources.id()));
        self.shared.store.create_webhook(prepared.webhook, entry).await.unwrap();
        id
    }

    /// A test delivery to a webhook that nothing listens at, and the job for it, which this process holds.
    async fn claim_delivery(&self) -> ClaimedJob {
        let webhook_id = self.subscribe("*").await;
        self.shared.store.spoil("UPDATE webhooks SET url = 'http://127.0.0.1:1/'").await;
        self.try_webhook(&webhook_id, &UserId::local()).await.unwrap();
        let request = ClaimRequest {
            owner: self.shared.owner.clone(),
            now: i64::MAX - 10_000,
            lease_until: i64::MAX,
            limit: 10,
            queues: vec![QueueLimit { name: WEBHOOK_QUEUE.to_owned(), at_most: None }],
            per_user: None,
        };
        self.shared.store.claim_jobs(request).await.unwrap().jobs.remove(0)
    }

    /// What became of it once it was attempted.
    async fn attempt_once(&self, job: &ClaimedJob) -> (DeliveryStatus, Option<String>, JobStatus) {
        let (live, _) = self.register(&job.job_id);
        let store = &self.shared.store;
        tokio::time::timeout(Duration::from_secs(60), self.deliver(job, &live)).await.expect("it lets go of the job");
        let id = store.delivery_id(&job.job_id).await.unwrap().unwrap();
        let delivery = store.delivery(&id).await.unwrap().unwrap();
        (delivery.status, delivery.error, store.job(&job.job_id).await.unwrap().unwrap().summary.status)
    }

    async fn hand_in(&self, webhook: Option<PreparedWebhook>) -> ExecutionId {
        let definition = json!({"workflowId": "w", "nodes": [
            {"id": "n", "type": "core.transform", "config": {"expression": "1"}},
        ]});
        let payload = Json::from(json!({"workflowDefinition": definition}));
        let submit = self.prepare(JobType::Workflow, &payload, &UserId::local()).await.unwrap();
        let ticket = self.submit(Submit { job: JobOptions { webhook, ..submit.job }, ..submit }).unwrap();
        ticket.accepted().await.unwrap();
        ticket.execution_id
    }

    /// What is on its way to a webhook: how often each event.
    async fn sent(&self, webhook_id: &str) -> BTreeMap<String, usize> {
        let mut sent = BTreeMap::new();
        for delivery in self.shared.store.deliveries(webhook_id, None, 10_000).await.unwrap() {
            *sent.entry(delivery.event).or_default() += 1;
        }
        sent
    }
}

fn request(events: &str) -> WebhookRequest {
    WebhookRequest { url: "https://a.example/".to_owned(), events: vec![events.to_owned()], secret: None }
}

fn audit(id: String) -> AuditEntry {
    let (action, subject) = ("test".to_owned(), "test".to_owned());
    AuditEntry { id, at: 1, user_id: UserId::local(), action, subject, details: Json::null() }
}

fn counts(pairs: &[(&str, usize)]) -> BTreeMap<String, usize> {
    pairs.iter().map(|(event, count)| ((*event).to_owned(), *count)).collect()
}

/// Many jobs come and go while both look.
async fn each_once(one: &Queue, other: &Queue) {
    one.hand_in(None).await;
    let jobs = one.subscribe("job:*").await;
    let all = other.subscribe("*").await;
    let (mut first, mut second) = (Following::default(), Following::default());
    for round in 0..8 {
        let work = async {
            for _ in 0..5 {
                let id = one.hand_in(None).await;
                other.cancel(&id).await.unwrap();
            }
        };
        let look = async |queue: &Queue, following: &mut Following| {
            for _ in 0..4 {
                queue.pump(following).await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        // What another process has changed is told by a notice.
        one.webhooks_changed();
        other.webhooks_changed();
        tokio::join!(work, look(one, &mut first), look(other, &mut second));
        if round % 2 == 0 {
            // A process dies: what it knew is gone.
            first = Following::default();
            one.webhooks_changed();
        }
    }
    one.pump(&mut first).await.unwrap();
    other.pump(&mut second).await.unwrap();
    assert_eq!(one.sent(&jobs).await, counts(&[("job:created", 40), ("job:cancelled", 40)]));
    let expected = [("job:created", 40), ("job:cancelled", 40), ("execution:started", 40), ("execution:cancelled", 40)];
    assert_eq!(one.sent(&all).await, counts(&expected));
    let queued = one.shared.store.counts().await.unwrap().pending_jobs;
    assert_eq!(queued, 240 + 1, "a job each, and the one from before");
}

#[tokio::test]
async fn each_event_is_forwarded_once_by_two_pumps_that_die() {
    let store = open("sqlite::memory:").await;
    each_once(&queue(store.clone()).await, &queue(store).await).await;
}

#[tokio::test]
async fn each_event_is_forwarded_once_by_two_processes_on_one_server() {
    let url = Postgres::shared().database().await;
    each_once(&queue(open(&url).await).await, &queue(open(&url).await).await).await;
}

/// Jobs with webhooks of their own come and go while both look.
async fn own_each_once(one: &Queue, other: &Queue) {
    let all = one.subscribe("job:*").await;
    let (mut first, mut second) = (Following::default(), Following::default());
    let mut owned = Vec::new();
    let work = async {
        for _ in 0..30 {
            let own = one.prepare_webhook(request("job:*"), &UserId::local()).unwrap();
            owned.push(own.webhook.id.clone());
            let id = one.hand_in(Some(own)).await;
            other.webhooks_changed();
            other.cancel(&id).await.unwrap();
        }
    };
    let look = async |queue: &Queue, following: &mut Following| {
        for _ in 0..60 {
            queue.pump(following).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(work, look(one, &mut first), look(other, &mut second));
    one.pump(&mut first).await.unwrap();
    assert_eq!(one.sent(&all).await, counts(&[("job:created", 30), ("job:cancelled", 30)]));
    for webhook_id in owned {
        assert_eq!(one.sent(&webhook_id).await, counts(&[("job:created", 1), ("job:cancelled", 1)]));
    }
}

#[tokio::test]
async fn webhooks_of_jobs_get_theirs_once_while_more_are_made() {
    let store = open("sqlite::memory:").await;
    own_each_once(&queue(store.clone()).await, &queue(store).await).await;
    let url = Postgres::shared().database().await;
    own_each_once(&queue(open(&url).await).await, &queue(open(&url).await).await).await;
}

#[tokio::test]
async fn a_webhook_that_cannot_be_read_stops_nobody() {
    let queue = queue(open("sqlite::memory:").await).await;
    let good = queue.subscribe("job:created").await;
    queue.subscribe("*").await;
    queue.shared.store.spoil("UPDATE webhooks SET events = '{' WHERE events <> '[\"job:created\"]'").await;
    queue.hand_in(None).await;
    let mut following = Following::default();
    queue.pump(&mut following).await.unwrap();
    assert_eq!(queue.sent(&good).await, counts(&[("job:created", 1)]));
    // Alone it gets nothing, but the place in the log moves on when it is asked for.
    queue.shared.store.delete_webhook(&good, 1, audit("a".to_owned())).await.unwrap();
    queue.hand_in(None).await;
    queue.shared.pump.save();
    queue.pump(&mut following).await.unwrap();
    let newest = queue.shared.store.event_positions().await.unwrap().newest;
    assert_eq!(queue.shared.store.subscriptions(0).await.unwrap().cursor, newest);
}

#[tokio::test]
async fn attempts_count_as_they_were_claimed() {
    let queue = queue(open("sqlite::memory:").await).await;
    let job = queue.claim_delivery().await;
    // An attempt that a worker took down with it was given back when the job was taken over.
    let job = ClaimedJob { attempts: 3, max_attempts: 3, takeovers: 1, ..job };
    let (delivery, _, job) = queue.attempt_once(&job).await;
    assert_eq!((delivery, job), (DeliveryStatus::Exhausted, JobStatus::Dead));
}

#[tokio::test]
async fn who_cancels_does_not_wait_for_the_store() {
    let queue = queue(open("sqlite::memory:").await).await;
    let (live, _) = queue.register(&"j".into());
    live.cancel.cancel();
    let hour = Duration::from_secs(3600);
    let waited = tokio::time::timeout(Duration::from_secs(60), pause(&live, hour, true)).await;
    assert!(!waited.expect("there is something to do at once"));
    // What was made has to be recorded, cancelled or not: no reason to hurry the store.
    assert!(futures::poll!(std::pin::pin!(pause(&live, hour, false))).is_pending());
    live.hand_over.cancel();
    assert!(pause(&live, hour, false).await);
}

#[tokio::test]
async fn a_delivery_whose_records_hold_nonsense_ends() {
    for nonsense in [
        "UPDATE webhook_deliveries SET body = '{'",
        "UPDATE webhooks SET secret = x'ff'",
        "UPDATE jobs SET cancel_at = 'soon'",
    ] {
        let queue = queue(open("sqlite::memory:").await).await;
        let job = queue.claim_delivery().await;
        queue.shared.store.spoil(nonsense).await;
        let (delivery, error, job) = queue.attempt_once(&job).await;
        assert_eq!((delivery, job), (DeliveryStatus::Exhausted, JobStatus::Dead), "{nonsense}");
        assert!(error.unwrap().starts_with("it cannot be delivered: corrupt database: "), "{nonsense}");
    }
}

#[tokio::test]
async fn without_webhooks_nothing_is_read() {
    let queue = queue(open("sqlite::memory:").await).await;
    let id = queue.subscribe("*").await;
    queue.shared.store.delete_webhook(&id, 1, audit("a".to_owned())).await.unwrap();
    queue.hand_in(None).await;
    let mut following = Following::default();
    queue.pump(&mut following).await.unwrap();
    queue.shared.store.spoil("ALTER TABLE webhooks RENAME TO hidden").await;
    queue.shared.store.spoil("ALTER TABLE events RENAME TO gone").await;
    queue.pump(&mut following).await.unwrap();
}

#[tokio::test]
async fn a_jobs_own_webhook_gets_its_job_alone_and_ends_with_it() {
    let queue = queue(open("sqlite::memory:").await).await;
    let mut following = Following::default();
    queue.pump(&mut following).await.unwrap();
    let own = queue.prepare_webhook(request("job:*"), &UserId::local()).unwrap();
    assert!(own.made.is_some());
    let webhook_id = own.webhook.id.clone();
    let id = queue.hand_in(Some(own)).await;
    let other = queue.hand_in(None).await;
    queue.pump(&mut following).await.unwrap();
    assert_eq!(queue.sent(&webhook_id).await, counts(&[("job:created", 1)]));
    queue.cancel(&other).await.unwrap();
    queue.cancel(&id).await.unwrap();
    queue.pump(&mut following).await.unwrap();
    assert_eq!(queue.sent(&webhook_id).await, counts(&[("job:created", 1), ("job:cancelled", 1)]));
    assert!(!queue.shared.store.webhook(&webhook_id).await.unwrap().unwrap().active);
    assert!(queue.shared.store.webhooks(None, 10).await.unwrap().is_empty(), "it is in no list");
    assert_eq!(format!("{following:?}").matches("Subscription").count(), 0, "it is forgotten");
}

#[tokio::test]
async fn what_is_sent_names_the_event_and_its_job() {
    let queue = queue(open("sqlite::memory:").await).await;
    let webhook_id = queue.subscribe("job:created").await;
    let id = queue.hand_in(None).await;
    queue.pump(&mut Following::default()).await.unwrap();
    let delivery = queue.shared.store.deliveries(&webhook_id, None, 10).await.unwrap().remove(0);
    let work = queue.shared.store.delivery_work(&delivery.job_id).await.unwrap().unwrap();
    let body: Value = work.body.to_value().unwrap();
    assert_eq!(body["type"], "job:created");
    let data = &body["data"];
    assert_eq!((&data["jobId"], &data["position"]), (&json!(id.as_str()), &json!(delivery.position)));
    assert_eq!(data["topic"], format!("job:{id}"));
    assert_eq!((&data["entry"]["event"], &data["entry"]["progress"]), (&json!("job.created"), &json!(0.0)));
    assert!(body["timestamp"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn names_of_events_are_told_by_their_place() {
    let names = |names: &[&str]| webhook_events(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    assert_eq!(names(&["job:*", "job.*", "*"]).unwrap(), [EventFilter::Group("job"), EventFilter::All]);
    let pointers = |problems: Vec<Problem>| problems.into_iter().map(|problem| problem.pointer).collect::<Vec<_>>();
    assert_eq!(pointers(names(&[]).unwrap_err()), ["/events"]);
    assert_eq!(pointers(names(&["*", "job:done", "\u{202e}"]).unwrap_err()), ["/events/1", "/events/2"]);
    assert_eq!(pointers(names(&["*"; 65]).unwrap_err()), ["/events"]);
}
