//! Versions: added, activated, granted to, deleted.

use std::collections::BTreeMap;

use semver::Version;
use sqlx::AssertSqlSafe;

use crate::domain::{AuditEntry, BlockType, Grant, Json, UserId};

use super::super::Store;
use super::super::audit::add;
use super::super::batch::Transaction;
use super::super::columns::Columns;
use super::super::command::Command;
use super::super::error::StoreError;
use super::super::notice::Notice;
use super::super::tables::encoded;
use super::{BLOCKS_CHANGED, PART_BYTES};

/// A version about to be added.
#[derive(Clone, Debug)]
pub struct NewBlockVersion {
    /// Of which type.
    pub block_type: BlockType,
    /// Which.
    pub version: Version,
    /// SHA-256 of the component.
    pub digest: String,
    /// Size of the component.
    pub bytes: u64,
    /// What it says of itself.
    pub manifest: Json,
    /// Whether it can ask for the text of secrets.
    pub reveals: bool,
    /// Who uploads it.
    pub user_id: UserId,
    /// Whether that user may add to the types of others.
    pub is_admin: bool,
    /// The upload that this ends.
    pub upload_id: String,
    /// Unix milliseconds.
    pub now: i64,
}

/// A version about to be activated.
#[derive(Clone, Debug)]
pub struct Activation {
    /// Of which type.
    pub block_type: BlockType,
    /// Which.
    pub version: Version,
    /// SHA-256 of its component.
    pub digest: String,
    /// What its type may do, which covers all that it asks for.
    pub grant: Grant,
    /// Unix milliseconds.
    pub now: i64,
}

/// What adding a version came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddedVersion {
    /// It is there now, or was before with the same bytes.
    Added,
    /// The type belongs to somebody else.
    NotOwner,
    /// The version is there with other bytes, of this digest.
    OtherBytes(String),
    /// The component was swept away meanwhile.
    NotKept,
}

/// What deleting a type came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeletedBlock {
    /// It is gone.
    Deleted,
    /// There was none.
    NotFound,
    /// These saved workflows name it, by id; at most 20 of them.
    UsedByWorkflows(Vec<String>),
    /// These executions that have not ended were started with it; at most 20 of them.
    UsedByExecutions(Vec<String>),
}

/// Most users of a block that a refusal names.
const MOST_NAMED: usize = 20;

impl Store {
    /// Add a version, whose component has to be kept, and end its upload well. Any other outcome changes nothing.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn add_block_version(
        &self,
        version: NewBlockVersion,
        entry: AuditEntry,
    ) -> Result<AddedVersion, StoreError> {
        self.ask(Add { version, entry }).await
    }

    /// Make a version the one that is used without a pin; `false` if it is not there with these bytes, or if another grant
    /// was set than the one that it was checked against.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn activate_block(&self, activation: Activation, entry: AuditEntry) -> Result<bool, StoreError> {
        self.ask(Activate { activation, entry }).await
    }

    /// Set what a type may do; `false` if the type is `uploaded` and gone.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn grant_block(
        &self,
        block_type: BlockType,
        grant: Grant,
        uploaded: bool,
        now: i64,
        entry: AuditEntry,
    ) -> Result<bool, StoreError> {
        self.ask(SetGrant { block_type, grant, uploaded, now, entry }).await
    }

    /// Delete a type with its versions and its grant, unless something uses it.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn delete_block(&self, block_type: BlockType, entry: AuditEntry) -> Result<DeletedBlock, StoreError> {
        self.ask(Delete { block_type, entry }).await
    }
}

#[derive(Debug)]
struct Add {
    version: NewBlockVersion,
    entry: AuditEntry,
}

impl Command for Add {
    type Output = AddedVersion;

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<AddedVersion, StoreError> {
        const TYPE: &str = "INSERT INTO blocks (type, user_id, created_at, updated_at) VALUES ($1, $2, $3, $3) \
             ON CONFLICT (type) DO UPDATE SET updated_at = blocks.updated_at RETURNING user_id";
        const KNOWN: &str = "SELECT digest FROM block_versions WHERE type = $1 AND version = $2";
        const PARTS: &str = "SELECT CAST(COUNT(*) AS BIGINT) FROM component_parts WHERE digest = $1";
        const ADD: &str = "INSERT INTO block_versions (type, version, digest, bytes, manifest, reveals, user_id, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        let new = &self.version;
        let version = new.version.to_string();
        let id = || [new.block_type.as_str().into(), version.as_str().into()];
        let connection = &mut transaction.connection;
        // First of all: a type without a version would be nobody's to delete.
        let parts = connection.fetch_first(PARTS, [new.digest.as_str().into()]).await?;
        let parts = parts.map(|row| Columns::new(&row, "components", &new.digest).number(0)).transpose()?;
        if parts != Some(new.bytes.div_ceil(PART_BYTES as u64)) {
            return Ok(AddedVersion::NotKept);
        }
        // The row is locked from here on, so that two uploads of one type go one after the other.
        let owner = [new.block_type.as_str().into(), new.user_id.as_str().into(), new.now.into()];
        let row = connection.fetch_first(TYPE, owner).await?;
        let owner = row.map(|row| Columns::new(&row, "blocks", &new.block_type).text(0)).transpose()?;
        if owner.as_deref() != Some(new.user_id.as_str()) && !new.is_admin {
            return Ok(AddedVersion::NotOwner);
        }
        match connection.fetch_first(KNOWN, id()).await? {
            Some(row) => {
                let known = Columns::new(&row, "block_versions", &version).text(0)?;
                if known != new.digest {
                    return Ok(AddedVersion::OtherBytes(known));
                }
            }
            None => {
                let [block_type, version] = id();
                let args = [
                    block_type,
                    version,
                    new.digest.as_str().into(),
                    i64::try_from(new.bytes).unwrap_or(i64::MAX).into(),
                    (&new.manifest).into(),
                    i64::from(new.reveals).into(),
                    new.user_id.as_str().into(),
                    new.now.into(),
                ];
                connection.execute(ADD, args).await?;
                add(transaction, &self.entry).await?;
                transaction.tell(Notice::Changed(BLOCKS_CHANGED.to_owned()));
            }
        }
        const READY: &str = "UPDATE block_uploads SET status = 'ready', type = $2, version = $3, updated_at = $4, \
             owner = NULL, claimed_until = NULL WHERE id = $1 AND status = 'compiling'";
        let [block_type, version] = id();
        let args = [new.upload_id.as_str().into(), block_type, version, new.now.into()];
        transaction.connection.execute(READY, args).await?;
        Ok(AddedVersion::Added)
    }
}

#[derive(Debug)]
struct Activate {
    activation: Activation,
    entry: AuditEntry,
}

impl Command for Activate {
    type Output = bool;

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<bool, StoreError> {
        const ACTIVATE: &str = "UPDATE blocks SET active_version = $2, updated_at = $3 WHERE type = $1 \
             AND EXISTS (SELECT 1 FROM block_versions v WHERE v.type = $1 AND v.version = $2 AND v.digest = $4) \
             AND NOT EXISTS (SELECT 1 FROM block_grants g WHERE g.type = $1 AND g.rules <> $5)";
        const NOTE: &str = "UPDATE block_versions SET activated_at = COALESCE(activated_at, $3) \
             WHERE type = $1 AND version = $2";
        let Activation { block_type, version, digest, grant, now } = &self.activation;
        let version = version.to_string();
        let id = || [block_type.as_str().into(), version.as_str().into(), (*now).into()];
        let args = id().into_iter().chain([digest.as_str().into(), encoded(grant)]);
        // A statement sees what was committed before it began: the one that looks at the grant comes after the wait for
        // whoever changes it.
        if !lock(transaction, block_type).await? || transaction.connection.execute(ACTIVATE, args).await? == 0 {
            return Ok(false);
        }
        transaction.connection.execute(NOTE, id()).await?;
        add(transaction, &self.entry).await?;
        transaction.tell(Notice::Changed(BLOCKS_CHANGED.to_owned()));
        Ok(true)
    }
}

#[derive(Debug)]
struct SetGrant {
    block_type: BlockType,
    grant: Grant,
    uploaded: bool,
    now: i64,
    entry: AuditEntry,
}

impl Command for SetGrant {
    type Output = bool;

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<bool, StoreError> {
        const SET: &str = "INSERT INTO block_grants (type, rules, updated_at) VALUES ($1, $2, $3) \
             ON CONFLICT (type) DO UPDATE SET rules = $2, updated_at = $3";
        // A grant that outlived its type would be the next owner's.
        if self.uploaded && !lock(transaction, &self.block_type).await? {
            return Ok(false);
        }
        let args = [self.block_type.as_str().into(), encoded(&self.grant), self.now.into()];
        transaction.connection.execute(SET, args).await?;
        add(transaction, &self.entry).await?;
        transaction.tell(Notice::Changed(BLOCKS_CHANGED.to_owned()));
        Ok(true)
    }
}

#[derive(Debug)]
struct Delete {
    block_type: BlockType,
    entry: AuditEntry,
}

impl Command for Delete {
    type Output = DeletedBlock;

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<DeletedBlock, StoreError> {
        if !lock(transaction, &self.block_type).await? {
            return Ok(DeletedBlock::NotFound);
        }
        let workflows = self.workflows(transaction).await?;
        if !workflows.is_empty() {
            return Ok(DeletedBlock::UsedByWorkflows(workflows));
        }
        let executions = self.executions(transaction).await?;
        if !executions.is_empty() {
            return Ok(DeletedBlock::UsedByExecutions(executions));
        }
        for sql in [
            "DELETE FROM block_versions WHERE type = $1",
            "DELETE FROM block_grants WHERE type = $1",
            "DELETE FROM blocks WHERE type = $1",
        ] {
            transaction.connection.execute(sql, [self.block_type.as_str().into()]).await?;
        }
        add(transaction, &self.entry).await?;
        transaction.tell(Notice::Changed(BLOCKS_CHANGED.to_owned()));
        Ok(DeletedBlock::Deleted)
    }
}

impl Delete {
    /// Workflows of which a version that can still be run names the type.
    async fn workflows(&self, transaction: &mut Transaction<'_>) -> Result<Vec<String>, StoreError> {
        // The text narrows it down, the document decides.
        const NAMING: &str = "SELECT w.id, d.body FROM workflows w JOIN workflow_versions v ON v.workflow_id = w.id \
             AND v.version >= w.first_version JOIN documents d ON d.digest = v.digest \
             WHERE w.deleted_at IS NULL AND d.body LIKE $1 ORDER BY w.id";
        let mut found: Vec<String> = Vec::new();
        for row in &transaction.connection.fetch(NAMING, [format!("%{}%", self.block_type).as_str().into()]).await? {
            let columns = Columns::new(row, "workflows", &self.block_type);
            let (id, document) = (columns.text(0)?, columns.json(1)?);
            if found.last() != Some(&id) && names(&document, self.block_type.as_str()) {
                found.push(id);
            }
        }
        found.truncate(MOST_NAMED);
        Ok(found)
    }

    async fn executions(&self, transaction: &mut Transaction<'_>) -> Result<Vec<String>, StoreError> {
        const OPEN: &str = "SELECT id, blocks FROM executions WHERE status IN ('pending', 'running', 'paused') \
             AND blocks LIKE $1 ORDER BY id";
        let mut found = Vec::new();
        for row in &transaction.connection.fetch(OPEN, [format!("%{}%", self.block_type).as_str().into()]).await? {
            let columns = Columns::new(row, "executions", &self.block_type);
            let pins: Option<serde_json::Map<String, serde_json::Value>> = columns.decoded(1)?;
            if pins.is_some_and(|pins| pins.keys().any(|name| is_of(name, self.block_type.as_str()))) {
                found.push(columns.text(0)?);
            }
        }
        found.truncate(MOST_NAMED);
        Ok(found)
    }
}

/// Keep others from changing an uploaded type, its versions and its grant until the transaction ends; `false` if there is
/// none.
async fn lock(transaction: &mut Transaction<'_>, block_type: &BlockType) -> Result<bool, StoreError> {
    const TYPE: &str = "SELECT type FROM blocks WHERE type = $1";
    let connection = &mut transaction.connection;
    let locked = AssertSqlSafe(format!("{TYPE}{}", connection.for_update()));
    Ok(connection.fetch_first(locked, [block_type.as_str().into()]).await?.is_some())
}

/// Have the uploaded types that a document names stay until the transaction ends.
///
/// # Errors
/// [`StoreError::UnknownBlock`] if one of them is gone.
pub(crate) async fn hold(
    transaction: &mut Transaction<'_>,
    uploaded: &BTreeMap<BlockType, usize>,
) -> Result<(), StoreError> {
    const TYPE: &str = "SELECT type FROM blocks WHERE type = $1";
    let connection = &mut transaction.connection;
    // In the order of their names, so that two that hold the same do not wait for each other.
    for (block_type, node) in uploaded {
        let held = AssertSqlSafe(format!("{TYPE}{}", connection.for_share()));
        if connection.fetch_first(held, [block_type.as_str().into()]).await?.is_none() {
            return Err(StoreError::UnknownBlock { block_type: block_type.clone(), node: *node });
        }
    }
    Ok(())
}

/// Whether a node of the document is of the type, pinned or not.
fn names(document: &Json, block_type: &str) -> bool {
    let Ok(document) = document.to_value() else { return false };
    let nodes = document.get("nodes").and_then(serde_json::Value::as_array);
    let types = nodes.into_iter().flatten().filter_map(|node| node.get("type")?.as_str());
    types.into_iter().any(|name| is_of(name, block_type))
}

fn is_of(name: &str, block_type: &str) -> bool {
    name.split('@').next() == Some(block_type)
}
