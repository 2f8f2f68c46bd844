//! Uploaded blocks: components, uploads, versions, grants.

use super::*;
use crate::domain::{AuditEntry, BlockType, Grant};

conformance! {
    components_are_kept_in_parts,
    what_nothing_names_is_swept_away,
    an_upload_is_taken_over_when_its_process_is_gone,
    a_failed_upload_keeps_its_reason,
    a_version_never_changes,
    a_version_needs_its_component,
    a_type_belongs_to_its_first_uploader,
    versions_are_activated,
    grants_are_set_and_go_with_their_type,
    what_is_in_use_stays,
    rows_that_cannot_be_read_are_left_out,
}

fn block(name: &str) -> BlockType {
    name.parse().unwrap()
}

fn audit(action: &str) -> AuditEntry {
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

async fn begin(fixture: &Fixture, id: &str, digest: &str) {
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

fn version(user: &str, version: &str, digest: &str) -> NewBlockVersion {
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

fn activation(version: &str, digest: &str) -> Activation {
    let version = version.parse().unwrap();
    Activation { block_type: block("custom.x"), version, digest: digest.into(), grant: Grant::default(), now: 1600 }
}

/// Add a version whose component is kept.
async fn add(fixture: &Fixture, version: NewBlockVersion) -> AddedVersion {
    fixture.store.keep_component(&version.digest, b"abc", 1000).await.unwrap();
    fixture.store.add_block_version(version, audit("block.uploaded")).await.unwrap()
}

async fn components_are_kept_in_parts(fixture: Fixture) {
    let store = &fixture.store;
    for size in [1, PART_BYTES - 1, PART_BYTES, 3 * PART_BYTES + 17] {
        let bytes: Vec<u8> = (0..size).map(|n| (n * 7 % 256) as u8).collect();
        let digest = format!("sha256:{size}");
        assert_eq!(store.component(&digest).await.unwrap(), None);
        for _ in 0..2 {
            store.keep_component(&digest, &bytes, 1000).await.unwrap();
        }
        assert_eq!(store.component(&digest).await.unwrap().as_deref(), Some(bytes.as_slice()));
    }
    fixture.run("DELETE FROM component_parts WHERE number = 1").await;
    let cut = store.component(&format!("sha256:{}", 3 * PART_BYTES + 17)).await.unwrap();
    assert_eq!(cut, None, "never a part for the whole");
}

async fn what_nothing_names_is_swept_away(fixture: Fixture) {
    let store = &fixture.store;
    for digest in ["unused", "uploading"] {
        store.keep_component(digest, b"abc", 1000).await.unwrap();
    }
    begin(&fixture, "u", "uploading").await;
    assert_eq!(
        add(&fixture, NewBlockVersion { upload_id: "other".into(), ..version("ann", "1.0.0", "version") }).await,
        AddedVersion::Added
    );
    assert!(!store.sweep_components(1000).await.unwrap(), "it is young");
    assert!(store.sweep_components(1001).await.unwrap());
    assert!(!store.sweep_components(1001).await.unwrap());
    assert_eq!(store.component("unused").await.unwrap(), None);
    for digest in ["uploading", "version"] {
        assert!(store.component(digest).await.unwrap().is_some(), "{digest}");
    }
}

async fn an_upload_is_taken_over_when_its_process_is_gone(fixture: Fixture) {
    let store = &fixture.store;
    begin(&fixture, "u", "d").await;
    assert!(store.claim_uploads("two", 2000, 9000, 5).await.unwrap().is_empty(), "it holds until then");
    assert!(store.claim_uploads("one", 1900, 4000, 5).await.unwrap().is_empty(), "a sign of life");
    assert!(store.claim_uploads("two", 2001, 9000, 5).await.unwrap().is_empty());
    let taken = store.claim_uploads("two", 4001, 9000, 5).await.unwrap();
    assert_eq!(taken.iter().map(|upload| (upload.id.as_str(), upload.takeovers)).collect::<Vec<_>>(), [("u", 1)]);
    assert!(store.claim_uploads("one", 4002, 9000, 5).await.unwrap().is_empty());
}

async fn a_failed_upload_keeps_its_reason(fixture: Fixture) {
    let store = &fixture.store;
    begin(&fixture, "u", "d").await;
    let reason = json(r#"{"code":"foreign-import"}"#);
    store.fail_upload("u", reason.clone(), 1700).await.unwrap();
    store.fail_upload("u", json("{}"), 1800).await.unwrap();
    let upload = store.upload("u").await.unwrap().unwrap();
    assert_eq!((upload.status, upload.error, upload.updated_at), (UploadStatus::Failed, Some(reason), 1700));
    assert_eq!(store.forget_uploads(1700).await.unwrap(), 0);
    assert_eq!(store.forget_uploads(1701).await.unwrap(), 1);
    assert_eq!(store.upload("u").await.unwrap(), None);
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
    assert!(fixture.store.blocks().await.unwrap().versions.is_empty());
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
    let saved = |id: &str, document: &str| NewVersion {
        workflow_id: id.into(),
        user_id: UserId::local(),
        name: "w".into(),
        document_digest: format!("sha256:{document}"),
        document: json(document),
        at: 1,
    };
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
