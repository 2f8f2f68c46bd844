//! What the vault promises.

mod environment;
mod keys;
mod webhooks;

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::*;
use crate::config::{DatabaseConfig, Synchronous};

const CANARY: &str = "canary-5f0c1d";
/// Two keys in the two forms that keys have.
const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const OTHER_KEY: &str = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";

struct Fixture {
    directory: tempfile::TempDir,
    config: SecretsConfig,
}

fn with_key(key: &str) -> SecretsConfig {
    SecretsConfig { master_key: Some(Zeroizing::new(key.to_owned())), ..SecretsConfig::default() }
}

impl Fixture {
    fn new(config: SecretsConfig) -> Self {
        Self { directory: tempfile::tempdir().unwrap(), config }
    }

    fn database(&self) -> PathBuf {
        self.directory.path().join("blockyard.db")
    }

    async fn open_with(&self, environment: &[(&str, &str)]) -> Vault {
        let url = format!("sqlite://{}", self.database().display());
        let config = DatabaseConfig { url, synchronous: Synchronous::Normal, ..DatabaseConfig::default() };
        let store = Store::open(&config, Arc::new(|_| {})).await.unwrap();
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let environment = environment.collect::<Vec<_>>();
        Vault::open(store, &self.config, Sources::system(), environment.into_iter()).await.unwrap()
    }

    async fn open(&self) -> Vault {
        self.open_with(&[]).await
    }
}

impl Vault {
    async fn close(self) {
        self.0.store.close().await.unwrap();
    }

    async fn value(&self, name: &str, user: &str, block: &str) -> Option<String> {
        let found = self.find(name, &user.into(), &block.parse().unwrap()).await.unwrap();
        found.map(|found| found.value.expose().to_owned())
    }
}

fn secret(owner: Owner, name: &str, value: &str, blocks: Option<&[&str]>) -> NewSecret {
    let blocks = blocks.map(|blocks| blocks.iter().map(|block| (*block).to_owned()).collect::<Vec<_>>());
    let (name, value) = (name.parse().unwrap(), Zeroizing::new(value.to_owned()));
    NewSecret::parse(name, owner, value, &["api.hunter.io".to_owned()], blocks.as_deref()).unwrap()
}

fn own(name: &str, value: &str) -> NewSecret {
    secret(Owner::User(UserId::local()), name, value, None)
}

/// Change the database behind everyone's back, after closing it.
async fn alter(fixture: &Fixture, vault: Vault, change: impl Fn(&mut SealedSecret)) -> Vault {
    let mut stored = vault.0.store.all_secrets().await.unwrap().remove(0);
    change(&mut stored);
    let entry = vault.entry(&UserId::local(), "test", "test", &json!(null));
    vault.0.store.put_secret(stored, entry).await.unwrap();
    vault.close().await;
    fixture.open().await
}

async fn refusal(vault: &Vault) -> String {
    let found = vault.find("hunter", &UserId::local(), &"api.hunter".parse().unwrap()).await;
    let error = found.unwrap_err();
    assert!(!format!("{error} {error:?}").contains(CANARY));
    error.to_string()
}

#[tokio::test]
async fn a_secret_is_found_until_it_is_deleted_and_a_new_value_counts_at_once() {
    let fixture = Fixture::new(with_key(KEY));
    let vault = fixture.open().await;
    let local = UserId::local();
    let put = vault.put(&local, own("hunter", CANARY)).await.unwrap();
    assert!(put.created);
    let found = vault.find("hunter", &local, &"api.hunter".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!((found.name.as_str(), found.value.expose()), ("hunter", CANARY));
    assert_eq!(found.hosts, ["api.hunter.io"]);
    let again = vault.put(&local, own("hunter", "canary-two")).await.unwrap();
    assert!(!again.created);
    assert_eq!(again.info.created_at, put.info.created_at);
    assert_eq!(vault.value("hunter", "local", "api.hunter").await.as_deref(), Some("canary-two"));
    assert_eq!(vault.list(&local).await.unwrap(), std::slice::from_ref(&again.info));
    assert!(vault.delete(&local, &again.info.owner, &again.info.name).await.unwrap());
    assert!(!vault.delete(&local, &again.info.owner, &again.info.name).await.unwrap());
    assert_eq!(vault.value("hunter", "local", "api.hunter").await, None);
    for name in ["", "../x", "a b", "hunter\0", "'; DROP TABLE secrets; --", &"x".repeat(10_000)] {
        assert_eq!(vault.value(name, "local", "api.hunter").await, None, "{name}");
    }
}

#[tokio::test]
async fn the_value_stands_nowhere_in_the_files_nor_in_debug_output() {
    let mut fixture = Fixture::new(SecretsConfig::default());
    fixture.config.key_file = Some(fixture.directory.path().join("blockyard.db.key"));
    let vault = fixture.open_with(&[("HUNTER_API_KEY", CANARY)]).await;
    let new = own("hunter", CANARY);
    let shown = format!("{new:?} {vault:?} {:?}", fixture.config);
    vault.put(&UserId::local(), new).await.unwrap();
    let found = vault.find("hunter", &UserId::local(), &"api.hunter".parse().unwrap()).await.unwrap();
    let shown = format!("{shown} {found:?} {:?} {:?}", vault.0.store, vault.0.environment);
    assert!(!shown.contains(CANARY), "{shown}");
    let mut looked_at = Vec::new();
    let mut look = |directory: &Path| {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            let found = bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes());
            assert!(!found, "{}", path.display());
            looked_at.push(path.extension().unwrap_or_default().to_string_lossy().into_owned());
        }
    };
    look(fixture.directory.path());
    vault.close().await;
    look(fixture.directory.path());
    for part in ["db", "db-wal", "db-shm"] {
        assert!(looked_at.iter().any(|seen| seen == part), "{part} in {looked_at:?}");
    }
}

#[tokio::test]
async fn a_row_that_was_altered_does_not_decrypt() {
    type Change = fn(&mut SealedSecret);
    let changes: [Change; 6] = [
        |secret| secret.hosts = vec!["evil.example".to_owned()],
        |secret| secret.hosts.push("evil.example".to_owned()),
        |secret| secret.blocks = Some(vec!["api.hunter".parse().unwrap()]),
        |secret| secret.nonce = secret.nonce.chars().rev().collect(),
        |secret| secret.value.insert_str(0, "AAAA"),
        |secret| secret.value = "no base64 at all".to_owned(),
    ];
    for change in changes {
        let fixture = Fixture::new(with_key(KEY));
        let vault = fixture.open().await;
        vault.put(&UserId::local(), own("hunter", CANARY)).await.unwrap();
        let vault = alter(&fixture, vault, change).await;
        let error = refusal(&vault).await;
        assert!(error.starts_with("the stored secret `hunter` (local) cannot be decrypted: its row"), "{error}");
        // It can be put right.
        vault.put(&UserId::local(), own("hunter", CANARY)).await.unwrap();
        assert!(vault.value("hunter", "local", "api.hunter").await.is_some());
    }
}

#[tokio::test]
async fn a_value_cannot_be_moved_to_another_name_or_owner() {
    for (owner, name) in [(Owner::Shared, "hunter"), (Owner::User("eve".into()), "hunter"), (Owner::Shared, "mine")] {
        let fixture = Fixture::new(with_key(KEY));
        let vault = fixture.open().await;
        vault.put(&UserId::local(), own("hunter", CANARY)).await.unwrap();
        let vault = alter(&fixture, vault, |secret| {
            secret.owner = owner.clone();
            secret.name = name.parse().unwrap();
        })
        .await;
        let found = vault.find(name, &"eve".into(), &"api.hunter".parse().unwrap()).await;
        assert!(matches!(found, Err(VaultError::Unreadable { reason: Unreadable::Altered, .. })), "{found:?}");
    }
}

#[tokio::test]
async fn own_goes_before_shared_and_stored_before_environment() {
    let fixture = Fixture::new(with_key(KEY));
    let vault = fixture.open_with(&[("HUNTER_API_KEY", "from-environment")]).await;
    let local = UserId::local();
    let value = async |user: &str, block: &str| vault.value("hunter", user, block).await.unwrap();
    assert_eq!(value("local", "api.hunter").await, "from-environment");
    vault.put(&local, secret(Owner::Shared, "hunter", "from-everyone", None)).await.unwrap();
    assert_eq!(value("local", "api.hunter").await, "from-everyone");
    vault
        .put(&local, secret(Owner::User(local.clone()), "hunter", "from-myself", Some(&["api.hunter"])))
        .await
        .unwrap();
    assert_eq!(value("local", "api.hunter").await, "from-myself");
    assert_eq!(value("someone", "api.hunter").await, "from-everyone");
    // The user's own names another block.
    assert_eq!(value("local", "custom.other").await, "from-everyone");
    let sources: Vec<_> =
        vault.list(&local).await.unwrap().iter().map(|info| (info.owner.clone(), info.source)).collect();
    let (store, environment) = (SecretSource::Store, SecretSource::Environment);
    let expected = [(Owner::User(local), store), (Owner::Shared, store), (Owner::Shared, environment)];
    assert_eq!(sources, expected);
}

#[tokio::test]
async fn anothers_secret_is_not_found() {
    let fixture = Fixture::new(with_key(KEY));
    let vault = fixture.open().await;
    vault.put(&"eve".into(), secret(Owner::User("eve".into()), "x", CANARY, None)).await.unwrap();
    vault.put(&"shared".into(), secret(Owner::User("shared".into()), "y", CANARY, None)).await.unwrap();
    assert_eq!(vault.value("x", "local", "api.hunter").await, None);
    assert_eq!(vault.value("y", "local", "api.hunter").await, None);
    assert!(vault.value("x", "eve", "api.hunter").await.is_some());
    assert!(vault.list(&UserId::local()).await.unwrap().is_empty());
}

#[tokio::test]
async fn revealing_is_on_record_before_it_happens() {
    let fixture = Fixture::new(with_key(KEY));
    let vault = fixture.open().await;
    let (user, block) = (UserId::local(), "custom.signer".parse().unwrap());
    let revealed = Revealed { secret: "hunter", user: &user, block: &block, execution_id: "e1", node_id: "n1" };
    vault.reveal_used(revealed).await.unwrap();
    let entry = vault.0.store.audit_entries(None, 10).await.unwrap().remove(0);
    assert_eq!((entry.action.as_str(), entry.subject.as_str()), ("secret.revealed", "secret/hunter"));
    let details = json!({"secret": "hunter", "block": "custom.signer", "executionId": "e1", "nodeId": "n1"});
    assert_eq!(entry.details.to_value().unwrap(), details);
    vault.0.store.close().await.unwrap();
    assert!(vault.reveal_used(revealed).await.is_err());
}
