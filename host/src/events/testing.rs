//! Events made by hand.

use crate::domain::{Event, EventKind, TimelineEntry};

/// An event at a position of a topic.
pub(super) fn event(position: i64, topic: &str, kind: EventKind) -> Event {
    let entry = TimelineEntry {
        seq: 1,
        timestamp: 5,
        event: kind,
        node_id: None,
        message: String::new(),
        progress: 0.0,
        data: None,
    };
    Event { position, topic: topic.parse().unwrap(), entry }
}
