//! The keys of webhooks.

use super::*;
use crate::domain::WebhookSecret;
use crate::store::NewWebhook;

async fn stored(vault: &Vault, id: &str) -> WebhookSecret {
    let secret = vault.new_webhook_secret().unwrap();
    let webhook = NewWebhook {
        id: id.to_owned(),
        user_id: UserId::local(),
        url: "https://a.example/".to_owned(),
        events: Vec::new(),
        secret: vault.seal_webhook(id, &secret).unwrap(),
        active: true,
        job_id: None,
        at: 1,
    };
    let entry = vault.entry(&UserId::local(), "test", "test", &json!(null));
    vault.0.store.create_webhook(webhook, entry).await.unwrap();
    secret
}

#[tokio::test]
async fn a_key_belongs_to_its_webhook_and_stands_nowhere_in_the_files() {
    let fixture = Fixture::new(with_key(KEY));
    let vault = fixture.open().await;
    let secret = stored(&vault, "w").await;
    assert_ne!(secret.expose(), vault.new_webhook_secret().unwrap().expose());
    let (_, sealed) = vault.0.store.webhook_secrets().await.unwrap().remove(0);
    assert_eq!(vault.open_webhook("w", &sealed).unwrap().expose(), secret.expose());
    assert_eq!(vault.open_webhook("other", &sealed).unwrap_err(), Unreadable::Altered);
    let key = secret.expose().trim_start_matches("whsec_").as_bytes();
    for entry in std::fs::read_dir(fixture.directory.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(key.len()).any(|window| window == key));
    }
}

#[tokio::test]
async fn keys_come_under_a_new_master_key_with_the_secrets() {
    let mut fixture = Fixture::new(with_key(KEY));
    let vault = fixture.open().await;
    let secret = stored(&vault, "w").await;
    vault.close().await;
    fixture.config = with_key(OTHER_KEY);
    let vault = fixture.open().await;
    let sealed = async |vault: &Vault| vault.0.store.webhook_secrets().await.unwrap().remove(0).1;
    let error = vault.open_webhook("w", &sealed(&vault).await).unwrap_err();
    assert!(matches!(error, Unreadable::OtherKey { .. }));
    vault.close().await;
    fixture.config.previous_keys = vec![Zeroizing::new(KEY.to_owned())];
    let vault = fixture.open().await;
    vault.close().await;
    fixture.config.previous_keys.clear();
    let vault = fixture.open().await;
    assert_eq!(vault.open_webhook("w", &sealed(&vault).await).unwrap().expose(), secret.expose());
    let rotated = vault.rotate(&UserId::local()).await.unwrap();
    assert_eq!((rotated.resealed, rotated.unreadable.len()), (1, 0));
    assert_eq!(vault.open_webhook("w", &sealed(&vault).await).unwrap().expose(), secret.expose());
}
