//! What the tests ask of an execution's timeline, and how they wait for it without sleeping.

use std::time::Duration;

use blockyard::app::App;
use blockyard::domain::{EventKind, ExecutionId, ExecutionStatus, TimelineEntry};
use futures::StreamExt;

/// Longest that a test waits for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// Longest that a test waits for components to be compiled, as others may be compiled before.
pub(crate) const COMPILING: Duration = Duration::from_secs(330);

/// What `future` comes to, or a panic that says what was waited for.
pub(crate) fn patiently<F: Future>(what: &str, future: F) -> impl Future<Output = F::Output> {
    patiently_for(PATIENCE, what, future)
}

/// The same with another patience.
pub(crate) async fn patiently_for<F: Future>(patience: Duration, what: &str, future: F) -> F::Output {
    match tokio::time::timeout(patience, future).await {
        Ok(output) => output,
        Err(_) => panic!("waited {patience:?} for {what}"),
    }
}

/// All entries that are committed.
pub(crate) async fn timeline(app: &App, id: &ExecutionId) -> Vec<TimelineEntry> {
    let events = app.store.events(id, 0, 1_000_000).await.unwrap();
    events.into_iter().map(|event| event.entry).collect()
}

/// Wait until `node` (empty: the execution) has an entry of this kind.
pub(crate) async fn happened(app: &App, id: &ExecutionId, kind: EventKind, node: &str) -> TimelineEntry {
    happened_times(app, id, kind, node, 1).await
}

/// Wait until `node` (empty: the execution) has this many entries of this kind.
pub(crate) async fn happened_times(
    app: &App,
    id: &ExecutionId,
    kind: EventKind,
    node: &str,
    times: usize,
) -> TimelineEntry {
    let what = format!("{} {node} ({times} times)", kind.as_str());
    let events = app.hub.follow(app.store.clone(), id.clone(), 0, false);
    let found = events.map(|event| event.unwrap().entry).filter(|entry| std::future::ready(is(entry, kind, node)));
    let mut found = Box::pin(found.skip(times - 1));
    patiently(&what, found.next()).await.unwrap_or_else(|| panic!("the execution ended without {what}"))
}

/// Whether an entry is of this kind and of this node (empty: the execution).
pub(crate) fn is(entry: &TimelineEntry, kind: EventKind, node: &str) -> bool {
    entry.event == kind && entry.node_id.as_ref().map_or("", |id| id.as_str()) == node
}

/// How many entries of this kind `node` has.
pub(crate) fn count(entries: &[TimelineEntry], kind: EventKind, node: &str) -> usize {
    entries.iter().filter(|entry| is(entry, kind, node)).count()
}

/// What holds for every timeline of an ended execution: dense numbers from 1, one end, which comes last, progress that
/// never goes back and is 100 if and only if it completed.
pub(crate) fn check(entries: &[TimelineEntry], status: ExecutionStatus) -> Result<(), String> {
    for (index, entry) in entries.iter().enumerate() {
        if entry.seq != index as u64 + 1 {
            return Err(format!("entry {index} has seq {}", entry.seq));
        }
    }
    if let Some(pair) = entries.windows(2).find(|pair| pair[1].progress < pair[0].progress) {
        return Err(format!("progress goes back: {pair:?}"));
    }
    let Some((last, before)) = entries.split_last() else { return Err("no entries".to_owned()) };
    if let Some(early) = before.iter().find(|entry| entry.progress >= 100.0 || entry.event.ends_execution()) {
        return Err(format!("ended before the end: {early:?}"));
    }
    let end = match status {
        ExecutionStatus::Completed => EventKind::ExecutionCompleted,
        ExecutionStatus::Failed => EventKind::ExecutionFailed,
        _ => EventKind::ExecutionCancelled,
    };
    if last.event != end || (last.progress == 100.0) != (status == ExecutionStatus::Completed) {
        return Err(format!("{status:?}, but the last entry is {last:?}"));
    }
    Ok(())
}
