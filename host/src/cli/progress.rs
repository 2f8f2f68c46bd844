//! How far an execution is, told on standard error.

use std::collections::HashMap;
use std::fmt::Display;
use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde_json::Value;

use crate::domain::{EventKind, Execution, ExecutionStatus, NodeId, TimelineEntry};

/// Nodes shown at work at once; more would not fit on a screen.
const MAX_SPINNERS: usize = 12;

/// Tells how an execution comes along.
pub(super) enum Progress {
    /// Not at all.
    Silent,
    /// One line a finished node.
    Plain(Nodes),
    /// A line a node that changes while it runs.
    Live(Nodes, Box<Live>),
}

/// What is known of the nodes.
#[derive(Default)]
pub(super) struct Nodes {
    total: usize,
    started: HashMap<NodeId, i64>,
    completed: usize,
    skipped: usize,
    failed: usize,
}

/// What is on the screen.
pub(super) struct Live {
    screen: MultiProgress,
    spinners: HashMap<NodeId, ProgressBar>,
    all: ProgressBar,
    colour: bool,
}

impl Progress {
    /// For a workflow of so many nodes: live on a terminal, plain otherwise.
    pub(super) fn new(total: usize) -> Self {
        let nodes = Nodes { total, ..Nodes::default() };
        if std::io::stderr().is_terminal() { Self::Live(nodes, Box::new(Live::new(total))) } else { Self::Plain(nodes) }
    }

    /// Tell of what happened.
    pub(super) fn tell(&mut self, entry: &TimelineEntry) {
        let (Self::Plain(nodes) | Self::Live(nodes, _)) = self else { return };
        let Some(id) = &entry.node_id else { return };
        let settled = nodes.note(id, entry);
        match (self, settled) {
            (Self::Plain(_), Some(line)) => tell!("{}", line.text(false)),
            (Self::Live(_, live), Some(line)) => live.settled(id, &line),
            (Self::Live(_, live), None) => live.moved(id, entry),
            _ => {}
        }
    }

    /// Clear the screen and sum up.
    pub(super) fn end(&mut self, execution: &Execution) {
        let (Self::Plain(nodes) | Self::Live(nodes, _)) = &*self else { return };
        let verb = match execution.status {
            ExecutionStatus::Completed => "completed",
            ExecutionStatus::Failed => "failed",
            _ => "cancelled",
        };
        let time = execution.execution_time.map_or_else(String::new, |ms| format!(" in {ms} ms"));
        let mut parts = vec![format!("{} of {} nodes completed", nodes.completed, nodes.total)];
        parts.extend((nodes.skipped > 0).then(|| format!("{} skipped", nodes.skipped)));
        parts.extend((nodes.failed > 0).then(|| format!("{} failed", nodes.failed)));
        let summary = format!("{verb}{time}: {}", parts.join(", "));
        if let Self::Live(_, live) = self {
            live.clear();
        }
        tell!("{summary}");
    }
}

/// A node that will not change any more.
struct Line {
    mark: char,
    colour: u8,
    text: String,
}

impl Line {
    fn text(&self, colour: bool) -> String {
        let Self { mark, text, .. } = self;
        if colour { format!("\u{1b}[{}m{mark}\u{1b}[0m {text}", self.colour) } else { format!("{mark} {text}") }
    }
}

impl Nodes {
    /// Count what happened; a line if a node has come to its end by it.
    fn note(&mut self, id: &NodeId, entry: &TimelineEntry) -> Option<Line> {
        let line = |mark, colour, what: &dyn Display| Some(Line { mark, colour, text: format!("{id} {what}") });
        let time = self.started.get(id).map(|start| format!("{} ms ", entry.timestamp.saturating_sub(*start)));
        let time = time.unwrap_or_default();
        match entry.event {
            EventKind::NodeStarted => {
                self.started.insert(id.clone(), entry.timestamp);
                None
            }
            EventKind::NodeCompleted => {
                self.completed += 1;
                line('✓', 32, &time.trim_end())
            }
            EventKind::NodeFailed => {
                self.failed += 1;
                line('✗', 31, &format_args!("{time}{}", entry.message))
            }
            EventKind::NodeSkipped => {
                self.skipped += 1;
                line('–', 90, &"skipped")
            }
            EventKind::NodeCancelled => line('✗', 33, &"cancelled"),
            _ => None,
        }
    }
}

impl Live {
    fn new(total: usize) -> Self {
        let screen = MultiProgress::new();
        let all = screen.add(ProgressBar::new(total as u64));
        all.set_style(style("{bar:30} {pos}/{len} nodes"));
        let colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { screen, spinners: HashMap::new(), all, colour }
    }

    fn moved(&mut self, id: &NodeId, entry: &TimelineEntry) {
        if entry.event == EventKind::NodeStarted && self.spinners.len() < MAX_SPINNERS {
            let spinner = self.screen.insert_before(&self.all, ProgressBar::new_spinner());
            spinner.set_style(style("{spinner} {prefix} {msg}"));
            spinner.set_prefix(id.to_string());
            spinner.enable_steady_tick(Duration::from_millis(100));
            self.spinners.insert(id.clone(), spinner);
        }
        let Some(spinner) = self.spinners.get(id) else { return };
        match entry.event {
            EventKind::NodeProgress => spinner.set_message(fraction(entry)),
            EventKind::NodeRetrying | EventKind::NodeWaiting => spinner.set_message(entry.message.clone()),
            _ => {}
        }
    }

    fn settled(&mut self, id: &NodeId, line: &Line) {
        if let Some(spinner) = self.spinners.remove(id) {
            spinner.finish_and_clear();
            self.screen.remove(&spinner);
        }
        // A screen that is gone is no reason to stop.
        let _ = self.screen.println(line.text(self.colour));
        self.all.inc(1);
    }

    fn clear(&mut self) {
        for (_, spinner) in self.spinners.drain() {
            spinner.finish_and_clear();
        }
        self.all.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// How far the node is, and what it says of it.
fn fraction(entry: &TimelineEntry) -> String {
    let data: Option<Value> = entry.data.as_ref().and_then(|data| data.decode().ok());
    let percent = data.as_ref().and_then(|data| data["percent"].as_f64()).unwrap_or_default();
    format!("{percent:.0}% {}", entry.message)
}
