//! Encrypted secrets and the audit log.

use crate::domain::{AuditEntry, Owner};

use super::*;

conformance! {
    a_secret_is_put_replaced_and_deleted,
    each_change_has_its_audit_entry,
    secrets_are_listed_for_their_user,
    a_secret_that_changed_meanwhile_is_not_resealed,
    audit_entries_come_in_pages,
}

fn sealed(owner: Owner, name: &str, at: i64) -> SealedSecret {
    SealedSecret {
        owner,
        name: name.parse().unwrap(),
        value: format!("value-{at}"),
        nonce: format!("nonce-{at}"),
        key_id: "key".into(),
        hosts: vec!["a.example".into(), "b.example".into()],
        blocks: Some(vec!["api.hunter".parse().unwrap()]),
        created_at: at,
        updated_at: at,
    }
}

fn user(name: &str) -> Owner {
    Owner::User(name.into())
}

fn entry(id: &str, at: i64) -> AuditEntry {
    AuditEntry {
        id: id.into(),
        at,
        user_id: UserId::local(),
        action: "secret.deleted".into(),
        subject: "secret/x".into(),
        details: json(r#"{"a":1}"#),
    }
}

async fn actions(fixture: &Fixture) -> Vec<String> {
    fixture.store.audit_entries(None, 100).await.unwrap().into_iter().map(|entry| entry.action).collect()
}

async fn a_secret_is_put_replaced_and_deleted(fixture: Fixture) {
    let store = &fixture.store;
    let first = sealed(user("u"), "x", 1);
    let put = store.put_secret(first.clone(), entry("a", 1)).await.unwrap();
    assert_eq!(put, PutSecret { created: true, created_at: 1 });
    assert_eq!(store.secret(&first.owner, &first.name).await.unwrap(), Some(first.clone()));
    let second = SealedSecret { blocks: None, ..sealed(user("u"), "x", 2) };
    let put = store.put_secret(second.clone(), entry("b", 2)).await.unwrap();
    assert_eq!(put, PutSecret { created: false, created_at: 1 });
    let stored = store.secret(&first.owner, &first.name).await.unwrap().unwrap();
    assert_eq!(stored, SealedSecret { created_at: 1, ..second });
    assert!(store.delete_secret(first.owner.clone(), first.name.clone(), entry("c", 3)).await.unwrap());
    assert!(!store.delete_secret(first.owner.clone(), first.name.clone(), entry("d", 4)).await.unwrap());
    assert_eq!(store.secret(&first.owner, &first.name).await.unwrap(), None);
}

async fn each_change_has_its_audit_entry(fixture: Fixture) {
    let store = &fixture.store;
    let secret = sealed(Owner::Shared, "x", 1);
    store.put_secret(secret.clone(), entry("a", 1)).await.unwrap();
    store.put_secret(secret.clone(), entry("b", 2)).await.unwrap();
    store.delete_secret(Owner::Shared, secret.name.clone(), entry("c", 3)).await.unwrap();
    // Nothing is deleted, so nothing is said.
    store.delete_secret(Owner::Shared, secret.name.clone(), entry("d", 4)).await.unwrap();
    assert_eq!(actions(&fixture).await, ["secret.deleted", "secret.updated", "secret.created"]);
    // An entry that cannot be written takes the change with it.
    assert!(store.put_secret(secret.clone(), entry("a", 5)).await.is_err());
    assert_eq!(store.secret(&Owner::Shared, &secret.name).await.unwrap(), None);
}

async fn secrets_are_listed_for_their_user(fixture: Fixture) {
    let store = &fixture.store;
    // The last user is called like the owner of what everyone has.
    for (index, owner) in [Owner::Shared, user("u"), user("v"), user("shared")].into_iter().enumerate() {
        for name in ["x", "only"] {
            let name = if name == "x" { "x".to_owned() } else { format!("only-{index}") };
            store.put_secret(sealed(owner.clone(), &name, 1), entry(&format!("{index}{name}"), 1)).await.unwrap();
        }
    }
    let names = async |user: &str| {
        let secrets = store.list_secrets(&user.into()).await.unwrap();
        secrets.iter().map(|secret| format!("{}:{}", secret.owner.as_str(), secret.name)).collect::<Vec<_>>()
    };
    assert_eq!(names("u").await, ["shared:only-0", "u:only-1", "u:x", "shared:x"]);
    assert_eq!(names("nobody").await, ["shared:only-0", "shared:x"]);
    assert_eq!(store.all_secrets().await.unwrap().len(), 8);
}

async fn a_secret_that_changed_meanwhile_is_not_resealed(fixture: Fixture) {
    let store = &fixture.store;
    for (name, at) in [("x", 1), ("y", 2)] {
        store.put_secret(sealed(Owner::Shared, name, at), entry(name, at)).await.unwrap();
    }
    let reseal = |name: &str, at: i64| Resealed {
        old_nonce: format!("nonce-{at}"),
        secret: SealedSecret { hosts: vec!["elsewhere".into()], ..sealed(Owner::Shared, name, 7) },
    };
    store.put_secret(sealed(Owner::Shared, "y", 3), entry("later", 3)).await.unwrap();
    let count = store.reseal_secrets(vec![reseal("x", 1), reseal("y", 2)], entry("r", 4)).await.unwrap();
    assert_eq!(count, 1);
    let stored = async |name: &str| store.secret(&Owner::Shared, &name.parse().unwrap()).await.unwrap().unwrap();
    let x = stored("x").await;
    assert_eq!((x.value.as_str(), x.nonce.as_str(), x.created_at, x.updated_at), ("value-7", "nonce-7", 1, 1));
    assert_eq!(x.hosts.len(), 2, "only what is encrypted changes");
    assert_eq!(stored("y").await.value, "value-3");
    // Nothing is left as it was read: no change and no entry.
    assert_eq!(store.reseal_secrets(vec![reseal("x", 1)], entry("s", 5)).await.unwrap(), 0);
    assert_eq!(store.audit_entries(None, 100).await.unwrap().len(), 4);
}

async fn audit_entries_come_in_pages(fixture: Fixture) {
    let store = &fixture.store;
    for (id, at) in [("a", 1), ("b", 2), ("c", 2), ("d", 3)] {
        store.audit(AuditEntry { details: Json::null(), ..entry(id, at) }).await.unwrap();
    }
    let first = store.audit_entries(None, 2).await.unwrap();
    assert_eq!(first[0], AuditEntry { details: Json::null(), ..entry("d", 3) });
    let ids = |entries: &[AuditEntry]| entries.iter().map(|entry| entry.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&first), ["d", "c"]);
    let after = Cursor { at: 2, id: "c".into() };
    assert_eq!(ids(&store.audit_entries(Some(&after), 2).await.unwrap()), ["b", "a"]);
}
