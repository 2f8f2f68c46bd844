//! Blocks that were uploaded: their components, versions and grants, and uploads under way.

mod components;
mod uploads;
mod versions;

use semver::Version;

use crate::domain::{BlockType, Grant, Json, UserId};

use super::Store;
use super::columns::Columns;
use super::dialect::Row;
use super::error::StoreError;
use super::reads::key;

pub use components::PART_BYTES;
pub use uploads::{NewUpload, UploadRow, UploadStatus};
pub(crate) use versions::hold;
pub use versions::{Activation, AddedVersion, DeletedBlock, NewBlockVersion};

/// The kind of [`Notice::Changed`](super::Notice::Changed) that tells of a version, an activation or a grant.
pub const BLOCKS_CHANGED: &str = "blocks";

/// A type that somebody uploaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockRow {
    /// Its name.
    pub block_type: BlockType,
    /// Who first uploaded it.
    pub user_id: UserId,
    /// The version that is used without a pin, if one was activated.
    pub active: Option<Version>,
}

/// A version of such a type.
#[derive(Clone, Debug, PartialEq)]
pub struct BlockVersionRow {
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
    /// Who uploaded it.
    pub user_id: UserId,
    /// Unix milliseconds.
    pub created_at: i64,
    /// Whether it was ever activated.
    pub activated: bool,
}

/// All that is known of blocks, at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BlockRows {
    /// By name.
    pub types: Vec<BlockRow>,
    /// By type, in no order within it.
    pub versions: Vec<BlockVersionRow>,
    /// What types may do; built-in ones among them if somebody set it.
    pub grants: Vec<(BlockType, Grant)>,
}

const TYPES: &str = "SELECT type, user_id, active_version FROM blocks ORDER BY type";
const VERSIONS: &str = "SELECT type, version, digest, bytes, manifest, reveals, user_id, created_at, activated_at FROM block_versions ORDER BY type";
const GRANTS: &str = "SELECT type, rules FROM block_grants ORDER BY type";

impl Store {
    /// All blocks that were uploaded, and all grants that were set. A row that cannot be read is left out and logged, so
    /// that it stands in nobody else's way.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn blocks(&self) -> Result<BlockRows, StoreError> {
        // Grants first and types last: what names something is read before what it names, which stays.
        let grants = readable(&self.rows(GRANTS, []).await?, grant);
        let types = readable(&self.rows(TYPES, []).await?, block);
        let versions = readable(&self.rows(VERSIONS, []).await?, version);
        Ok(BlockRows { types, versions, grants })
    }
}

fn readable<T>(rows: &[Row], read: fn(&Row) -> Result<T, StoreError>) -> Vec<T> {
    let unreadable = |error: &StoreError| tracing::error!(%error, "a block is left out");
    rows.iter().filter_map(|row| read(row).inspect_err(unreadable).ok()).collect()
}

fn block_type(columns: &Columns<'_>, index: usize) -> Result<BlockType, StoreError> {
    columns.name(index, |name| name.parse().ok())
}

fn block(row: &Row) -> Result<BlockRow, StoreError> {
    let id = key(row);
    let columns = Columns::new(row, "blocks", &id);
    let active = columns.opt_text(2)?.map(|_| columns.name(2, |version| Version::parse(version).ok())).transpose()?;
    Ok(BlockRow { block_type: block_type(&columns, 0)?, user_id: columns.id(1)?, active })
}

fn version(row: &Row) -> Result<BlockVersionRow, StoreError> {
    let id = key(row);
    let columns = Columns::new(row, "block_versions", &id);
    Ok(BlockVersionRow {
        block_type: block_type(&columns, 0)?,
        version: columns.name(1, |version| Version::parse(version).ok())?,
        digest: columns.text(2)?,
        bytes: columns.number(3)?,
        manifest: columns.json(4)?,
        reveals: columns.int(5)? != 0,
        user_id: columns.id(6)?,
        created_at: columns.int(7)?,
        activated: columns.opt_int(8)?.is_some(),
    })
}

fn grant(row: &Row) -> Result<(BlockType, Grant), StoreError> {
    let id = key(row);
    let columns = Columns::new(row, "block_grants", &id);
    let block_type = block_type(&columns, 0)?;
    // Nothing is allowed by what cannot be read, say what a later version of this program has set.
    let unreadable = |error: StoreError| tracing::error!(%block_type, %error, "a grant allows nothing");
    let grant = columns.decoded(1).unwrap_or_else(|error| {
        unreadable(error);
        None
    });
    Ok((block_type, grant.unwrap_or_default()))
}
