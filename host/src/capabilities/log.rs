//! `blockyard:block/log`: lines kept with the node's result and sent to tracing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::CallState;
use super::bindings::blockyard::block::log::{Host, Level};
use crate::domain::{Json, LogLine};

/// Lines of one call, bounded in number and length. Cloning is cheap: clones keep the same lines.
#[derive(Clone, Debug)]
pub struct LogBuffer {
    max_lines: usize,
    max_bytes: usize,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    lines: Vec<LogLine>,
    dropped: u64,
}

impl LogBuffer {
    /// At most `max_lines` lines of at most `max_bytes` bytes each, fields included.
    pub fn new(max_lines: usize, max_bytes: usize) -> Self {
        Self { max_lines, max_bytes, kept: Arc::default() }
    }

    /// The lines kept, and how many were not.
    pub fn take(&mut self) -> (Vec<LogLine>, u64) {
        let mut kept = self.kept();
        (std::mem::take(&mut kept.lines), std::mem::take(&mut kept.dropped))
    }

    /// Keep one line of the host's own, which holds no secret.
    pub(crate) fn warn(&self, timestamp: i64, message: String) {
        self.push(timestamp, "warn", message, None, |_| ());
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keep one line, and `tell` of it as it is kept. False if it was dropped.
    fn push(
        &self,
        timestamp: i64,
        level: &str,
        mut message: String,
        fields: Option<String>,
        tell: impl FnOnce(&LogLine),
    ) -> bool {
        let mut kept = self.kept();
        if kept.lines.len() >= self.max_lines {
            kept.dropped += 1;
            return false;
        }
        cut(&mut message, self.max_bytes);
        let room = self.max_bytes - message.len();
        let fields = fields.filter(|text| text.len() <= room).and_then(|text| Json::parse(text).ok());
        let fields = fields.filter(|json| json.as_str().trim_start().starts_with('{'));
        let line = LogLine { timestamp, level: level.to_owned(), message, fields };
        tell(&line);
        kept.lines.push(line);
        true
    }
}

/// Shorten `text` to at most `max_bytes`, at a character's edge.
pub(super) fn cut(text: &mut String, max_bytes: usize) {
    if text.len() > max_bytes {
        text.truncate(text.floor_char_boundary(max_bytes));
    }
}

impl Host for CallState {
    fn log(&mut self, level: Level, mut message: String, mut fields: Option<String>) -> wasmtime::Result<()> {
        if let Some(scrubber) = self.secrets.scrubber() {
            scrubber.text(&mut message);
            if let Some(fields) = &mut fields {
                scrubber.json(fields);
            }
        }
        let name = match level {
            Level::Trace => "trace",
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        };
        let now = self.sources.now_ms();
        self.log.push(now, name, message, fields, |line| trace(level, &self.identity, line));
        Ok(())
    }
}

fn trace(level: Level, identity: &super::Identity, line: &LogLine) {
    let fields = line.fields.as_ref().map_or("", Json::as_str);
    macro_rules! emit {
        ($macro:ident) => {
            tracing::$macro!(
                target: "blockyard::block",
                execution_id = %identity.execution,
                node_id = %identity.node,
                block = %identity.block,
                fields,
                "{}",
                line.message
            )
        };
    }
    match level {
        Level::Trace => emit!(trace),
        Level::Debug => emit!(debug),
        Level::Info => emit!(info),
        Level::Warn => emit!(warn),
        Level::Error => emit!(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_at_a_characters_edge_and_counted_past_the_limit() {
        let mut buffer = LogBuffer::new(2, 5);
        assert!(buffer.push(0, "info", "äöüß".into(), None, |_| ()));
        assert!(buffer.push(0, "info", "ok".into(), Some("[1]".into()), |_| ()));
        assert!(!buffer.push(0, "info", "late".into(), None, |_| panic!("it was dropped")));
        let (lines, dropped) = buffer.take();
        assert_eq!(lines[0].message, "äö");
        assert_eq!(lines[1].fields, None);
        assert_eq!(dropped, 1);
    }
}
