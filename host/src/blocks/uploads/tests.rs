//! What is looked at before a component is compiled, and what is looked after. What becomes of whole uploads is tested end
//! to end.

use super::super::builtin::COMPONENTS;
use super::super::testing::runtime;
use super::problem::COMPILE_CRASHED;
use super::receive::MOST_BEGUN;
use super::*;
use crate::domain::{AuditEntry, Json};
use crate::runtime::{CompileTurn, ComponentError, Runtime, inspect};
use crate::store::{AddedVersion, BLOCKS_CHANGED, NewBlockVersion, Notice, UploadStatus};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// A process with these, that does nothing by itself.
fn process(runtime: &Runtime, store: &Store) -> Uploads {
    let catalogue = Catalogue::empty(runtime.clone());
    Uploads::new(store.clone(), catalogue, UploadConfig::default(), Sources::system())
}

/// Hand in a component that is no block of a user, as one finds that has compiled it.
async fn received(uploads: &Uploads) -> String {
    let uploader = Uploader { user_id: UserId::local(), is_admin: true };
    uploads.receive(uploader, bytes::Bytes::from_static(COMPONENTS[0].2)).await.unwrap().id
}

/// An upload that a process in good order has left while others compiled: theirs is the turn.
async fn left_waiting<'a>(runtime: &'a Runtime, store: &Store) -> (CompileTurn<'a>, String) {
    let turn = runtime.compile_turn(runtime.compile_claim("another").await).await;
    let first = process(runtime, store);
    let id = received(&first).await;
    first.stop().await;
    (turn, id)
}

/// The code of the error that an upload ends with.
async fn failed(store: &Store, id: &str) -> String {
    let ended = async {
        loop {
            let upload = store.upload(id).await.unwrap().unwrap();
            if upload.status != UploadStatus::Compiling {
                return upload;
            }
        }
    };
    let upload = tokio::time::timeout(PATIENCE, ended).await.unwrap();
    upload.error.unwrap().to_value().unwrap()["code"].as_str().unwrap().to_owned()
}

fn entry(action: &str) -> AuditEntry {
    AuditEntry {
        id: Sources::system().id(),
        at: 1,
        user_id: UserId::local(),
        action: action.to_owned(),
        subject: "block/custom.x".to_owned(),
        details: Json::null(),
    }
}

/// A stateless block whose code is never looked at, as another process adds it.
async fn added(store: &Store) -> BlockType {
    let block_type: BlockType = "custom.x".parse().unwrap();
    let manifest = json!({
        "type": "custom.x", "version": "1.0.0", "name": "X", "configSchema": true, "inputSchema": true,
        "outputs": [{"port": "out"}], "stateless": true,
    });
    store.keep_component("sha256:x", b"abc", 1).await.unwrap();
    let new = NewBlockVersion {
        block_type: block_type.clone(),
        version: Version::new(1, 0, 0),
        digest: "sha256:x".to_owned(),
        bytes: 3,
        manifest: manifest.into(),
        reveals: false,
        user_id: UserId::local(),
        is_admin: true,
        upload_id: "u".to_owned(),
        now: 1,
    };
    assert_eq!(store.add_block_version(new, entry(audit::BLOCK_UPLOADED)).await.unwrap(), AddedVersion::Added);
    block_type
}

/// Have another process set the grant.
async fn granted_elsewhere(store: &Store, block_type: &BlockType, stateless: bool) {
    let grant = Grant { stateless, ..Grant::default() };
    assert!(store.grant_block(block_type.clone(), grant, true, 1, entry(audit::BLOCK_GRANTED)).await.unwrap());
}

/// Wait until a process knows of the grant.
async fn knows(uploads: &Uploads, block_type: &BlockType, stateless: bool) {
    let known = async {
        while uploads.0.catalogue.grant(block_type).stateless != stateless {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, known).await.unwrap();
}

#[tokio::test]
async fn stops_in_good_order_are_not_held_against_an_upload() {
    let (runtime, store) = runtime(None, Sources::system()).await;
    let (turn, id) = left_waiting(&runtime, &store).await;
    for _ in 0..=MOST_BEGUN {
        let next = process(&runtime, &store);
        // What was given back need not be waited for.
        next.look_after(false).await;
        assert_eq!(next.0.tasks.len(), 1);
        next.stop().await;
    }
    drop(turn);
    let last = process(&runtime, &store);
    last.look_after(false).await;
    assert_eq!(failed(&store, &id).await, "reserved-category", "it was compiled");
    last.stop().await;
}

#[tokio::test]
async fn an_upload_during_which_processes_end_is_given_up() {
    let (runtime, store) = runtime(None, Sources::system()).await;
    let (turn, id) = left_waiting(&runtime, &store).await;
    for number in 1..=MOST_BEGUN {
        // Killed: nothing is given back.
        let killed = format!("killed-{number}");
        assert_eq!(store.claim_uploads(&killed, i64::MAX, 0, 1).await.unwrap().len(), 1);
        assert_eq!(store.begin_compiling(&id, &killed).await.unwrap(), Some(number));
    }
    drop(turn);
    let last = process(&runtime, &store);
    last.look_after(true).await;
    assert_eq!(failed(&store, &id).await, COMPILE_CRASHED);
    last.stop().await;
}

#[tokio::test]
async fn a_change_that_cannot_be_read_is_read_later() {
    let (runtime, store) = runtime(None, Sources::system()).await;
    let block_type = added(&store).await;
    let uploads = process(&runtime, &store);
    granted_elsewhere(&store, &block_type, true).await;
    uploads.0.catalogue.refresh().await.unwrap();
    let inner = Arc::clone(&uploads.0);
    // It looks at nothing unless it is told to.
    uploads.spawn(async move { inner.keep_up(Duration::MAX).await });
    granted_elsewhere(&store, &block_type, false).await;
    store.spoil("ALTER TABLE blocks RENAME TO hidden").await;
    uploads.hear(&Notice::Changed(BLOCKS_CHANGED.to_owned()));
    // Whoever reads the blocks waits for those before: once this has failed, so has what was told to.
    tokio::task::yield_now().await;
    uploads.0.catalogue.refresh().await.unwrap_err();
    assert!(uploads.0.catalogue.grant(&block_type).stateless);
    store.spoil("ALTER TABLE hidden RENAME TO blocks").await;
    knows(&uploads, &block_type, false).await;
    uploads.stop().await;
}

#[tokio::test]
async fn a_change_that_nobody_tells_of_is_noticed() {
    let (runtime, store) = runtime(None, Sources::system()).await;
    let block_type = added(&store).await;
    let uploads = process(&runtime, &store);
    let inner = Arc::clone(&uploads.0);
    uploads.spawn(async move { inner.keep_up(Duration::from_millis(1)).await });
    for stateless in [true, false] {
        granted_elsewhere(&store, &block_type, stateless).await;
        knows(&uploads, &block_type, stateless).await;
    }
    // What has not changed is not offered anew.
    let generation = uploads.0.catalogue.generation();
    for _ in 0..3 {
        uploads.0.catalogue.refresh().await.unwrap();
    }
    assert_eq!(uploads.0.catalogue.generation(), generation);
    uploads.stop().await;
}

#[test]
fn every_built_in_block_passes() {
    for (name, _, bytes) in COMPONENTS {
        let found = inspect(bytes).unwrap();
        found.check().unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(!found.reveals(), "{name}");
    }
}

#[test]
fn every_cut_of_a_component_is_refused() {
    let (_, _, whole) = COMPONENTS[0];
    // What is left by a cut between two sections is a component, but no block.
    let is_refused = |cut: usize| match inspect(&whole[..cut]) {
        Err(ComponentError::Malformed(_)) => true,
        Err(_) => false,
        Ok(found) => matches!(found.check(), Err(ComponentError::WrongWorld(_))),
    };
    for cut in (0..64).chain((64..whole.len()).step_by(whole.len() / 50)).chain([whole.len() - 1]) {
        assert!(is_refused(cut), "{cut} of {}", whole.len());
    }
}
