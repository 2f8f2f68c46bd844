//! Webhooks, their deliveries, and that each event becomes one once.

use super::*;
use crate::config::WEBHOOK_QUEUE;
use crate::domain::webhook::{DeliveryStatus, EventFilter};
use crate::domain::{AuditEntry, JobId, JobStatus};

conformance! {
    a_webhook_is_made_changed_and_deleted,
    a_webhook_gets_what_happens_after_it,
    a_jobs_own_webhook_comes_with_the_job,
    what_was_forwarded_is_not_forwarded_again,
    nothing_is_forwarded_by_who_missed_a_change,
    webhooks_of_jobs_that_begin_later_hold_nothing_up,
    a_webhook_that_cannot_be_read_is_left_out,
    an_attempt_that_was_made_forgets_takeovers,
    an_attempt_is_recorded_by_the_holder_alone,
    a_receiver_that_wants_nothing_more_gets_nothing_more,
    what_is_exhausted_can_be_sent_again,
    a_delivery_whose_job_was_cancelled_shows_so,
    deleting_a_webhook_stops_what_waits,
    a_secret_that_changed_meanwhile_is_not_resealed,
}

fn sealed(mark: &str) -> Sealed {
    Sealed { value: format!("value-{mark}"), nonce: format!("nonce-{mark}"), key_id: "key".into() }
}

fn webhook(id: &str, events: &str) -> NewWebhook {
    NewWebhook {
        id: id.into(),
        user_id: UserId::local(),
        url: "https://a.example/hook".into(),
        events: vec![EventFilter::parse(events).unwrap()],
        secret: sealed(id),
        active: true,
        job_id: None,
        at: 1000,
    }
}

fn audit(id: &str) -> AuditEntry {
    let (action, subject) = ("webhook.test".into(), "webhook/x".into());
    AuditEntry { id: id.into(), at: 1, user_id: UserId::local(), action, subject, details: Json::null() }
}

async fn create(fixture: &Fixture, webhook: NewWebhook) {
    let entry = audit(&webhook.id);
    fixture.store.create_webhook(webhook, entry).await.unwrap();
}

fn delivery(id: &str, position: i64) -> NewDelivery {
    NewDelivery {
        id: id.into(),
        webhook_id: "w".into(),
        user_id: UserId::local(),
        event: "job:completed".into(),
        position,
        body: json(r#"{"type":"job:completed"}"#),
        max_attempts: 2,
        at: 1000,
    }
}

fn forwarded(change: i64, to: i64, deliveries: Vec<NewDelivery>) -> Forwarded {
    Forwarded { change, to, deliveries, ended: Vec::new() }
}

/// A webhook `w` and a delivery `d`, whose job `me` holds.
async fn claimed(fixture: &Fixture) {
    create(fixture, webhook("w", "*")).await;
    fixture.store.add_delivery(delivery("d", 0)).await.unwrap();
    assert_eq!(claim_deliveries(fixture, 1000).await, ["d"]);
}

async fn claim_deliveries(fixture: &Fixture, now: i64) -> Vec<String> {
    let queues = vec![QueueLimit { name: WEBHOOK_QUEUE.into(), at_most: None }];
    let claimed = fixture.store.claim_jobs(ClaimRequest { queues, ..claim(now, 10) }).await.unwrap();
    claimed.jobs.iter().map(|job| job.job_id.to_string()).collect()
}

fn attempted(job_id: &str, verdict: Verdict) -> Attempted {
    Attempted {
        job_id: job_id.into(),
        owner: "me".into(),
        delivery_id: Some("d".into()),
        sent: true,
        response_status: Some(503),
        error: Some("the webhook answered 503".into()),
        verdict,
        now: 2000,
    }
}

async fn shown(fixture: &Fixture) -> (DeliveryStatus, u32, Option<u16>) {
    let delivery = fixture.store.delivery("d").await.unwrap().unwrap();
    (delivery.status, delivery.attempts, delivery.response_status)
}

async fn job_status(fixture: &Fixture, id: &str) -> JobStatus {
    fixture.store.job(&id.into()).await.unwrap().unwrap().summary.status
}

async fn a_webhook_is_made_changed_and_deleted(fixture: Fixture) {
    let store = &fixture.store;
    create(&fixture, webhook("w", "job:*")).await;
    create(&fixture, NewWebhook { at: 2000, ..webhook("v", "*") }).await;
    create(&fixture, NewWebhook { job_id: Some("j".into()), ..webhook("of-job", "*") }).await;
    let ids = async |after: Option<Cursor>| {
        let found = store.webhooks(after.as_ref(), 10).await.unwrap();
        found.into_iter().map(|webhook| webhook.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(None).await, ["v", "w"]);
    assert_eq!(ids(Some(Cursor { at: 2000, id: "v".into() })).await, ["w"]);
    let change = WebhookChange { active: Some(false), at: 3000, ..WebhookChange::default() };
    let changed = store.change_webhook("w", change.clone(), audit("a")).await.unwrap().unwrap();
    assert_eq!((changed.active, changed.created_at, changed.updated_at), (false, 1000, 3000));
    assert_eq!(store.webhook("w").await.unwrap(), Some(changed.clone()));
    let change = WebhookChange {
        url: Some("https://b.example/é".into()),
        events: Some(vec![EventFilter::All]),
        secret: Some(sealed("new")),
        at: 4000,
        ..WebhookChange::default()
    };
    let changed = store.change_webhook("w", change.clone(), audit("b")).await.unwrap().unwrap();
    assert_eq!((changed.url.as_str(), changed.active), ("https://b.example/é", false));
    let secrets = store.webhook_secrets().await.unwrap();
    assert_eq!(secrets.iter().find(|(id, _)| id == "w").unwrap().1, sealed("new"));
    for id in ["none", "of-job"] {
        assert_eq!(store.change_webhook(id, change.clone(), audit("c")).await.unwrap(), None);
        assert!(!store.delete_webhook(id, 1, audit("d")).await.unwrap());
    }
    assert!(store.delete_webhook("w", 1, audit("e")).await.unwrap());
    assert_eq!(store.webhook("w").await.unwrap(), None);
    assert_eq!(store.webhook_of_job(&"j".into()).await.unwrap().unwrap().id, "of-job");
    assert_eq!(store.audit_entries(None, 100).await.unwrap().len(), 6, "what changed nothing leaves no entry");
}

async fn a_webhook_gets_what_happens_after_it(fixture: Fixture) {
    let store = &fixture.store;
    fixture.put(vec![submit("e"), event("e", 1, EventKind::ExecutionStarted)]).await;
    let newest = store.event_positions().await.unwrap().newest;
    create(&fixture, webhook("w", "*")).await;
    let found = store.subscriptions(0).await.unwrap();
    assert_eq!((found.cursor, found.change, found.webhooks[0].after), (newest, 1, newest));
    fixture.put(vec![event("e", 2, EventKind::NodeStarted)]).await;
    create(&fixture, webhook("v", "*")).await;
    let second = store.subscriptions(0).await.unwrap();
    assert_eq!(second.cursor, newest, "the first one still waits for what is there");
    let after = second.webhooks.iter().find(|webhook| webhook.id == "v").unwrap().after;
    assert_eq!(after, store.event_positions().await.unwrap().newest);
    // Off and on again: what happened meanwhile is not told.
    let switch = |active| WebhookChange { active: Some(active), at: 1, ..WebhookChange::default() };
    store.change_webhook("w", switch(false), audit("a")).await.unwrap();
    assert_eq!(store.subscriptions(0).await.unwrap().webhooks.len(), 1);
    store.change_webhook("w", switch(true), audit("b")).await.unwrap();
    let found = store.subscriptions(0).await.unwrap();
    assert_eq!(found.webhooks.iter().map(|webhook| webhook.after).collect::<Vec<_>>(), [after, after]);
    assert_eq!((found.change, store.webhook_changes()), (4, 4));
}

async fn a_jobs_own_webhook_comes_with_the_job(fixture: Fixture) {
    let store = &fixture.store;
    let own = NewWebhook { job_id: Some("e".into()), ..webhook("w", "job:*") };
    let records = vec![submit("e"), event("e", 1, EventKind::ExecutionStarted), Record::Webhook(Box::new(own))];
    fixture.put(records).await;
    let found = store.subscriptions(0).await.unwrap();
    let position = store.event_positions().await.unwrap().newest;
    assert!(found.webhooks[0].after < position, "it gets the first event of its job");
    assert_eq!(store.webhook_of_job(&"e".into()).await.unwrap().unwrap().id, "w");
    assert!(store.subscriptions(found.change).await.unwrap().webhooks.is_empty(), "it is known");
    let last =
        Forwarded { ended: vec!["w".into()], ..forwarded(found.change, position, vec![delivery("d", position)]) };
    assert_eq!(store.forward(last).await.unwrap(), Some(1));
    assert!(store.subscriptions(0).await.unwrap().webhooks.is_empty());
    assert!(!store.webhook("w").await.unwrap().unwrap().active);
    let work = store.delivery_work(&"d".into()).await.unwrap().unwrap();
    assert!(work.wanted, "what waits is still delivered");
}

async fn what_was_forwarded_is_not_forwarded_again(fixture: Fixture) {
    let store = &fixture.store;
    create(&fixture, webhook("w", "*")).await;
    let start = store.subscriptions(0).await.unwrap().cursor;
    let new = |prefix: &str, number: i64, position| delivery(&format!("{prefix}{number}"), start + position);
    let all = |prefix: &str| vec![new(prefix, 1, 5), new(prefix, 2, 8)];
    let forwarded = |change, to: i64, deliveries| forwarded(change, start + to, deliveries);
    assert_eq!(store.forward(forwarded(1, 8, all("a"))).await.unwrap(), Some(2));
    assert_eq!(store.forward(forwarded(1, 8, all("b"))).await.unwrap(), Some(0));
    let mut more = all("c");
    more.push(new("c", 3, 13));
    assert_eq!(store.forward(forwarded(1, 12, more)).await.unwrap(), Some(1));
    assert_eq!(store.forward(forwarded(1, 4, Vec::new())).await.unwrap(), Some(0));
    assert_eq!(store.subscriptions(0).await.unwrap().cursor, start + 12, "it never goes back");
    let found = store.deliveries("w", None, 10).await.unwrap();
    assert_eq!(found.iter().map(|delivery| delivery.id.as_str()).collect::<Vec<_>>(), ["c3", "a2", "a1"]);
    let rest = store.deliveries("w", Some(&Cursor { at: 1000, id: "a2".into() }), 10).await.unwrap();
    assert_eq!((rest.len(), rest[0].id.as_str(), rest[0].job_id.as_str()), (1, "a1", "a1"));
    assert_eq!(claim_deliveries(&fixture, 1000).await, ["a1", "a2", "c3"]);
}

async fn nothing_is_forwarded_by_who_missed_a_change(fixture: Fixture) {
    let store = &fixture.store;
    create(&fixture, webhook("w", "*")).await;
    create(&fixture, webhook("v", "*")).await;
    let start = store.subscriptions(0).await.unwrap().cursor;
    let forwarded = |change| forwarded(change, start + 8, vec![delivery("d", start + 8)]);
    assert_eq!(store.forward(forwarded(1)).await.unwrap(), None);
    assert_eq!(store.subscriptions(0).await.unwrap().cursor, start);
    assert!(store.deliveries("w", None, 10).await.unwrap().is_empty());
    assert_eq!(store.forward(forwarded(2)).await.unwrap(), Some(1));
}

async fn webhooks_of_jobs_that_begin_later_hold_nothing_up(fixture: Fixture) {
    let store = &fixture.store;
    create(&fixture, webhook("w", "*")).await;
    let known = store.subscriptions(0).await.unwrap().change;
    let hand_in = async |id: &str| {
        let own = NewWebhook { job_id: Some(id.into()), ..webhook(&format!("of-{id}"), "*") };
        let records = vec![submit(id), event(id, 1, EventKind::ExecutionStarted), Record::Webhook(Box::new(own))];
        fixture.put(records).await;
        store.event_positions().await.unwrap().newest
    };
    fixture.put(vec![submit("a"), event("a", 1, EventKind::ExecutionStarted)]).await;
    let a = store.event_positions().await.unwrap().newest;
    let (b, c) = (hand_in("b").await, hand_in("c").await);
    let forward = async |change, id: &str, to| {
        let deliveries = vec![delivery(id, to)];
        store.forward(forwarded(change, to, deliveries)).await.unwrap()
    };
    // The first event of `b` is in it, which a webhook wants that is not known.
    assert_eq!(forward(known, "d1", b).await, None);
    assert_eq!(forward(known, "d1", c).await, None);
    assert_eq!(store.subscriptions(0).await.unwrap().webhooks.len(), 3);
    assert_eq!(forward(known, "d1", a).await, Some(1), "both begin after it");
    // Who looks anew is told of both, from where they begin, which nobody has passed.
    let found = store.subscriptions(known).await.unwrap();
    let mut begins: Vec<_> = found.webhooks.iter().filter(|webhook| webhook.job_id.is_some()).collect();
    begins.sort_by_key(|webhook| webhook.after);
    assert_eq!(begins.iter().map(|webhook| webhook.after).collect::<Vec<_>>(), [a, b]);
    assert_eq!(found.cursor, a);
    assert_eq!(forward(known + 1, "d2", b).await, Some(1), "`b` is known, `c` begins after it");
    // Any other change may be of what is to be sent.
    store.change_webhook("w", WebhookChange { at: 1, ..WebhookChange::default() }, audit("x")).await.unwrap();
    assert_eq!(forward(known + 2, "d3", c).await, None);
    assert!(store.delete_webhook("w", 1, audit("y")).await.unwrap());
    assert_eq!(forward(known + 3, "d3", c).await, None, "a webhook that is gone leaves no row");
    hand_in("e").await;
    assert_eq!(forward(known + 4, "d3", c).await, Some(1));
}

async fn a_webhook_that_cannot_be_read_is_left_out(fixture: Fixture) {
    create(&fixture, webhook("bad", "*")).await;
    create(&fixture, NewWebhook { job_id: Some("j".into()), ..webhook("bad-of-job", "*") }).await;
    create(&fixture, webhook("good", "*")).await;
    assert!(!fixture.store.subscriptions(0).await.unwrap().unreadable);
    fixture.run("UPDATE webhooks SET events = '{' WHERE id <> 'good'").await;
    let found = fixture.store.subscriptions(0).await.unwrap();
    assert_eq!(found.webhooks.iter().map(|webhook| webhook.id.as_str()).collect::<Vec<_>>(), ["good"]);
    assert!(found.unreadable);
}

async fn an_attempt_that_was_made_forgets_takeovers(fixture: Fixture) {
    let store = &fixture.store;
    claimed(&fixture).await;
    let claim_one = async |now| {
        let queues = vec![QueueLimit { name: WEBHOOK_QUEUE.into(), at_most: None }];
        let claimed = store.claim_jobs(ClaimRequest { queues, ..claim(now, 10) }).await.unwrap();
        claimed.jobs.into_iter().map(|job| (job.attempts, job.takeovers)).collect::<Vec<_>>()
    };
    store.take_over(1, true, Vec::new()).await.unwrap();
    assert_eq!(claim_one(1000).await, [(1, 1)]);
    assert!(store.record_attempt(attempted("d", Verdict::Retry(3000))).await.unwrap());
    assert_eq!(claim_one(3000).await, [(2, 0)]);
    store.take_over(1, true, Vec::new()).await.unwrap();
    assert_eq!(claim_one(3000).await, [(2, 1)], "from 1 again");
}

async fn an_attempt_is_recorded_by_the_holder_alone(fixture: Fixture) {
    let store = &fixture.store;
    claimed(&fixture).await;
    let work = store.delivery_work(&"d".into()).await.unwrap().unwrap();
    assert_eq!((work.id.as_str(), work.url.as_str(), work.secret), ("d", "https://a.example/hook", sealed("w")));
    let other = Attempted { owner: "other".into(), ..attempted("d", Verdict::Retry(3000)) };
    assert!(!store.record_attempt(other).await.unwrap());
    let other = Attempted { owner: "other".into(), ..attempted("d", Verdict::End(DeliveryStatus::Delivered)) };
    assert!(!store.record_attempt(other).await.unwrap());
    assert_eq!(shown(&fixture).await, (DeliveryStatus::Pending, 0, None));
    assert!(store.record_attempt(attempted("d", Verdict::Retry(3000))).await.unwrap());
    assert_eq!(shown(&fixture).await, (DeliveryStatus::Pending, 1, Some(503)));
    assert_eq!(job_status(&fixture, "d").await, JobStatus::Delayed);
    assert!(claim_deliveries(&fixture, 2999).await.is_empty());
    assert_eq!(claim_deliveries(&fixture, 3000).await, ["d"]);
    let done = Attempted {
        response_status: Some(204),
        error: None,
        ..attempted("d", Verdict::End(DeliveryStatus::Delivered))
    };
    assert!(store.record_attempt(done).await.unwrap());
    let delivery = store.delivery("d").await.unwrap().unwrap();
    assert_eq!((delivery.status, delivery.attempts, delivery.error), (DeliveryStatus::Delivered, 2, None));
    assert_eq!((delivery.attempted_at, delivery.delivered_at), (Some(2000), Some(2000)));
    assert_eq!(job_status(&fixture, "d").await, JobStatus::Completed);
    assert!(fixture.seen().is_empty(), "deliveries make no events");
}

async fn a_receiver_that_wants_nothing_more_gets_nothing_more(fixture: Fixture) {
    let store = &fixture.store;
    claimed(&fixture).await;
    store.add_delivery(delivery("later", 0)).await.unwrap();
    store.record_attempt(attempted("d", Verdict::End(DeliveryStatus::Gone))).await.unwrap();
    assert_eq!(job_status(&fixture, "d").await, JobStatus::Failed);
    assert!(!store.webhook("w").await.unwrap().unwrap().active);
    assert!(store.subscriptions(0).await.unwrap().webhooks.is_empty());
    assert!(!store.delivery_work(&"later".into()).await.unwrap().unwrap().wanted);
    assert_eq!(store.resend("w", "d", JobId::from("again"), 2, 1).await.unwrap(), Resent::Inactive);
}

async fn what_is_exhausted_can_be_sent_again(fixture: Fixture) {
    let store = &fixture.store;
    claimed(&fixture).await;
    let resend = async |job_id: &str| store.resend("w", "d", job_id.into(), 2, 4000).await.unwrap();
    assert_eq!(resend("again").await, Resent::Pending);
    store.record_attempt(attempted("d", Verdict::End(DeliveryStatus::Exhausted))).await.unwrap();
    let parked = store.job(&"d".into()).await.unwrap().unwrap().summary;
    assert_eq!(parked.status, JobStatus::Dead);
    assert!(parked.error.unwrap().as_str().contains("the webhook answered 503"));
    assert_eq!(resend("again").await, Resent::Sent);
    assert_eq!(resend("twice").await, Resent::Pending);
    assert_eq!(shown(&fixture).await, (DeliveryStatus::Pending, 1, Some(503)));
    assert_eq!(claim_deliveries(&fixture, 5000).await, ["again"]);
    assert_eq!(store.delivery_work(&"again".into()).await.unwrap().unwrap().id, "d");
    assert!(store.delivery_work(&"d".into()).await.unwrap().is_none());
    assert_eq!(store.resend("other", "d", "x".into(), 2, 1).await.unwrap(), Resent::NotFound);
    assert_eq!(store.resend("w", "none", "x".into(), 2, 1).await.unwrap(), Resent::NotFound);
}

async fn a_delivery_whose_job_was_cancelled_shows_so(fixture: Fixture) {
    let store = &fixture.store;
    create(&fixture, webhook("w", "*")).await;
    store.add_delivery(delivery("d", 0)).await.unwrap();
    let cancelled = store.request_cancel(&"d".into(), 2000).await.unwrap();
    assert_eq!(cancelled, CancelOutcome::Cancelled { flow_id: None });
    assert_eq!(shown(&fixture).await.0, DeliveryStatus::Cancelled);
    assert_eq!(store.resend("w", "d", "again".into(), 2, 4000).await.unwrap(), Resent::Sent);
    assert_eq!(shown(&fixture).await.0, DeliveryStatus::Pending);
}

async fn deleting_a_webhook_stops_what_waits(fixture: Fixture) {
    let store = &fixture.store;
    claimed(&fixture).await;
    store.add_delivery(delivery("later", 0)).await.unwrap();
    assert!(store.delete_webhook("w", 5000, audit("a")).await.unwrap());
    assert_eq!(job_status(&fixture, "later").await, JobStatus::Cancelled);
    assert_eq!(store.delivery("d").await.unwrap(), None);
    // Whoever was at it ends its job all the same.
    assert!(store.record_attempt(attempted("d", Verdict::End(DeliveryStatus::Delivered))).await.unwrap());
    assert_eq!(job_status(&fixture, "d").await, JobStatus::Completed);
}

async fn a_secret_that_changed_meanwhile_is_not_resealed(fixture: Fixture) {
    let store = &fixture.store;
    create(&fixture, webhook("w", "*")).await;
    create(&fixture, webhook("v", "*")).await;
    let secrets = vec![
        ("w".to_owned(), "nonce-other".to_owned(), sealed("lost")),
        ("v".to_owned(), "nonce-v".to_owned(), sealed("anew")),
    ];
    assert_eq!(store.reseal_webhooks(secrets, audit("a")).await.unwrap(), 1);
    let secrets = store.webhook_secrets().await.unwrap();
    assert_eq!(secrets, [("v".to_owned(), sealed("anew")), ("w".to_owned(), sealed("w"))]);
}
