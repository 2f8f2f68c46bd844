//! `blockyard:block/log`: lines kept with the node's result and sent to tracing.

use super::CallState;
use super::bindings::blockyard::block::log::{Host, Level};
use crate::domain::{Json, LogLine};

/// Lines of one call, bounded in number and length.
#[derive(Debug)]
pub struct LogBuffer {
    max_lines: usize,
    max_bytes: usize,
    lines: Vec<LogLine>,
    dropped: u64,
}

impl LogBuffer {
    /// At most `max_lines` lines of at most `max_bytes` bytes each, fields included.
    pub fn new(max_lines: usize, max_bytes: usize) -> Self {
        Self { max_lines, max_bytes, lines: Vec::new(), dropped: 0 }
    }

    /// The lines kept, and how many were not.
    pub fn take(&mut self) -> (Vec<LogLine>, u64) {
        (std::mem::take(&mut self.lines), std::mem::take(&mut self.dropped))
    }

    /// Keep one line. False if it was dropped.
    fn push(&mut self, timestamp: i64, level: &str, mut message: String, fields: Option<String>) -> bool {
        if self.lines.len() >= self.max_lines {
            self.dropped += 1;
            return false;
        }
        cut(&mut message, self.max_bytes);
        let room = self.max_bytes - message.len();
        let fields = fields.filter(|text| text.len() <= room).and_then(|text| Json::parse(text).ok());
        let fields = fields.filter(|json| json.as_str().trim_start().starts_with('{'));
        self.lines.push(LogLine { timestamp, level: level.to_owned(), message, fields });
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
        if self.log.push(now, name, message, fields)
            && let Some(line) = self.log.lines.last()
        {
            trace(level, &self.identity, line);
        }
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
        assert!(buffer.push(0, "info", "äöüß".into(), None));
        assert!(buffer.push(0, "info", "ok".into(), Some("[1]".into())));
        assert!(!buffer.push(0, "info", "late".into(), None));
        let (lines, dropped) = buffer.take();
        assert_eq!(lines[0].message, "äö");
        assert_eq!(lines[1].fields, None);
        assert_eq!(dropped, 1);
    }
}
