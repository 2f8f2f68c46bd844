//! Log lines, which appear in the node's result and in the server's traces.
//!
//! ```
//! use blockyard_sdk::{log, testing};
//!
//! log::info("page fetched", &[("page", 2.into()), ("items", 50.into())]);
//! assert_eq!(testing::take_logs()[0].message, "page fetched");
//! ```

use serde_json::Value;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Every step.
    Trace,
    /// For whoever debugs the block.
    Debug,
    /// For whoever reads the result.
    Info,
    /// Something was skipped or replaced.
    Warn,
    /// Something went wrong and the block went on.
    Error,
}

/// Names and values beside the message.
pub type Fields<'a> = &'a [(&'a str, Value)];

/// Writes a line at [`Level::Trace`].
pub fn trace(message: &str, fields: Fields<'_>) {
    log(Level::Trace, message, fields);
}

/// Writes a line at [`Level::Debug`].
pub fn debug(message: &str, fields: Fields<'_>) {
    log(Level::Debug, message, fields);
}

/// Writes a line at [`Level::Info`].
pub fn info(message: &str, fields: Fields<'_>) {
    log(Level::Info, message, fields);
}

/// Writes a line at [`Level::Warn`].
pub fn warn(message: &str, fields: Fields<'_>) {
    log(Level::Warn, message, fields);
}

/// Writes a line at [`Level::Error`].
pub fn error(message: &str, fields: Fields<'_>) {
    log(Level::Error, message, fields);
}

/// Writes a line. Lines over the host's limits are cut or counted, never an error.
pub fn log(level: Level, message: &str, fields: Fields<'_>) {
    #[cfg(target_arch = "wasm32")]
    {
        use crate::bindings::blockyard::block::log as host;
        let level = match level {
            Level::Trace => host::Level::Trace,
            Level::Debug => host::Level::Debug,
            Level::Info => host::Level::Info,
            Level::Warn => host::Level::Warn,
            Level::Error => host::Level::Error,
        };
        let fields = (!fields.is_empty()).then(|| object(fields).to_string());
        host::log(level, message, fields.as_deref());
    }
    #[cfg(not(target_arch = "wasm32"))]
    crate::testing::record_log(level, message, object(fields));
}

fn object(fields: Fields<'_>) -> Value {
    fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}
