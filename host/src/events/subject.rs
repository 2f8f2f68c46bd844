//! What can be followed.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use crate::domain::event::POSITION_STRIDE;
use crate::domain::{Event, Topic};

/// Longest excerpt of a text that names no subject, in characters.
const EXCERPT: usize = 64;

/// What a follower wants to be told of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// Everything.
    Everything,
    /// The events of this kind, of whatever they are.
    Kind(Kind),
    /// One execution with its nodes, one job or one flow.
    Topic(Topic),
}

/// Events by the first part of their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `execution.*`
    Execution,
    /// `node.*`
    Node,
    /// `job.*`
    Job,
    /// `flow.*`
    Flow,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Execution, Self::Node, Self::Job, Self::Flow];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Execution => "execution",
            Self::Node => "node",
            Self::Job => "job",
            Self::Flow => "flow",
        }
    }

    /// That of an event.
    pub fn of(event: &Event) -> Self {
        let name = event.entry.event.as_str();
        let named = |kind: &Self| name.strip_prefix(kind.as_str()).is_some_and(|rest| rest.starts_with('.'));
        Self::ALL.into_iter().find(named).unwrap_or(Self::Execution)
    }
}

impl Subject {
    /// The id of what is followed, if it is one thing. An execution and its job share theirs.
    pub(super) fn id(&self) -> Option<&str> {
        match self {
            Self::Topic(topic) => Some(topic.id()),
            Self::Everything | Self::Kind(_) => None,
        }
    }

    /// Whether a stored event, or one of those that follow from it, may be wanted.
    pub(super) fn concerns(&self, stored: &Event) -> bool {
        match self {
            Self::Everything => true,
            Self::Kind(Kind::Job) => matches!(stored.topic, Topic::Execution(_)),
            Self::Kind(kind) => Kind::of(stored) == *kind,
            Self::Topic(topic) => topic.id() == stored.topic.id(),
        }
    }

    fn is_told_of_jobs(&self) -> bool {
        matches!(self, Self::Everything | Self::Kind(Kind::Job) | Self::Topic(Topic::Job(_)))
    }
}

/// `*`, a kind, or a topic as `kind:ID`.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => f.write_str("*"),
            Self::Kind(kind) => f.write_str(kind.as_str()),
            Self::Topic(topic) => topic.fmt(f),
        }
    }
}

impl FromStr for Subject {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self::Everything);
        }
        if let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.as_str() == text) {
            return Ok(Self::Kind(kind));
        }
        text.parse().map(Self::Topic).map_err(|_| {
            let excerpt: String = text.chars().take(EXCERPT).collect();
            format!("`{excerpt}` is no topic: execution:ID, job:ID, flow:ID, execution, node, job, flow or *")
        })
    }
}

/// Subjects, each from after a position on.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    subjects: HashMap<Subject, i64>,
    jobs: bool,
}

impl Wanted {
    /// Want `subject` from after `position` on, or from where it was wanted before if that is earlier.
    pub(super) fn add(&mut self, subject: Subject, position: i64) {
        self.jobs |= subject.is_told_of_jobs();
        let from = self.subjects.entry(subject).or_insert(position);
        *from = (*from).min(position);
    }

    /// Whether it was there.
    pub(super) fn remove(&mut self, subject: &Subject) -> bool {
        let removed = self.subjects.remove(subject).is_some();
        self.jobs = self.subjects.keys().any(Subject::is_told_of_jobs);
        removed
    }

    pub(super) fn subjects(&self) -> impl Iterator<Item = &Subject> {
        self.subjects.keys()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.subjects.is_empty()
    }

    pub(super) fn contains(&self, subject: &Subject) -> bool {
        self.subjects.contains_key(subject)
    }

    pub(super) fn len(&self) -> usize {
        self.subjects.len()
    }

    /// Whether this event is wanted.
    pub(super) fn takes(&self, event: &Event) -> bool {
        self.any_of(event, |from| event.position > from)
    }

    /// Whether events like this one are wanted, at whatever position.
    pub(super) fn matches(&self, event: &Event) -> bool {
        self.any_of(event, |_| true)
    }

    fn any_of(&self, event: &Event, fits: impl Fn(i64) -> bool) -> bool {
        let subjects = [Subject::Topic(event.topic.clone()), Subject::Kind(Kind::of(event)), Subject::Everything];
        subjects.iter().any(|subject| self.subjects.get(subject).is_some_and(|from| fits(*from)))
    }

    /// What is wanted of a stored event and of those that follow from it, in order.
    pub(super) fn of(&self, stored: &Event) -> impl Iterator<Item = Event> {
        let derived = if self.jobs { stored.of_job() } else { Vec::new() };
        std::iter::once(stored.clone()).chain(derived).filter(|event| self.takes(event))
    }
}

/// The last position that belongs to the stored event at `position`.
pub(super) fn last_of(position: i64) -> i64 {
    position.saturating_add(POSITION_STRIDE - 1)
}

#[cfg(test)]
mod tests {
    use super::super::testing::event;
    use super::*;
    use crate::domain::EventKind;

    fn subject(text: &str) -> Subject {
        text.parse().unwrap()
    }

    #[test]
    fn subjects_survive_as_text_and_others_are_refused() {
        for text in ["*", "execution", "node", "job", "flow", "execution:a", "job:b:c", "flow:é"] {
            assert_eq!(subject(text).to_string(), text);
        }
        for text in ["", "jobs", "job:", "node:x", "JOB", " job", "*:x"] {
            assert!(text.parse::<Subject>().is_err(), "{text}");
        }
        let long = "ü".repeat(100_000).parse::<Subject>().unwrap_err();
        assert!(long.len() < 300, "{long}");
    }

    #[test]
    fn each_event_is_taken_once_by_whatever_wants_it() {
        let started = event(40, "execution:e", EventKind::ExecutionStarted);
        let taken = |subjects: &[(&str, i64)]| {
            let mut wanted = Wanted::default();
            subjects.iter().for_each(|(text, from)| wanted.add(subject(text), *from));
            wanted.of(&started).map(|event| event.position).collect::<Vec<_>>()
        };
        assert_eq!(taken(&[("*", 0), ("job:e", 0), ("job", 0)]), [40, 41, 42]);
        assert_eq!(taken(&[("execution:e", 0)]), [40]);
        assert_eq!(taken(&[("execution", 39), ("node", 0)]), [40]);
        assert_eq!(taken(&[("job:e", 41), ("job:f", 0)]), [42]);
        assert_eq!(taken(&[("job:e", 42), ("job", 41), ("execution", 40)]), [42]);
        assert_eq!(taken(&[("flow:e", 0), ("flow", 0), ("node", 0)]), [0i64; 0]);
    }
}
