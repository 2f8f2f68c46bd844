//! Components that are uploaded, and uploads until they have ended.

use super::blocks::{add, audit, begin, version};
use super::*;

conformance! {
    components_are_kept_in_parts,
    what_nothing_names_is_swept_away,
    what_is_left_of_a_component_that_cannot_be_kept_is_let_go_of,
    parts_of_a_component_that_something_names_stay,
    an_upload_is_taken_over_when_its_process_is_gone,
    what_is_given_back_is_anybodys_at_once,
    compiling_counts_when_it_begins,
    a_failed_upload_keeps_its_reason,
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
    assert_eq!(taken.iter().map(|upload| (upload.id.as_str(), upload.begun)).collect::<Vec<_>>(), [("u", 0)]);
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

/// Have the second of two parts of one size fail.
const SPOILED: &str = "CREATE UNIQUE INDEX spoiled ON component_parts ((length(content)))";

async fn what_is_left_of_a_component_that_cannot_be_kept_is_let_go_of(fixture: Fixture) {
    const LEFT: &str =
        "SELECT (SELECT COUNT(*) FROM component_parts) + (SELECT COUNT(*) FROM components WHERE digest <> 'other')";
    let store = &fixture.store;
    store.keep_component("other", b"abc", 1000).await.unwrap();
    fixture.run(SPOILED).await;
    let large = vec![7; 3 * PART_BYTES];
    let error = store.keep_component("large", &large, 1000).await.unwrap_err();
    assert!(matches!(error, StoreError::Database(_)), "{error}");
    assert_eq!(fixture.number(LEFT).await, 1, "the part of the other one alone");
    fixture.run("DROP INDEX spoiled").await;
    store.keep_component("large", &large, 1000).await.unwrap();
    assert_eq!(store.component("large").await.unwrap(), Some(large));
    // What somebody else keeps at the same moment.
    store.discard_component("large", 999).await;
    assert_eq!(fixture.number(LEFT).await, 1 + 3 + 1);
    store.discard_component("large", 1000).await;
    assert_eq!(fixture.number(LEFT).await, 1);
}

async fn parts_of_a_component_that_something_names_stay(fixture: Fixture) {
    const PARTS: &str = "SELECT COUNT(*) FROM component_parts";
    let store = &fixture.store;
    let large = vec![7; 3 * PART_BYTES];
    let bytes = large.len() as u64;
    for digest in ["uploading", "version"] {
        store.keep_component(digest, &large, 1000).await.unwrap();
    }
    begin(&fixture, "u", "uploading").await;
    let new = NewBlockVersion { bytes, upload_id: "other".into(), ..version("ann", "1.0.0", "version") };
    let added = store.add_block_version(new, audit("block.uploaded")).await.unwrap();
    assert_eq!(added, AddedVersion::Added);
    fixture.run("DELETE FROM component_parts WHERE number > 0 OR digest <> 'version'").await;
    fixture.run(SPOILED).await;
    store.keep_component("version", &large, 1000).await.unwrap_err();
    assert_eq!(fixture.number(PARTS).await, 1);
    fixture.run("DROP INDEX spoiled").await;
    for digest in ["uploading", "version"] {
        store.keep_component(digest, &large, 1000).await.unwrap();
        store.discard_component(digest, 1000).await;
        assert_eq!(store.component(digest).await.unwrap().as_ref(), Some(&large));
    }
}

async fn what_is_given_back_is_anybodys_at_once(fixture: Fixture) {
    let store = &fixture.store;
    begin(&fixture, "compiling", "d").await;
    begin(&fixture, "waiting", "d").await;
    assert_eq!(store.begin_compiling("compiling", "one").await.unwrap(), Some(1));
    // Only who has it gives it back.
    store.release_uploads("two", vec!["compiling".into()]).await.unwrap();
    assert!(store.claim_uploads("two", 1500, 9000, 5).await.unwrap().is_empty());
    store.release_uploads("one", vec!["compiling".into(), "unknown".into()]).await.unwrap();
    let taken = store.claim_uploads("two", 1500, 9000, 5).await.unwrap();
    let taken: Vec<_> = taken.iter().map(|upload| (upload.id.as_str(), upload.begun)).collect();
    assert_eq!(taken, [("compiling", 0), ("waiting", 0)]);
    assert_eq!(store.begin_compiling("compiling", "one").await.unwrap(), None, "it is another's");
}

async fn compiling_counts_when_it_begins(fixture: Fixture) {
    let store = &fixture.store;
    begin(&fixture, "u", "d").await;
    for (number, owner) in (1..).zip(["one", "two", "three"]) {
        let now = 10_000 * i64::from(number);
        // Any number of processes may come and go before.
        for before in ["a", "b", owner] {
            store.claim_uploads(before, now, now - 1, 5).await.unwrap();
        }
        assert_eq!(store.begin_compiling("u", owner).await.unwrap(), Some(number));
        assert_eq!(store.upload("u").await.unwrap().unwrap().begun, number);
    }
    store.fail_upload("u", json("{}"), 1700).await.unwrap();
    assert_eq!(store.begin_compiling("u", "three").await.unwrap(), None);
}
