//! Secrets as they are kept: encrypted. This module never sees a value; what encrypts stands above it.

use crate::domain::{AuditEntry, BlockType, Owner, SecretName, UserId, audit};

use super::Store;
use super::audit::add;
use super::batch::Transaction;
use super::columns::Columns;
use super::command::Command;
use super::dialect::{Arg, Row};
use super::error::StoreError;
use super::tables::encoded;

/// A secret with its value encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSecret {
    /// Whose it is; with the name, its key.
    pub owner: Owner,
    /// Its name.
    pub name: SecretName,
    /// The encrypted value, as text.
    pub value: String,
    /// The number used once with it, as text.
    pub nonce: String,
    /// Names the key that it is encrypted with.
    pub key_id: String,
    /// The hosts that it may be sent to.
    pub hosts: Vec<String>,
    /// The block types that may use it; `None` for all.
    pub blocks: Option<Vec<BlockType>>,
    /// Unix milliseconds.
    pub created_at: i64,
    /// When value or rules were last set, in Unix milliseconds.
    pub updated_at: i64,
}

/// What a secret became.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PutSecret {
    /// Whether there was none of this owner and name before.
    pub created: bool,
    /// When it was first stored, in Unix milliseconds.
    pub created_at: i64,
}

/// A secret encrypted anew.
#[derive(Clone, Debug)]
pub struct Resealed {
    /// The nonce that the row still has to have.
    pub old_nonce: String,
    /// As it is to be.
    pub secret: SealedSecret,
}

macro_rules! secrets_query {
    ($rest:literal) => {
        concat!("SELECT owner, name, value, nonce, key_id, hosts, blocks, created_at, updated_at FROM secrets ", $rest)
    };
}

pub(crate) const SECRET: &str = secrets_query!("WHERE owner = $1 AND name = $2");
pub(crate) const SECRETS_OF: &str = secrets_query!("WHERE owner IN ($1, $2)");
const ALL: &str = secrets_query!("ORDER BY owner, name");

impl Store {
    /// Store a secret, in place of the one with its owner and name if there is one, whose `created_at` stays. The
    /// entry is added with it; its action is set to `secret.created` or `secret.updated`, whichever it was.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn put_secret(&self, secret: SealedSecret, entry: AuditEntry) -> Result<PutSecret, StoreError> {
        self.ask(Put { secret, entry }).await
    }

    /// Delete a secret and add the entry; `false` if there is none, and then no entry either.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn delete_secret(&self, owner: Owner, name: SecretName, entry: AuditEntry) -> Result<bool, StoreError> {
        self.ask(Delete { owner, name, entry }).await
    }

    /// Replace what is encrypted of these secrets, and nothing else, if they are still as they were read; add the
    /// entry if any was replaced. How many were.
    ///
    /// # Errors
    /// If the database fails; then none was.
    pub async fn reseal_secrets(&self, secrets: Vec<Resealed>, entry: AuditEntry) -> Result<u64, StoreError> {
        self.ask(Reseal { secrets, entry }).await
    }

    /// The secret of this owner and name.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn secret(&self, owner: &Owner, name: &SecretName) -> Result<Option<SealedSecret>, StoreError> {
        let mut connection = self.inner.database.read().await?;
        let row = connection.fetch_first(SECRET, key(owner, name)).await?;
        row.as_ref().map(read).transpose()
    }

    /// The user's own secrets and the shared ones, by name; of two with one name the user's own first.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn list_secrets(&self, user: &UserId) -> Result<Vec<SealedSecret>, StoreError> {
        let owners = [Owner::User(user.clone()), Owner::Shared].map(|owner| Arg::from(owner.key().as_str()));
        let rows = self.inner.database.read().await?.fetch(SECRETS_OF, owners).await?;
        let mut secrets = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        // Few, so that no index for this order pays.
        secrets.sort_by(|a, b| (&a.name, a.owner == Owner::Shared).cmp(&(&b.name, b.owner == Owner::Shared)));
        Ok(secrets)
    }

    /// The secrets of everyone, to encrypt them anew.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn all_secrets(&self) -> Result<Vec<SealedSecret>, StoreError> {
        let rows = self.inner.database.read().await?.fetch(ALL, []).await?;
        rows.iter().map(read).collect()
    }
}

fn key(owner: &Owner, name: &SecretName) -> [Arg; 2] {
    [owner.key().as_str().into(), name.as_str().into()]
}

fn read(row: &Row) -> Result<SealedSecret, StoreError> {
    let part = |index| row.opt_text(index).ok().flatten().unwrap_or_default();
    let shown = format!("{}/{}", part(0), part(1));
    let columns = Columns::new(row, "secrets", &shown);
    let odd = |what: &str| StoreError::Corrupt { what: format!("secrets, row {shown}, {what}") };
    Ok(SealedSecret {
        owner: columns.name(0, Owner::from_key)?,
        name: columns.name(1, |name| name.parse().ok())?,
        value: columns.text(2)?,
        nonce: columns.text(3)?,
        key_id: columns.text(4)?,
        hosts: columns.decoded(5)?.ok_or_else(|| odd("column hosts: is NULL"))?,
        blocks: columns.decoded(6)?,
        created_at: columns.int(7)?,
        updated_at: columns.int(8)?,
    })
}

#[derive(Debug)]
struct Put {
    secret: SealedSecret,
    entry: AuditEntry,
}

impl Command for Put {
    type Output = PutSecret;

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<PutSecret, StoreError> {
        const BEFORE: &str = "SELECT created_at FROM secrets WHERE owner = $1 AND name = $2";
        const PUT: &str = "INSERT INTO secrets \
             (owner, name, value, nonce, key_id, hosts, blocks, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (owner, name) DO UPDATE SET \
             value = excluded.value, nonce = excluded.nonce, key_id = excluded.key_id, hosts = excluded.hosts, \
             blocks = excluded.blocks, updated_at = excluded.updated_at";
        let secret = &self.secret;
        let before = transaction.connection.fetch_first(BEFORE, key(&secret.owner, &secret.name)).await?;
        let before = before.map(|row| Columns::new(&row, "secrets", &secret.name).int(0)).transpose()?;
        let [owner, name] = key(&secret.owner, &secret.name);
        let args = [
            owner,
            name,
            secret.value.as_str().into(),
            secret.nonce.as_str().into(),
            secret.key_id.as_str().into(),
            encoded(&secret.hosts),
            secret.blocks.as_ref().map_or(Arg::NULL, encoded),
            secret.created_at.into(),
            secret.updated_at.into(),
        ];
        transaction.connection.execute(PUT, args).await?;
        let action = if before.is_some() { audit::SECRET_UPDATED } else { audit::SECRET_CREATED };
        add(transaction, &AuditEntry { action: action.to_owned(), ..self.entry.clone() }).await?;
        Ok(PutSecret { created: before.is_none(), created_at: before.unwrap_or(secret.created_at) })
    }
}

#[derive(Debug)]
struct Delete {
    owner: Owner,
    name: SecretName,
    entry: AuditEntry,
}

impl Command for Delete {
    type Output = bool;

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<bool, StoreError> {
        const DELETE: &str = "DELETE FROM secrets WHERE owner = $1 AND name = $2";
        let deleted = transaction.connection.execute(DELETE, key(&self.owner, &self.name)).await? > 0;
        if deleted {
            add(transaction, &self.entry).await?;
        }
        Ok(deleted)
    }
}

#[derive(Debug)]
struct Reseal {
    secrets: Vec<Resealed>,
    entry: AuditEntry,
}

impl Command for Reseal {
    type Output = u64;

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<u64, StoreError> {
        const RESEAL: &str = "UPDATE secrets SET value = $3, nonce = $4, key_id = $5 \
             WHERE owner = $1 AND name = $2 AND nonce = $6";
        let mut count = 0;
        for Resealed { old_nonce, secret } in &self.secrets {
            let [owner, name] = key(&secret.owner, &secret.name);
            let sealed = [&secret.value, &secret.nonce, &secret.key_id, old_nonce].map(|text| text.as_str().into());
            count += transaction.connection.execute(RESEAL, [owner, name].into_iter().chain(sealed)).await?;
        }
        if count > 0 {
            add(transaction, &self.entry).await?;
        }
        Ok(count)
    }
}
