//! The bytes of components.

use super::super::Store;
use super::super::batch::Transaction;
use super::super::columns::Columns;
use super::super::command::Command;
use super::super::dialect::{self, Arg};
use super::super::error::StoreError;

/// Most bytes of one part: a transaction writes one, so that other writes wait for some milliseconds at most.
pub const PART_BYTES: usize = 256 << 10;

/// What a component leaves of the disk: SQLite's log is as large at times.
const RESERVE: u64 = 16 << 20;

const SIZE: &str = "SELECT bytes FROM components WHERE digest = $1";
const KEPT: &str = "SELECT CAST(COUNT(*) AS BIGINT) FROM component_parts WHERE digest = $1";
const PART: &str = "SELECT content FROM component_parts WHERE digest = $1 AND number = $2";

impl Store {
    /// Keep a component's bytes, if they are not kept already. What no version and no upload names after an hour is
    /// [swept away](Store::sweep_components).
    ///
    /// # Errors
    /// If the database fails. What was kept of it is [let go of](Store::discard_component) then, if the database can do
    /// that; otherwise keeping it again completes the parts that are there.
    pub async fn keep_component(&self, digest: &str, bytes: &[u8], now: i64) -> Result<(), StoreError> {
        let kept = self.keep_parts(digest, bytes, now).await;
        // A database that is away, or busy for that long, is not asked for more.
        if let Err(error) = &kept
            && !dialect::is_transient(error)
            && !dialect::is_common(error)
        {
            self.discard_component(digest, now).await;
        }
        kept
    }

    /// Whether the disk has room for a component of so many bytes beside all else. SQLite cannot let go of anything on a
    /// disk that is full, so it must not become that; where this process cannot look there is room. It may block.
    pub fn has_room_for(&self, bytes: usize) -> bool {
        self.inner.database.room().is_none_or(|room| room >= room_needed(bytes))
    }

    /// Let go of a component that was kept at `now` and has come to nothing, unless something names it or somebody else
    /// keeps it. It takes up a disk that may be full; if that fails as well it is swept away later.
    pub async fn discard_component(&self, digest: &str, now: i64) {
        if let Err(error) = self.ask(Discard { digest: digest.to_owned(), now }).await {
            tracing::warn!(%error, digest, "what is left of a component stays for now");
        }
    }

    async fn keep_parts(&self, digest: &str, bytes: &[u8], now: i64) -> Result<(), StoreError> {
        let row = self.first(KEPT, [digest.into()]).await?;
        let kept = row.map(|row| Columns::new(&row, "component_parts", &digest).number(0)).transpose()?;
        let is_whole = kept == Some(bytes.len().div_ceil(PART_BYTES));
        // Of one that is here it is only noted that it is wanted.
        for (number, part) in (0_i64..).zip(bytes.chunks(PART_BYTES)).take(if is_whole { 1 } else { usize::MAX }) {
            let part = Part { digest: digest.to_owned(), number, content: part.to_vec(), bytes: bytes.len(), now };
            self.ask(part).await?;
        }
        Ok(())
    }

    /// A component's bytes; `None` if they are not here, or not all of them.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn component(&self, digest: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(row) = self.first(SIZE, [digest.into()]).await? else { return Ok(None) };
        let size: usize = Columns::new(&row, "components", &digest).number(0)?;
        let mut bytes = Vec::with_capacity(size);
        for number in 0_i64.. {
            if bytes.len() >= size {
                break;
            }
            let Some(row) = self.first(PART, [digest.into(), number.into()]).await? else { return Ok(None) };
            bytes.extend_from_slice(&Columns::new(&row, "component_parts", &digest).bytes(0)?);
        }
        Ok((bytes.len() == size).then_some(bytes))
    }

    /// Remove one component that nothing names and that is older than `before`, in Unix milliseconds; whether there was
    /// one.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn sweep_components(&self, before: i64) -> Result<bool, StoreError> {
        self.ask(Sweep { before }).await
    }
}

/// Each byte is written twice, to the log and from there to its place.
fn room_needed(bytes: usize) -> u64 {
    RESERVE.saturating_add((bytes as u64).saturating_mul(2))
}

#[derive(Debug)]
struct Part {
    digest: String,
    number: i64,
    content: Vec<u8>,
    bytes: usize,
    now: i64,
}

impl Command for Part {
    type Output = ();

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
        const COMPONENT: &str = "INSERT INTO components (digest, bytes, created_at) VALUES ($1, $2, $3) \
             ON CONFLICT (digest) DO UPDATE SET created_at = $3";
        const PART: &str = "INSERT INTO component_parts (digest, number, content) VALUES ($1, $2, $3) \
             ON CONFLICT (digest, number) DO NOTHING";
        let connection = &mut transaction.connection;
        let bytes = i64::try_from(self.bytes).unwrap_or(i64::MAX);
        connection.execute(COMPONENT, [self.digest.as_str().into(), bytes.into(), self.now.into()]).await?;
        let content = Arg::Bytes(self.content.clone());
        connection.execute(PART, [self.digest.as_str().into(), self.number.into(), content]).await.map(drop)
    }
}

macro_rules! unnamed {
    ($head:literal, $tail:literal) => {
        concat!(
            $head,
            " AND NOT EXISTS (SELECT 1 FROM block_versions v WHERE v.digest = components.digest) \
             AND NOT EXISTS (SELECT 1 FROM block_uploads u WHERE u.digest = components.digest \
             AND u.status = 'compiling')",
            $tail
        )
    };
}

const GONE: &str = "DELETE FROM component_parts WHERE digest = $1";

#[derive(Debug)]
struct Discard {
    digest: String,
    now: i64,
}

impl Command for Discard {
    type Output = ();

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
        // Who keeps the same bytes has set another time.
        const UNUSED: &str = unnamed!("DELETE FROM components WHERE digest = $1 AND created_at = $2", "");
        let connection = &mut transaction.connection;
        if connection.execute(UNUSED, [self.digest.as_str().into(), self.now.into()]).await? > 0 {
            connection.execute(GONE, [self.digest.as_str().into()]).await?;
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Sweep {
    before: i64,
}

impl Command for Sweep {
    type Output = bool;

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<bool, StoreError> {
        const UNUSED: &str =
            unnamed!("SELECT digest FROM components WHERE created_at < $1", " ORDER BY digest LIMIT 1");
        let connection = &mut transaction.connection;
        let Some(row) = connection.fetch_first(UNUSED, [self.before.into()]).await? else { return Ok(false) };
        let digest = Columns::new(&row, "components", &"unused").text(0)?;
        // Unless somebody has said meanwhile that it is wanted.
        const OLD: &str = "DELETE FROM components WHERE digest = $1 AND created_at < $2";
        if connection.execute(OLD, [digest.as_str().into(), self.before.into()]).await? > 0 {
            connection.execute(GONE, [digest.as_str().into()]).await?;
        }
        Ok(true)
    }
}
