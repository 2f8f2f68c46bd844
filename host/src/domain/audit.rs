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
/// A webhook was made.
pub const WEBHOOK_CREATED: &str = "webhook.created";
/// A webhook was changed, switched on or off.
pub const WEBHOOK_UPDATED: &str = "webhook.updated";
/// A webhook got another secret.
pub const WEBHOOK_SECRET_ROTATED: &str = "webhook.secret-rotated";
/// A webhook was deleted.
pub const WEBHOOK_DELETED: &str = "webhook.deleted";
/// No more jobs of a queue are begun.
pub const QUEUE_PAUSED: &str = "queue.paused";
/// Jobs of a queue are begun again.
pub const QUEUE_RESUMED: &str = "queue.resumed";
/// A schedule was made.
pub const SCHEDULE_CREATED: &str = "schedule.created";
/// A schedule was changed, switched on or off.
pub const SCHEDULE_UPDATED: &str = "schedule.updated";
/// A schedule was deleted.
pub const SCHEDULE_DELETED: &str = "schedule.deleted";
/// An incoming trigger was made.
pub const TRIGGER_CREATED: &str = "trigger.created";
/// An incoming trigger was switched on or off.
pub const TRIGGER_UPDATED: &str = "trigger.updated";
/// An incoming trigger was deleted.
pub const TRIGGER_DELETED: &str = "trigger.deleted";
/// A component was uploaded as a version of a block.
pub const BLOCK_UPLOADED: &str = "block.uploaded";
/// A version of a block became the one that is used.
pub const BLOCK_ACTIVATED: &str = "block.activated";
/// What a block may do was set.
pub const BLOCK_GRANTED: &str = "block.granted";
/// A block was deleted, with all its versions.
pub const BLOCK_DELETED: &str = "block.deleted";
