//! Saved workflows.

use super::*;

conformance! {
    workflows_are_versioned,
    a_deleted_id_may_be_taken_again,
}

fn version(id: &str, name: &str, at: i64) -> NewVersion {
    NewVersion {
        workflow_id: id.into(),
        user_id: UserId::local(),
        name: name.into(),
        uploaded: Default::default(),
        document_digest: format!("sha256:{name}"),
        document: json(&format!("{{\"name\":\"{name}\"}}")),
        at,
    }
}

async fn workflows_are_versioned(fixture: Fixture) {
    let store = &fixture.store;
    assert_eq!(store.save_workflow(version("w", "one", 1), None).await.unwrap(), None);
    assert_eq!(store.create_workflow(version("w", "one", 1)).await.unwrap().version, 1);
    let error = store.create_workflow(version("w", "one", 1)).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict { .. }));
    assert_eq!(store.save_workflow(version("w", "two", 2), Some(1)).await.unwrap().unwrap().version, 2);
    let error = store.save_workflow(version("w", "three", 3), Some(1)).await.unwrap_err();
    assert_eq!(error.to_string(), "workflow `w` is at version 2, not 1");
    let latest = store.workflow("w", None).await.unwrap().unwrap();
    assert_eq!((latest.version, latest.latest_version, latest.name.as_str()), (2, 2, "two"));
    assert_eq!((latest.created_at, latest.updated_at), (1, 2));
    let first = store.workflow("w", Some(1)).await.unwrap().unwrap();
    assert_eq!((first.version, first.latest_version, first.document), (1, 2, json(r#"{"name":"one"}"#)));
    assert_eq!((first.created_at, first.updated_at), (1, 1));
    assert_eq!(store.workflow("w", Some(3)).await.unwrap(), None);
    assert_eq!(store.document("sha256:one").await.unwrap(), Some(json(r#"{"name":"one"}"#)));
    assert_eq!(store.document("sha256:none").await.unwrap(), None);
    let versions: Vec<u32> = store.workflow_versions("w").await.unwrap().iter().map(|row| row.version).collect();
    assert_eq!(versions, [2, 1]);
}

async fn a_deleted_id_may_be_taken_again(fixture: Fixture) {
    let store = &fixture.store;
    store.create_workflow(version("w", "one", 1)).await.unwrap();
    assert!(store.delete_workflow("w", 2).await.unwrap());
    assert!(!store.delete_workflow("w", 3).await.unwrap());
    assert_eq!(store.workflow("w", None).await.unwrap(), None);
    assert_eq!(store.workflow("w", Some(1)).await.unwrap(), None);
    assert!(store.workflow_versions("w").await.unwrap().is_empty());
    assert_eq!(store.save_workflow(version("w", "two", 3), None).await.unwrap(), None);
    assert_eq!(store.create_workflow(version("w", "two", 4)).await.unwrap().version, 2);
    assert_eq!(store.workflow("w", None).await.unwrap().unwrap().created_at, 4);
    assert_eq!(store.workflow("w", Some(1)).await.unwrap(), None, "belonged to the one before");
}
