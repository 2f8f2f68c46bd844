//! The keys that deliveries to webhooks are signed with: kept like secrets, each bound to the id of its webhook.

use serde_json::json;
use zeroize::Zeroizing;

use super::cipher::fill_random;
use super::{Rotated, Unreadable, Vault, VaultError};
use crate::domain::{UserId, WebhookSecret, audit};
use crate::store::Sealed;

const WEBHOOK_DOMAIN: &[u8] = b"blockyard/webhook-secret/v1\0";

fn bound(webhook_id: &str) -> Vec<u8> {
    [WEBHOOK_DOMAIN, webhook_id.as_bytes()].concat()
}

impl Vault {
    /// A new key, from the operating system's random bytes.
    ///
    /// # Errors
    /// If it gives none.
    pub fn new_webhook_secret(&self) -> Result<WebhookSecret, VaultError> {
        let mut key = Zeroizing::new([0; WebhookSecret::KEY_BYTES]);
        fill_random(key.as_mut_slice())?;
        Ok(WebhookSecret::from_key(&key))
    }

    /// Encrypt the key of a webhook.
    ///
    /// # Errors
    /// If the operating system gives no random bytes.
    pub fn seal_webhook(&self, webhook_id: &str, secret: &WebhookSecret) -> Result<Sealed, VaultError> {
        Ok(self.0.keys.encrypt(&bound(webhook_id), secret.text())?)
    }

    /// The key of a webhook.
    ///
    /// # Errors
    /// If it was encrypted with a key that is not at hand, or is not that of this webhook.
    pub fn open_webhook(&self, webhook_id: &str, sealed: &Sealed) -> Result<WebhookSecret, Unreadable> {
        let Sealed { value, nonce, key_id } = sealed;
        let text = self.0.keys.decrypt(&bound(webhook_id), value, nonce, key_id)?;
        WebhookSecret::parse(text.expose().to_owned()).map_err(|_| Unreadable::Altered)
    }

    /// Encrypt the keys of webhooks anew, those that are not under `but`, and add to what is told of it.
    pub(super) async fn reseal_webhooks(
        &self,
        user: &UserId,
        but: Option<&str>,
        rotated: &mut Rotated,
    ) -> Result<(), VaultError> {
        let mut resealed = Vec::new();
        for (id, sealed) in self.0.store.webhook_secrets().await? {
            if but == Some(sealed.key_id.as_str()) {
                continue;
            }
            match self.open_webhook(&id, &sealed) {
                Ok(secret) => {
                    let anew = self.seal_webhook(&id, &secret)?;
                    resealed.push((id, sealed.nonce, anew));
                }
                Err(reason) => rotated.unreadable.push((format!("of webhook {id}"), reason)),
            }
        }
        if !resealed.is_empty() {
            let details = json!({"count": resealed.len(), "keyId": self.0.keys.current().id()});
            let entry = self.entry(user, audit::SECRETS_ROTATED, "webhooks", &details);
            rotated.resealed += self.0.store.reseal_webhooks(resealed, entry).await?;
        }
        Ok(())
    }
}
