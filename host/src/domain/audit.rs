//! Who did what, and when.

use super::ids::UserId;
use super::json::Json;

/// One entry of the audit log. Entries are added and never changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Sorts with the time at which it was made.
    pub id: String,
    /// Unix milliseconds.
    pub at: i64,
    /// Who did it.
    pub user_id: UserId,
    /// What was done, such as [`SECRET_CREATED`].
    pub action: String,
    /// What it was done to, such as `secret/hunter`.
    pub subject: String,
    /// What else is worth knowing: a JSON object or `null`. Never the value of a secret.
    pub details: Json,
}

/// A secret was stored under a name that had none.
pub const SECRET_CREATED: &str = "secret.created";
/// A stored secret got another value or other rules.
pub const SECRET_UPDATED: &str = "secret.updated";
/// A stored secret was deleted.
pub const SECRET_DELETED: &str = "secret.deleted";
/// A block was shown the text of a secret.
pub const SECRET_REVEALED: &str = "secret.revealed";
/// Stored secrets were encrypted anew.
pub const SECRETS_ROTATED: &str = "secrets.rotated";
