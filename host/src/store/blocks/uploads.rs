//! Uploads: what becomes of them while a component is compiled, and afterwards.

use semver::Version;

use crate::domain::{BlockType, Json, UserId};

use super::super::Store;
use super::super::batch::Transaction;
use super::super::columns::Columns;
use super::super::command::Command;
use super::super::dialect::Row;
use super::super::error::StoreError;
use super::super::reads::key;
use super::block_type;

/// How far an upload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UploadStatus {
    /// It waits to be compiled, or is.
    Compiling,
    /// It is a version of a block.
    Ready,
    /// It is no block.
    Failed,
}

impl UploadStatus {
    /// As it is shown and stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Compiling => "compiling",
            Self::Ready => "ready",
            Self::Failed => "failed",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Compiling, Self::Ready, Self::Failed].into_iter().find(|status| status.as_str() == name)
    }
}

/// An upload whose component is kept.
#[derive(Clone, Debug)]
pub struct NewUpload {
    /// Sorts with the time at which it was made.
    pub id: String,
    /// Who uploads it.
    pub user_id: UserId,
    /// SHA-256 of the component.
    pub digest: String,
    /// Its size.
    pub bytes: u64,
    /// The process that works on it.
    pub owner: String,
    /// Until when, in Unix milliseconds.
    pub claimed_until: i64,
    /// Unix milliseconds.
    pub now: i64,
}

/// An upload as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct UploadRow {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub user_id: UserId,
    /// SHA-256 of the component.
    pub digest: String,
    /// Its size.
    pub bytes: u64,
    /// How far it is.
    pub status: UploadStatus,
    /// What it became.
    pub version: Option<(BlockType, Version)>,
    /// Why it is no block: a JSON object.
    pub error: Option<Json>,
    /// How often a process has begun to compile it; not those that stopped in good order.
    pub begun: u32,
    /// Unix milliseconds.
    pub created_at: i64,
    /// Unix milliseconds.
    pub updated_at: i64,
}

macro_rules! uploads {
    ($rest:literal) => {
        concat!(
            "SELECT id, user_id, digest, bytes, status, type, version, error, created_at, updated_at, takeovers \
             FROM block_uploads ",
            $rest
        )
    };
}

const UPLOAD: &str = uploads!("WHERE id = $1");

impl Store {
    /// Take note of an upload.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn begin_upload(&self, upload: NewUpload) -> Result<(), StoreError> {
        self.ask(Begin(upload)).await
    }

    /// Keep the uploads that `owner` works on, and take over up to `limit` of those that nobody keeps any more; all of
    /// them are its own until `until`. Those that were taken over.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn claim_uploads(
        &self,
        owner: &str,
        now: i64,
        until: i64,
        limit: u32,
    ) -> Result<Vec<UploadRow>, StoreError> {
        self.ask(Claim { owner: owner.to_owned(), now, until, limit }).await
    }

    /// Take note that `owner` begins to compile an upload; how often that was begun by now, this time among them. `None`
    /// if the upload is another's by now, or has ended.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn begin_compiling(&self, id: &str, owner: &str) -> Result<Option<u32>, StoreError> {
        self.ask(BeginCompiling { id: id.to_owned(), owner: owner.to_owned() }).await
    }

    /// Give back all that `owner` works on, so that others need not wait until it is theirs. Of those with the ids `begun`
    /// it does not count that they were begun once more.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn release_uploads(&self, owner: &str, begun: Vec<String>) -> Result<(), StoreError> {
        self.ask(Release { owner: owner.to_owned(), begun }).await
    }

    /// An upload is no block, for this reason: a JSON object. Nothing happens if it is not compiling any more.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn fail_upload(&self, id: &str, error: Json, now: i64) -> Result<(), StoreError> {
        self.ask(Fail { id: id.to_owned(), error, now }).await
    }

    /// Forget uploads that ended before `before`, in Unix milliseconds. How many there were.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn forget_uploads(&self, before: i64) -> Result<u64, StoreError> {
        self.ask(Forget { before }).await
    }

    /// An upload by its id.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn upload(&self, id: &str) -> Result<Option<UploadRow>, StoreError> {
        self.first(UPLOAD, [id.into()]).await?.as_ref().map(read).transpose()
    }
}

fn read(row: &Row) -> Result<UploadRow, StoreError> {
    let id = key(row);
    let columns = Columns::new(row, "block_uploads", &id);
    let version = match columns.opt_text(5)? {
        Some(_) => Some((block_type(&columns, 5)?, columns.name(6, |version| Version::parse(version).ok())?)),
        None => None,
    };
    Ok(UploadRow {
        id: columns.text(0)?,
        user_id: columns.id(1)?,
        digest: columns.text(2)?,
        bytes: columns.number(3)?,
        status: columns.name(4, UploadStatus::from_name)?,
        version,
        error: columns.opt_json(7)?,
        created_at: columns.int(8)?,
        updated_at: columns.int(9)?,
        begun: columns.number(10)?,
    })
}

#[derive(Debug)]
struct Begin(NewUpload);

impl Command for Begin {
    type Output = ();

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
        const ADD: &str = "INSERT INTO block_uploads (id, user_id, digest, bytes, status, owner, claimed_until, takeovers, \
             created_at, updated_at) VALUES ($1, $2, $3, $4, 'compiling', $5, $6, 0, $7, $7)";
        let upload = &self.0;
        let args = [
            upload.id.as_str().into(),
            upload.user_id.as_str().into(),
            upload.digest.as_str().into(),
            i64::try_from(upload.bytes).unwrap_or(i64::MAX).into(),
            upload.owner.as_str().into(),
            upload.claimed_until.into(),
            upload.now.into(),
        ];
        transaction.connection.execute(ADD, args).await.map(drop)
    }
}

#[derive(Debug)]
struct Claim {
    owner: String,
    now: i64,
    until: i64,
    limit: u32,
}

impl Command for Claim {
    type Output = Vec<UploadRow>;

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<Vec<UploadRow>, StoreError> {
        const KEEP: &str = "UPDATE block_uploads SET claimed_until = $2 WHERE status = 'compiling' AND owner = $1";
        const LOST: &str = uploads!(
            "WHERE status = 'compiling' AND claimed_until < $1 AND COALESCE(owner, '') <> $3 \
             ORDER BY claimed_until, id LIMIT $2"
        );
        const TAKE: &str = "UPDATE block_uploads SET owner = $2, claimed_until = $3 WHERE id = $1";
        let connection = &mut transaction.connection;
        connection.execute(KEEP, [self.owner.as_str().into(), self.until.into()]).await?;
        let lost = sqlx::AssertSqlSafe(format!("{LOST}{}", connection.skip_locked()));
        let rows = connection.fetch(lost, [self.now.into(), self.limit.into(), self.owner.as_str().into()]).await?;
        let mut taken = Vec::with_capacity(rows.len());
        for row in &rows {
            let upload = read(row)?;
            connection
                .execute(TAKE, [upload.id.as_str().into(), self.owner.as_str().into(), self.until.into()])
                .await?;
            taken.push(upload);
        }
        Ok(taken)
    }
}

#[derive(Debug)]
struct BeginCompiling {
    id: String,
    owner: String,
}

impl Command for BeginCompiling {
    type Output = Option<u32>;

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<Option<u32>, StoreError> {
        // Whoever begins an upload that was begun before has taken it over from a process that is gone.
        const BEGIN: &str = "UPDATE block_uploads SET takeovers = takeovers + 1 \
             WHERE id = $1 AND owner = $2 AND status = 'compiling' RETURNING takeovers";
        let args = [self.id.as_str().into(), self.owner.as_str().into()];
        let row = transaction.connection.fetch_first(BEGIN, args).await?;
        row.map(|row| Columns::new(&row, "block_uploads", &self.id).number(0)).transpose()
    }
}

#[derive(Debug)]
struct Release {
    owner: String,
    begun: Vec<String>,
}

impl Command for Release {
    type Output = ();

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
        const FORGIVE: &str = "UPDATE block_uploads SET takeovers = takeovers - 1 \
             WHERE id = $1 AND owner = $2 AND status = 'compiling' AND takeovers > 0";
        const RELEASE: &str = "UPDATE block_uploads SET owner = NULL, claimed_until = 0 \
             WHERE status = 'compiling' AND owner = $1";
        let connection = &mut transaction.connection;
        for id in &self.begun {
            connection.execute(FORGIVE, [id.as_str().into(), self.owner.as_str().into()]).await?;
        }
        connection.execute(RELEASE, [self.owner.as_str().into()]).await.map(drop)
    }
}

#[derive(Debug)]
struct Fail {
    id: String,
    error: Json,
    now: i64,
}

impl Command for Fail {
    type Output = ();

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
        const FAIL: &str = "UPDATE block_uploads SET status = 'failed', error = $2, updated_at = $3, owner = NULL, \
             claimed_until = NULL WHERE id = $1 AND status = 'compiling'";
        let args = [self.id.as_str().into(), (&self.error).into(), self.now.into()];
        transaction.connection.execute(FAIL, args).await.map(drop)
    }
}

#[derive(Debug)]
struct Forget {
    before: i64,
}

impl Command for Forget {
    type Output = u64;

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<u64, StoreError> {
        const FORGET: &str = "DELETE FROM block_uploads WHERE status <> 'compiling' AND updated_at < $1";
        transaction.connection.execute(FORGET, [self.before.into()]).await
    }
}
