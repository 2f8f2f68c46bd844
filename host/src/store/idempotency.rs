//! The same key gives back the same thing.

use crate::domain::UserId;

use super::Store;
use super::batch::{Transaction, Write};
use super::columns::Columns;
use super::command::Command;
use super::dialect::{Arg, Row};
use super::error::StoreError;
use super::records::Record;
use super::schedules::{FireSchedule, Fired};

/// A key that a client chose, so that a request may be repeated without a second effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// Whose.
    pub user_id: UserId,
    /// What is made with it, such as `job`: keys of different kinds have nothing to do with each other.
    pub kind: &'static str,
    /// The client's choice.
    pub key: String,
    /// Equal for equal requests.
    pub fingerprint: String,
    /// Unix milliseconds.
    pub at: i64,
}

const KNOWN: &str =
    "SELECT resource_id, fingerprint FROM idempotency_keys WHERE user_id = $1 AND kind = $2 AND key = $3";

impl IdempotencyKey {
    fn which(&self) -> [Arg; 3] {
        [self.user_id.as_str().into(), self.kind.into(), self.key.as_str().into()]
    }
}

/// What a request with a key came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Once<T> {
    /// It is the first: it was carried out.
    Done(T),
    /// It was carried out before; this is the id of what was made then.
    Known(String),
    /// The key was used for another request.
    Reused,
}

impl Transaction<'_> {
    /// What the key was used for; `None` if it is new.
    ///
    /// # Errors
    /// If the database fails.
    pub(crate) async fn known_key<T>(&mut self, key: &IdempotencyKey) -> Result<Option<Once<T>>, StoreError> {
        let row = self.connection.fetch_first(KNOWN, key.which()).await?;
        row.map(|row| used(&row, key)).transpose()
    }

    /// Note that `resource_id` is made with `key`, unless the key was used before. If it was, nothing may be made.
    ///
    /// # Errors
    /// If the database fails.
    pub(crate) async fn claim_key(&mut self, key: &IdempotencyKey, resource_id: &str) -> Result<Once<()>, StoreError> {
        const CLAIM: &str = "INSERT INTO idempotency_keys (user_id, kind, key, fingerprint, resource_id, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (user_id, kind, key) DO NOTHING";
        let more = [key.fingerprint.as_str().into(), resource_id.into(), key.at.into()];
        if self.connection.execute(CLAIM, key.which().into_iter().chain(more)).await? > 0 {
            return Ok(Once::Done(()));
        }
        let known = self.known_key(key).await?;
        known.ok_or_else(|| StoreError::conflict("the idempotency key was removed just now"))
    }
}

/// What the row of a key says.
fn used<T>(row: &Row, key: &IdempotencyKey) -> Result<Once<T>, StoreError> {
    let columns = Columns::new(row, "idempotency_keys", &key.key);
    Ok(if columns.text(1)? == key.fingerprint { Once::Known(columns.text(0)?) } else { Once::Reused })
}

impl Store {
    /// What the key was used for; `None` if it is new. Only a look: by the time of a write others may have used it.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn known_key<T>(&self, key: &IdempotencyKey) -> Result<Option<Once<T>>, StoreError> {
        self.first(KNOWN, key.which()).await?.map(|row| used(&row, key)).transpose()
    }

    /// Write `records`, which make `resource_id`, unless `key` was used before. They are on disk when this returns.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn write_once(
        &self,
        key: IdempotencyKey,
        resource_id: &str,
        records: Vec<Record>,
    ) -> Result<Once<()>, StoreError> {
        self.ask(WriteOnce { key, resource_id: resource_id.to_owned(), records }).await
    }

    /// Fire a schedule, which makes `resource_id`, unless `key` was used before. A schedule that was changed since it was
    /// read uses no key.
    ///
    /// # Errors
    /// If the database fails. Then nothing has happened.
    pub async fn fire_schedule_once(
        &self,
        key: IdempotencyKey,
        resource_id: &str,
        fire: FireSchedule,
    ) -> Result<Once<Fired>, StoreError> {
        self.ask(FireOnce { key, resource_id: resource_id.to_owned(), fire }).await
    }
}

#[derive(Debug)]
struct WriteOnce {
    key: IdempotencyKey,
    resource_id: String,
    records: Vec<Record>,
}

impl Command for WriteOnce {
    type Output = Once<()>;

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<Once<()>, StoreError> {
        let once = transaction.claim_key(&self.key, &self.resource_id).await?;
        if once == Once::Done(()) {
            let mut write = Write::new(self.records.clone());
            transaction.apply(vec![&mut write]).await?;
        }
        Ok(once)
    }
}

#[derive(Debug)]
struct FireOnce {
    key: IdempotencyKey,
    resource_id: String,
    fire: FireSchedule,
}

impl Command for FireOnce {
    type Output = Once<Fired>;

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<Once<Fired>, StoreError> {
        const FORGET: &str = "DELETE FROM idempotency_keys WHERE user_id = $1 AND kind = $2 AND key = $3";
        // Before anything is made: what is known makes nothing.
        match transaction.claim_key(&self.key, &self.resource_id).await? {
            Once::Done(()) => {}
            Once::Known(id) => return Ok(Once::Known(id)),
            Once::Reused => return Ok(Once::Reused),
        }
        let fired = self.fire.run(transaction).await?;
        if fired == Fired::Lost {
            transaction.connection.execute(FORGET, self.key.which()).await?;
        }
        Ok(Once::Done(fired))
    }
}
