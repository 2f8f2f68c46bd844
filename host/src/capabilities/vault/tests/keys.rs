//! Master keys, their file, and changing them.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

#[tokio::test]
async fn another_master_key_is_told_of_and_the_previous_one_helps() {
    let mut fixture = Fixture::new(with_key(KEY));
    let vault = fixture.open().await;
    vault.put(&UserId::local(), own("hunter", CANARY)).await.unwrap();
    vault.close().await;
    fixture.config = with_key(OTHER_KEY);
    let vault = fixture.open().await;
    let error = refusal(&vault).await;
    assert!(error.contains("`hunter` (local)") && error.contains("another master key"), "{error}");
    vault.close().await;
    fixture.config.previous_keys = vec![Zeroizing::new(KEY.to_owned())];
    let vault = fixture.open().await;
    assert_eq!(vault.value("hunter", "local", "api.hunter").await.as_deref(), Some(CANARY));
    vault.close().await;
    // It was encrypted anew, so the old key may go.
    fixture.config.previous_keys.clear();
    let vault = fixture.open().await;
    assert_eq!(vault.value("hunter", "local", "api.hunter").await.as_deref(), Some(CANARY));
    let last = vault.0.store.audit_entries(None, 1).await.unwrap().remove(0);
    assert_eq!((last.user_id.as_str(), last.action.as_str()), ("system", "secrets.rotated"));
}

#[tokio::test]
async fn rotating_encrypts_everything_anew_and_leaves_what_it_cannot_read() {
    let mut fixture = Fixture::new(with_key(KEY));
    let vault = fixture.open().await;
    vault.put(&UserId::local(), own("lost", CANARY)).await.unwrap();
    vault.close().await;
    fixture.config = with_key(OTHER_KEY);
    let vault = fixture.open().await;
    vault.put(&UserId::local(), own("hunter", CANARY)).await.unwrap();
    let sealed = async || vault.0.store.all_secrets().await.unwrap();
    let before = sealed().await;
    let rotated = vault.rotate(&UserId::local()).await.unwrap();
    assert_eq!((rotated.resealed, rotated.unreadable.len()), (1, 1));
    assert_eq!(rotated.unreadable[0].0, "`lost` (local)");
    let after = sealed().await;
    assert_ne!((&before[0].nonce, &before[0].value), (&after[0].nonce, &after[0].value));
    assert_eq!(before[1], after[1]);
    assert_eq!(vault.value("hunter", "local", "api.hunter").await.as_deref(), Some(CANARY));
}

#[tokio::test]
async fn two_starts_at_once_make_one_key_file_that_only_its_owner_reads() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("deep.key");
    let starts = (0..8).map(|_| {
        let path = path.clone();
        tokio::task::spawn_blocking(move || key_file::load_or_create(&path).unwrap().id().to_owned())
    });
    let ids = futures::future::join_all(starts).await;
    let ids: Vec<String> = ids.into_iter().map(Result::unwrap).collect();
    assert!(ids.iter().all(|id| *id == ids[0] && id.len() == 16), "{ids:?}");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "no draft is left");
}

#[test]
fn a_key_file_that_others_can_read_or_that_holds_no_key_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.key");
    key_file::load_or_create(&path).unwrap();
    for mode in [0o640, 0o604, 0o620, 0o601] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let error = key_file::load_or_create(&path).unwrap_err();
        assert!(error.contains(&format!("mode {mode:04o}")), "{error}");
        assert!(error.ends_with(&format!("chmod 600 '{}'", path.display())), "{error}");
    }
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
    key_file::load_or_create(&path).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    for odd in ["", "canary", &"A".repeat(43), &"g".repeat(64), &"0".repeat(5000)] {
        std::fs::write(&path, odd).unwrap();
        let outcome = key_file::load_or_create(&path);
        // 43 letters are a key without padding.
        assert_eq!(outcome.is_ok(), odd.len() == 43, "{odd}");
        assert!(!outcome.err().unwrap_or_default().contains("canary"));
    }
    let error = key_file::load_or_create(directory.path()).unwrap_err();
    assert!(error.contains("is no file"), "{error}");
    let error = key_file::load_or_create(&directory.path().join("none/x.key")).unwrap_err();
    assert!(error.contains("cannot be made"), "{error}");
}

#[tokio::test]
async fn keys_that_are_none_are_refused_and_not_repeated() {
    let database = DatabaseConfig { url: "sqlite::memory:".to_owned(), ..DatabaseConfig::default() };
    let store = Store::open(&database, Arc::new(|_| {})).await.unwrap();
    let previous = vec![Zeroizing::new("canary-key".to_owned())];
    for (config, variable) in [
        (with_key("canary-key"), "BLOCKYARD_MASTER_KEY"),
        (SecretsConfig { previous_keys: previous, ..SecretsConfig::default() }, "BLOCKYARD_MASTER_KEY_PREVIOUS"),
    ] {
        let opened = Vault::open(store.clone(), &config, Sources::system(), std::iter::empty()).await;
        let error = opened.unwrap_err().to_string();
        assert!(error.contains(variable) && !error.contains("canary"), "{error}");
        assert!(!format!("{config:?}").contains("canary"));
    }
}
