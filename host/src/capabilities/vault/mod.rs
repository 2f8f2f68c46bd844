//! The vault: secrets from the encrypted store and from the environment, and who may use which.

mod cipher;
mod environment;
mod key_file;
#[cfg(test)]
mod tests;
mod webhooks;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::json;

use crate::config::SecretsConfig;
use crate::domain::{
    AuditEntry, BlockType, Json, NewSecret, Owner, SecretInfo, SecretName, SecretSource, SecretText, Sources, UserId,
    audit,
};
use crate::store::{Resealed, SealedSecret, Store, StoreError};

use cipher::Keyring;
use environment::Environment;

pub use cipher::{NoRandomness, Unreadable, fill_random};

/// The secrets of an installation. Cloning is cheap.
#[derive(Clone)]
pub struct Vault(Arc<Inner>);

struct Inner {
    store: Store,
    sources: Sources,
    keys: Keyring,
    environment: Environment,
}

/// A secret that a call may use.
#[derive(Clone, Debug)]
pub struct FoundSecret {
    /// Its name.
    pub name: String,
    /// Its text.
    pub value: SecretText,
    /// The exact hosts that it may be sent to, in the form of [`crate::domain::secret::host_name`].
    pub hosts: Vec<String>,
}

/// A secret that was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    /// What is shown of it.
    pub info: SecretInfo,
    /// Whether there was none of this owner and name before.
    pub created: bool,
}

/// A block was shown the text of a secret.
#[derive(Clone, Copy, Debug)]
pub struct Revealed<'a> {
    /// The secret.
    pub secret: &'a str,
    /// For whom.
    pub user: &'a UserId,
    /// The block.
    pub block: &'a BlockType,
    /// In which execution, or test.
    pub execution_id: &'a str,
    /// In which node.
    pub node_id: &'a str,
}

/// What became of stored secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rotated {
    /// How many were encrypted anew.
    pub resealed: u64,
    /// Those that could not be read and stay as they are, each with its owner and the reason.
    pub unreadable: Vec<(String, Unreadable)>,
}

/// Why the vault cannot do what it was asked. No message holds a value or a key.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A master key, or its file.
    #[error("{0}")]
    Key(String),
    /// A stored secret.
    #[error("the stored secret `{name}` ({owner}) cannot be decrypted: {reason}")]
    Unreadable {
        /// Its name.
        name: SecretName,
        /// `shared`, or the user's id.
        owner: String,
        /// What is the matter.
        reason: Unreadable,
    },
}

impl From<NoRandomness> for VaultError {
    fn from(error: NoRandomness) -> Self {
        Self::Key(error.to_string())
    }
}

impl Vault {
    /// Open the vault over `store`: find the master key or make it, encrypt anew what is under a previous one, and take
    /// secrets and settings from the variables in `environment`. Odd variables and unreadable secrets are warned about.
    ///
    /// # Errors
    /// [`VaultError::Key`] if there is no usable key; the message says what to do.
    pub async fn open(
        store: Store,
        config: &SecretsConfig,
        sources: Sources,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, VaultError> {
        let environment = Environment::read(environment);
        for warning in &environment.warnings {
            tracing::warn!("{warning}");
        }
        let config = config.clone();
        let keys = tokio::task::spawn_blocking(move || key_file::keyring(&config)).await;
        let keys = keys.map_err(|error| VaultError::Key(error.to_string()))?.map_err(VaultError::Key)?;
        let vault = Self(Arc::new(Inner { store, sources, keys, environment }));
        vault.renew().await;
        Ok(vault)
    }

    /// The secret that `name` means to `block` working for `user`: the user's own stored one, else a shared stored one,
    /// else the environment's. One that names other blocks does not count.
    ///
    /// # Errors
    /// If the database fails, or the stored secret cannot be decrypted; then no other takes its place.
    pub async fn find(&self, name: &str, user: &UserId, block: &BlockType) -> Result<Option<FoundSecret>, VaultError> {
        let Ok(name) = name.parse::<SecretName>() else { return Ok(None) };
        for owner in [Owner::User(user.clone()), Owner::Shared] {
            let Some(secret) = self.0.store.secret(&owner, &name).await? else { continue };
            if secret.blocks.as_ref().is_none_or(|blocks| blocks.contains(block)) {
                let value = self.0.keys.open(&secret).map_err(|reason| unreadable(&secret, reason))?;
                return Ok(Some(FoundSecret { name: name.to_string(), value, hosts: secret.hosts }));
            }
        }
        let found = self.0.environment.secrets.get(&name);
        Ok(found.map(|secret| FoundSecret {
            name: name.to_string(),
            value: secret.value.clone(),
            hosts: secret.hosts.clone(),
        }))
    }

    /// Plain values of the installation, by name.
    pub fn settings(&self) -> &BTreeMap<String, String> {
        &self.0.environment.settings
    }

    /// What `user` can see: own, shared and those of the environment, by name, in the order in which they are found.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn list(&self, user: &UserId) -> Result<Vec<SecretInfo>, VaultError> {
        let stored = self.0.store.list_secrets(user).await?;
        let mut secrets: Vec<SecretInfo> = stored.into_iter().map(info).collect();
        secrets.extend(self.0.environment.secrets.iter().map(|(name, secret)| SecretInfo {
            name: name.clone(),
            owner: Owner::Shared,
            hosts: secret.hosts.clone(),
            blocks: None,
            created_at: None,
            updated_at: None,
            source: SecretSource::Environment,
        }));
        // Stable: those of the environment stay behind stored ones.
        secrets.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(secrets)
    }

    /// Store a secret for `user`, in place of the one of the same owner and name. The next [`Vault::find`] gives it.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn put(&self, user: &UserId, secret: NewSecret) -> Result<Put, VaultError> {
        let NewSecret { name, owner, value, hosts, blocks } = secret;
        let details = json!({"owner": owner.as_str(), "hosts": hosts, "blocks": blocks});
        let entry = self.entry(user, audit::SECRET_CREATED, &subject(name.as_str()), &details);
        let mut sealed = SealedSecret {
            owner,
            name,
            value: String::new(),
            nonce: String::new(),
            key_id: String::new(),
            hosts,
            blocks,
            created_at: entry.at,
            updated_at: entry.at,
        };
        self.0.keys.seal(&mut sealed, &value)?;
        let put = self.0.store.put_secret(sealed.clone(), entry).await?;
        Ok(Put { info: info(SealedSecret { created_at: put.created_at, ..sealed }), created: put.created })
    }

    /// Delete a stored secret for `user`; `false` if there is none. Those of the environment stay.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn delete(&self, user: &UserId, owner: &Owner, name: &SecretName) -> Result<bool, VaultError> {
        let details = json!({"owner": owner.as_str()});
        let entry = self.entry(user, audit::SECRET_DELETED, &subject(name.as_str()), &details);
        Ok(self.0.store.delete_secret(owner.clone(), name.clone(), entry).await?)
    }

    /// Record that a block is about to be shown a secret. When this returns the record is on disk.
    ///
    /// # Errors
    /// If the database fails; then the block must not see the secret.
    pub async fn reveal_used(&self, revealed: Revealed<'_>) -> Result<(), VaultError> {
        let Revealed { secret, user, block, execution_id, node_id } = revealed;
        let details = json!({"secret": secret, "block": block, "executionId": execution_id, "nodeId": node_id});
        let entry = self.entry(user, audit::SECRET_REVEALED, &subject(secret), &details);
        Ok(self.0.store.audit(entry).await?)
    }

    /// Encrypt every stored secret anew with the current key. A secret that is set meanwhile stays as it was set.
    ///
    /// # Errors
    /// If the database fails; then all stay as they are.
    pub async fn rotate(&self, user: &UserId) -> Result<Rotated, VaultError> {
        self.reseal(user, None).await
    }

    /// Bring what is under previous keys under the current one. A database that does not give its secrets is told of
    /// when they are asked for.
    async fn renew(&self) {
        let current = self.0.keys.current().id().to_owned();
        match self.reseal(&UserId::from("system"), Some(&current)).await {
            Ok(Rotated { resealed, unreadable }) => {
                if resealed > 0 {
                    tracing::info!("{resealed} secrets were encrypted anew with the current master key");
                }
                for (secret, reason) in unreadable {
                    tracing::warn!("the stored secret {secret} cannot be decrypted: {reason}");
                }
            }
            Err(error) => tracing::error!(%error, "the stored secrets cannot be read"),
        }
    }

    /// Encrypt everything anew that is not under the key `but`.
    async fn reseal(&self, user: &UserId, but: Option<&str>) -> Result<Rotated, VaultError> {
        let mut rotated = Rotated::default();
        let mut resealed = Vec::new();
        let wanted = |secret: &SealedSecret| but != Some(secret.key_id.as_str());
        for mut secret in self.0.store.all_secrets().await?.into_iter().filter(wanted) {
            match self.0.keys.open(&secret) {
                Ok(value) => {
                    let old_nonce = secret.nonce.clone();
                    self.0.keys.seal(&mut secret, &value)?;
                    resealed.push(Resealed { old_nonce, secret });
                }
                Err(reason) => {
                    rotated.unreadable.push((format!("`{}` ({})", secret.name, secret.owner.as_str()), reason))
                }
            }
        }
        if !resealed.is_empty() {
            let details = json!({"count": resealed.len(), "keyId": self.0.keys.current().id()});
            let entry = self.entry(user, audit::SECRETS_ROTATED, "secrets", &details);
            rotated.resealed = self.0.store.reseal_secrets(resealed, entry).await?;
        }
        self.reseal_webhooks(user, but, &mut rotated).await?;
        Ok(rotated)
    }

    fn entry(&self, user: &UserId, action: &str, subject: &str, details: &serde_json::Value) -> AuditEntry {
        AuditEntry {
            id: self.0.sources.id(),
            at: self.0.sources.now_ms(),
            user_id: user.clone(),
            action: action.to_owned(),
            subject: subject.to_owned(),
            details: Json::from(details),
        }
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("key", self.0.keys.current()).finish_non_exhaustive()
    }
}

fn subject(name: &str) -> String {
    format!("secret/{name}")
}

fn unreadable(secret: &SealedSecret, reason: Unreadable) -> VaultError {
    VaultError::Unreadable { name: secret.name.clone(), owner: secret.owner.as_str().to_owned(), reason }
}

fn info(secret: SealedSecret) -> SecretInfo {
    SecretInfo {
        name: secret.name,
        owner: secret.owner,
        hosts: secret.hosts,
        blocks: secret.blocks,
        created_at: Some(secret.created_at),
        updated_at: Some(secret.updated_at),
        source: SecretSource::Store,
    }
}
