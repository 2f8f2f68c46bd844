//! Incoming triggers, found by what is kept of their token.

use super::*;
use crate::domain::AuditEntry;

conformance! {
    a_trigger_is_found_by_its_token,
    a_token_is_that_of_one_trigger,
    triggers_are_switched_and_deleted_with_their_entry,
    triggers_are_listed_newest_first,
}

fn trigger(id: &str) -> Trigger {
    Trigger {
        id: id.into(),
        user_id: UserId::local(),
        workflow_id: "w".into(),
        version: Some(2),
        mode: Mode::Demo,
        active: true,
        created_at: 1,
        updated_at: 1,
    }
}

fn audited(id: &str) -> AuditEntry {
    AuditEntry {
        id: id.into(),
        at: 5,
        user_id: UserId::local(),
        action: "trigger".into(),
        subject: "trigger".into(),
        details: Json::null(),
    }
}

async fn create(fixture: &Fixture, trigger: Trigger) {
    let (hash, entry) = (format!("hash of {}", trigger.id), audited(&trigger.id));
    assert_eq!(fixture.store.create_trigger(trigger, hash, entry, None).await.unwrap(), Once::Done(()));
}

async fn a_trigger_is_found_by_its_token(fixture: Fixture) {
    create(&fixture, trigger("t")).await;
    create(&fixture, Trigger { version: None, mode: Mode::Production, ..trigger("u") }).await;
    let store = &fixture.store;
    assert_eq!(store.trigger_by_token("hash of t").await.unwrap(), Some(trigger("t")));
    assert_eq!(store.trigger("u").await.unwrap().unwrap().version, None);
    for odd in ["hash of v", "", "t", "hash of t ", "%"] {
        assert_eq!(store.trigger_by_token(odd).await.unwrap(), None, "{odd}");
    }
}

async fn a_token_is_that_of_one_trigger(fixture: Fixture) {
    create(&fixture, trigger("t")).await;
    let again = fixture.store.create_trigger(trigger("u"), "hash of t".into(), audited("u"), None).await;
    assert!(again.is_err());
    assert_eq!(fixture.store.trigger("u").await.unwrap(), None);
    assert_eq!(fixture.store.audit_entries(None, 9).await.unwrap().len(), 1);
    let key = || IdempotencyKey {
        user_id: UserId::local(),
        kind: "trigger",
        key: "k".into(),
        fingerprint: "f".into(),
        at: 1,
    };
    let create = async |id: &str| {
        fixture.store.create_trigger(trigger(id), id.to_owned(), audited(id), Some(key())).await.unwrap()
    };
    assert_eq!((create("v").await, create("w").await), (Once::Done(()), Once::Known("v".into())));
}

async fn triggers_are_switched_and_deleted_with_their_entry(fixture: Fixture) {
    create(&fixture, trigger("t")).await;
    let store = &fixture.store;
    assert!(store.switch_trigger("t", false, audited("off")).await.unwrap());
    assert_eq!(store.trigger("t").await.unwrap(), Some(Trigger { active: false, updated_at: 5, ..trigger("t") }));
    assert!(!store.switch_trigger("none", true, audited("nothing")).await.unwrap());
    assert!(store.delete_trigger("t", audited("deleted")).await.unwrap());
    assert!(!store.delete_trigger("t", audited("gone")).await.unwrap());
    assert_eq!(store.trigger_by_token("hash of t").await.unwrap(), None);
    let entries = store.audit_entries(None, 9).await.unwrap();
    assert_eq!(entries.iter().map(|entry| entry.id.as_str()).collect::<Vec<_>>(), ["t", "off", "deleted"]);
}

async fn triggers_are_listed_newest_first(fixture: Fixture) {
    for (id, created_at) in [("a", 1), ("b", 2), ("c", 2)] {
        create(&fixture, Trigger { created_at, ..trigger(id) }).await;
    }
    let list = async |filter: TriggerFilter| {
        let found = fixture.store.triggers(&filter).await.unwrap();
        found.into_iter().map(|trigger| trigger.id).collect::<Vec<_>>()
    };
    let all = TriggerFilter { limit: 10, ..TriggerFilter::default() };
    assert_eq!(list(all.clone()).await, ["c", "b", "a"]);
    let after = Some(Cursor { at: 2, id: "c".into() });
    assert_eq!(list(TriggerFilter { after, limit: 1, ..all.clone() }).await, ["b"]);
    assert_eq!(list(TriggerFilter { workflow_id: Some("other".into()), ..all.clone() }).await, [""; 0]);
    assert_eq!(list(TriggerFilter { user_id: Some("other".into()), ..all }).await, [""; 0]);
}
