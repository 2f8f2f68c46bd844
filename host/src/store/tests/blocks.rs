//! Uploaded blocks: versions, grants, and what keeps them.

use std::collections::BTreeMap;

use super::*;
use crate::domain::{AuditEntry, BlockType, Grant};

conformance! {
    a_version_never_changes,
    a_version_needs_its_component,
    a_type_belongs_to_its_first_uploader,
    versions_are_activated,
    grants_are_set_and_go_with_their_type,
    what_is_in_use_stays,
    a_workflow_names_no_block_that_is_gone,
    rows_that_cannot_be_read_are_left_out,
}

pub(super) fn block(name: &str) -> BlockType {
    name.parse().unwrap()
}

pub(super) fn audit(action: &str) -> AuditEntry {
    static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    AuditEntry {
        id: format!("audit-{number}"),
        at: 1,
        user_id: UserId::local(),
        action: action.into(),
        subject: "block/custom.x".into(),
        details: Json::null(),
    }
}

pub(super) async fn begin(fixture: &Fixture, id: &str, digest: &str) {
    let upload = NewUpload {
        id: id.into(),
        user_id: "ann".into(),
        digest: digest.into(),
        bytes: 3,
        owner: "one".into(),
        claimed_until: 2000,
        now: 1000,
    };
    fixture.store.begin_upload(upload).await.unwrap();
}

pub(super) fn version(user: &str, version: &str, digest: &str) -> NewBlockVersion {
    NewBlockVersion {
        block_type: block("custom.x"),
        version: version.parse().unwrap(),
        digest: digest.into(),
        bytes: 3,
        manifest: json(r#"{"type":"custom.x"}"#),
        reveals: false,
        user_id: user.into(),
        is_admin: false,
        upload_id: "u".into(),
        now: 1500,
    }
}

pub(super) fn activation(version: &str, digest: &str) -> Activation {
    let version = version.parse().unwrap();
    Activation { block_type: block("custom.x"), version, digest: digest.into(), grant: Grant::default(), now: 1600 }
}

/// A version of a workflow with this document.
pub(super) fn saved(id: &str, document: &str) -> NewVersion {
    NewVersion {
        workflow_id: id.into(),
        user_id: UserId::local(),
        name: "w".into(),
        uploaded: BTreeMap::new(),
        document_digest: format!("sha256:{document}"),
        document: json(document),
        at: 1,
    }
}

/// Add a version whose component is kept.
pub(super) async fn add(fixture: &Fixture, version: NewBlockVersion) -> AddedVersion {
    fixture.store.keep_component(&version.digest, b"abc", 1000).await.unwrap();
    fixture.store.add_block_version(version, audit("block.uploaded")).await.unwrap()
}

async fn a_version_never_changes(fixture: Fixture) {
    begin(&fixture, "u", "one").await;
    assert_eq!(add(&fixture, version("ann", "1.0.0", "one")).await, AddedVersion::Added);
    let upload = fixture.store.upload("u").await.unwrap().unwrap();
    let made = (block("custom.x"), "1.0.0".parse().unwrap());
    assert_eq!((upload.status, upload.version), (UploadStatus::Ready, Some(made)));
    assert_eq!(add(&fixture, version("ann", "1.0.0", "one")).await, AddedVersion::Added);
    assert_eq!(add(&fixture, version("ann", "1.0.0", "two")).await, AddedVersion::OtherBytes("one".into()));
    let rows = fixture.store.blocks().await.unwrap();
    assert_eq!(rows.versions.iter().map(|row| row.digest.as_str()).collect::<Vec<_>>(), ["one"]);
    assert_eq!(fixture.store.audit_entries(None, 10).await.unwrap().len(), 1, "it was uploaded once");
}

async fn a_version_needs_its_component(fixture: Fixture) {
    let new = version("ann", "1.0.0", "swept");
    let added = fixture.store.add_block_version(new, audit("block.uploaded")).await.unwrap();
    assert_eq!(added, AddedVersion::NotKept);
    let rows = fixture.store.blocks().await.unwrap();
    assert!(rows.versions.is_empty());
    assert!(rows.types.is_empty(), "a type without versions is nobody's to delete");
}

async fn a_type_belongs_to_its_first_uploader(fixture: Fixture) {
    add(&fixture, version("ann", "1.0.0", "one")).await;
    begin(&fixture, "u", "two").await;
    assert_eq!(add(&fixture, version("bob", "2.0.0", "two")).await, AddedVersion::NotOwner);
    assert_eq!(fixture.store.upload("u").await.unwrap().unwrap().status, UploadStatus::Compiling);
    let by_admin = NewBlockVersion { is_admin: true, ..version("bob", "2.0.0", "two") };
    assert_eq!(add(&fixture, by_admin).await, AddedVersion::Added);
    let rows = fixture.store.blocks().await.unwrap();
    assert_eq!(rows.types, [BlockRow { block_type: block("custom.x"), user_id: "ann".into(), active: None }]);
    assert_eq!(rows.versions.len(), 2);
}

async fn versions_are_activated(fixture: Fixture) {
    let activate = async |version: &str| {
        let digest = if version == "1.0.0" { "one" } else { "two" };
        fixture.store.activate_block(activation(version, digest), audit("block.activated")).await.unwrap()
    };
    assert!(!activate("1.0.0").await);
    add(&fixture, version("ann", "1.0.0", "one")).await;
    add(&fixture, version("ann", "1.1.0-rc.1+b", "two")).await;
    for wanted in ["1.0.0", "1.1.0-rc.1+b", "1.0.0"] {
        assert!(activate(wanted).await);
        let active = fixture.store.blocks().await.unwrap().types[0].active.clone();
        assert_eq!(active, Some(wanted.parse().unwrap()));
    }
    assert!(!activate("2.0.0").await);
    // Of other bytes than were looked at, or under another grant.
    let other = activation("1.0.0", "two");
    assert!(!fixture.store.activate_block(other, audit("block.activated")).await.unwrap());
    let grant = Grant { stateless: true, ..Grant::default() };
    assert!(
        fixture.store.grant_block(block("custom.x"), grant.clone(), true, 1, audit("block.granted")).await.unwrap()
    );
    assert!(!activate("1.0.0").await);
    let checked = Activation { grant, ..activation("1.0.0", "one") };
    assert!(fixture.store.activate_block(checked, audit("block.activated")).await.unwrap());
    let rows = fixture.store.blocks().await.unwrap();
    assert!(rows.versions.iter().all(|row| row.activated));
    assert_eq!(fixture.store.audit_entries(None, 10).await.unwrap().len(), 7);
}

async fn grants_are_set_and_go_with_their_type(fixture: Fixture) {
    let store = &fixture.store;
    add(&fixture, version("ann", "1.0.0", "one")).await;
    for stateless in [false, true] {
        let grant = Grant { stateless, ..Grant::default() };
        for name in ["custom.x", "api.hunter"] {
            let uploaded = name == "custom.x";
            assert!(store.grant_block(block(name), grant.clone(), uploaded, 1, audit("block.granted")).await.unwrap());
        }
        let rows = store.blocks().await.unwrap();
        assert_eq!(rows.grants, [(block("api.hunter"), grant.clone()), (block("custom.x"), grant)]);
    }
    let deleted = store.delete_block(block("custom.x"), audit("block.deleted")).await.unwrap();
    assert_eq!(deleted, DeletedBlock::Deleted);
    let rows = store.blocks().await.unwrap();
    assert_eq!((rows.types.len(), rows.versions.len(), rows.grants.len()), (0, 0, 1));
    let again = store.delete_block(block("custom.x"), audit("block.deleted")).await.unwrap();
    assert_eq!(again, DeletedBlock::NotFound);
    let late = store.grant_block(block("custom.x"), Grant::default(), true, 1, audit("block.granted")).await.unwrap();
    assert!(!late, "a grant that comes too late is nobody's");
}

async fn what_is_in_use_stays(fixture: Fixture) {
    let store = &fixture.store;
    add(&fixture, version("ann", "1.0.0", "one")).await;
    let delete = async || store.delete_block(block("custom.x"), audit("block.deleted")).await.unwrap();
    // Of other types, or in words alone.
    store.create_workflow(saved("a", r#"{"name":"custom.x","nodes":[{"type":"custom.xy"}]}"#)).await.unwrap();
    store.create_workflow(saved("b", r#"{"nodes":[{"type":"custom.x@1.0.0"}]}"#)).await.unwrap();
    store.create_workflow(saved("c", r#"{"nodes":[{"type":"core.filter"},{"type":"custom.x"}]}"#)).await.unwrap();
    store.save_workflow(saved("c", r#"{"nodes":[]}"#), None).await.unwrap();
    assert_eq!(
        delete().await,
        DeletedBlock::UsedByWorkflows(vec!["b".into(), "c".into()]),
        "older versions can be run"
    );
    for id in ["b", "c"] {
        assert!(store.delete_workflow(id, 2).await.unwrap());
    }
    let blocks = json(r#"{"custom.x@1":"one","custom.y":"two"}"#);
    let submission = Submission { blocks, ..submission("e") };
    fixture.put(vec![Record::Submission(Box::new(submission))]).await;
    assert_eq!(delete().await, DeletedBlock::UsedByExecutions(vec!["e".into()]));
    fixture.put(vec![finished("e", ExecutionStatus::Failed)]).await;
    assert_eq!(delete().await, DeletedBlock::Deleted);
}

async fn a_workflow_names_no_block_that_is_gone(fixture: Fixture) {
    let store = &fixture.store;
    let naming = |id: &str| NewVersion {
        uploaded: BTreeMap::from([(block("custom.x"), 1)]),
        ..saved(id, r#"{"nodes":[{"type":"core.filter"},{"type":"custom.x"}]}"#)
    };
    let key = || IdempotencyKey {
        user_id: UserId::local(),
        kind: "workflow",
        key: "k".into(),
        fingerprint: "f".into(),
        at: 1,
    };
    let is_unknown = |error: StoreError| match error {
        StoreError::UnknownBlock { block_type, node } => (block_type, node) == (block("custom.x"), 1),
        _ => false,
    };
    store.create_workflow(saved("old", r#"{"nodes":[]}"#)).await.unwrap();
    assert!(is_unknown(store.create_workflow(naming("w")).await.unwrap_err()));
    assert!(is_unknown(store.create_workflow_once(naming("w"), key()).await.unwrap_err()));
    assert!(is_unknown(store.save_workflow(naming("old"), None).await.unwrap_err()));
    assert_eq!(store.workflow("w", None).await.unwrap(), None);
    assert_eq!(store.workflow("old", None).await.unwrap().unwrap().version, 1);
    add(&fixture, version("ann", "1.0.0", "one")).await;
    let made = store.create_workflow_once(naming("w"), key()).await.unwrap();
    assert_eq!(made, Once::Done(Saved { version: 1 }), "the refusal has used no key");
    assert_eq!(store.save_workflow(naming("old"), None).await.unwrap(), Some(Saved { version: 2 }));
}

async fn rows_that_cannot_be_read_are_left_out(fixture: Fixture) {
    add(&fixture, version("ann", "1.0.0", "one")).await;
    add(&fixture, version("ann", "2.0.0", "two")).await;
    fixture.run("UPDATE block_versions SET manifest = 'none' WHERE version = '1.0.0'").await;
    let grant = Grant { stateless: true, ..Grant::default() };
    fixture.store.grant_block(block("api.hunter"), grant, false, 1, audit("block.granted")).await.unwrap();
    fixture.run("UPDATE block_grants SET rules = '{\"later\":1}'").await;
    let rows = fixture.store.blocks().await.unwrap();
    assert_eq!(rows.grants, [(block("api.hunter"), Grant::default())], "what cannot be read allows nothing");
    let versions = rows.versions;
    assert_eq!(versions.iter().map(|row| row.version.to_string()).collect::<Vec<_>>(), ["2.0.0"]);
}
