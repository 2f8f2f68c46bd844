//! How much work comes together at one value of a document, where schemas refer to each other.

use std::collections::{BTreeSet, HashMap, HashSet};

use petgraph::algo::tarjan_scc;
use petgraph::graph::NodeIndex;
use serde_json::{Map, Value};

use super::Reading;

/// What is inside of itself applies to as many levels of a document; JSON is read to 128.
const LEVELS: u64 = 128;
/// Schemas at work inside of each other: each takes some of a thread's stack.
const MOST_NESTED: u64 = 1_200;
/// Steps that finding it out may take.
const MOST_STEPS: u64 = 1_000_000;

/// At most so much work for any value; `None` if it grows with a document's depth, or is not to be found out.
pub(super) fn most_work(reading: &Reading<'_>) -> Option<u64> {
    let mut growth = Growth { reading, steps: 0, work: HashMap::new(), nested: HashMap::new() };
    // What is referred to comes before who refers.
    let groups = tarjan_scc(&reading.graph);
    groups.iter().try_for_each(|group| growth.measure(group))?;
    growth.work.values().max().copied()
}

/// A place inside of a value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place<'a> {
    /// A member of this name.
    Member(&'a str),
    /// A member whose name no schema mentions.
    Other,
    /// The name of any member.
    Name,
    /// The element at this index.
    Element(usize),
}

struct Growth<'r, 'a> {
    reading: &'r Reading<'a>,
    steps: u64,
    /// Most work that comes with a schema at any single value.
    work: HashMap<NodeIndex, u64>,
    /// How many schemas come to be at work inside of each other.
    nested: HashMap<NodeIndex, u64>,
}

impl<'a> Growth<'_, 'a> {
    fn members(&self, node: NodeIndex) -> &'a Map<String, Value> {
        self.reading.graph[node].members
    }

    fn step(&mut self, count: usize) -> Option<()> {
        self.steps = self.steps.saturating_add(count as u64);
        (self.steps <= MOST_STEPS).then_some(())
    }

    /// Schemas that can be inside of each other, or a single one.
    fn measure(&mut self, group: &[NodeIndex]) -> Option<()> {
        let graph = &self.reading.graph;
        let is_cycle = group.len() > 1 || group.iter().any(|node| graph.contains_edge(*node, *node));
        let cycle: HashSet<NodeIndex> = group.iter().copied().filter(|_| is_cycle).collect();
        let below = group.iter().flat_map(|node| graph.neighbors(*node)).filter(|node| !cycle.contains(node));
        let below = below.filter_map(|node| self.nested.get(&node)).max().copied().unwrap_or(0);
        let mut heights = HashMap::new();
        let height = group.iter().map(|node| self.height(*node, &cycle, &mut heights)).max().unwrap_or(1);
        let nested = if is_cycle { LEVELS.saturating_mul(height) } else { 1 }.saturating_add(below);
        if nested > MOST_NESTED {
            return None;
        }
        let mut most = 1;
        for node in group {
            let applied = self.applied(*node)?;
            let own = applied.iter().map(|(node, count)| count.saturating_mul(weight(self.members(*node))));
            most = most.max(own.fold(0, u64::saturating_add));
            let names = applied.keys().flat_map(|node| names(self.members(*node)));
            let places: BTreeSet<Place<'_>> =
                names.chain([Place::Other, Place::Name, Place::Element(usize::MAX)]).collect();
            for place in places {
                most = most.max(self.inside(place, &applied, &cycle)?);
            }
        }
        self.work.extend(group.iter().map(|node| (*node, most)));
        self.nested.extend(group.iter().map(|node| (*node, nested)));
        Some(())
    }

    /// How many schemas of a cycle are at work inside of each other at one level of a document.
    fn height(&self, node: NodeIndex, cycle: &HashSet<NodeIndex>, known: &mut HashMap<NodeIndex, u64>) -> u64 {
        if let Some(known) = known.get(&node) {
            return *known;
        }
        let inner = self.reading.graph[node].in_place.iter().filter(|inner| cycle.contains(inner));
        let height = 1 + inner.map(|inner| self.height(*inner, cycle, known)).max().unwrap_or(0);
        known.insert(node, height);
        height
    }

    /// The schemas that apply where one does, it among them, and how often each.
    fn applied(&mut self, node: NodeIndex) -> Option<HashMap<NodeIndex, u64>> {
        let mut applied = HashMap::new();
        let mut open = vec![node];
        while let Some(node) = open.pop() {
            let in_place = &self.reading.graph[node].in_place;
            self.step(1 + in_place.len())?;
            *applied.entry(node).or_insert(0_u64) += 1;
            open.extend(in_place);
        }
        Some(applied)
    }

    /// How much work comes together at what is at `place`, or inside of that.
    fn inside(
        &mut self,
        place: Place<'_>,
        applied: &HashMap<NodeIndex, u64>,
        cycle: &HashSet<NodeIndex>,
    ) -> Option<u64> {
        let (mut again, mut others) = (0_u64, 0_u64);
        for (node, count) in applied {
            let targets = at(self.members(*node), place);
            self.step(1 + targets.len())?;
            for target in targets.into_iter().filter_map(Value::as_object) {
                let target = *self.reading.known.get(&std::ptr::from_ref(target))?;
                if cycle.contains(&target) {
                    again = again.saturating_add(*count);
                } else {
                    others = others.saturating_add(count.saturating_mul(self.work.get(&target).copied()?));
                }
            }
        }
        match again {
            0 => Some(others),
            1 => Some(others.saturating_mul(LEVELS)),
            // It multiplies with every level.
            _ => None,
        }
    }
}

/// What a schema itself looks at: its keywords, and what those list.
fn weight(members: &Map<String, Value>) -> u64 {
    let listed = |value: &Value| match value {
        Value::Array(list) => list.len(),
        Value::Object(members) => {
            members.values().map(|member| 1 + member.as_array().map_or(0, Vec::len)).sum::<usize>()
        }
        _ => 0,
    };
    let lists = ["required", "enum", "const", "properties", "patternProperties", "dependentRequired", "dependencies"];
    let listed: usize = lists.iter().filter_map(|keyword| members.get(*keyword)).map(listed).sum();
    1 + listed as u64
}

/// The members and elements that a schema names.
fn names(members: &Map<String, Value>) -> impl Iterator<Item = Place<'_>> {
    let properties = members.get("properties").and_then(Value::as_object);
    let count = elements(members).map_or(0, Vec::len);
    properties.into_iter().flat_map(Map::keys).map(|name| Place::Member(name)).chain((0..count).map(Place::Element))
}

/// Keywords whose schema is for members that no other keyword beside them mentions.
const OTHER_MEMBERS: [&str; 2] = ["additionalProperties", "unevaluatedProperties"];
/// The same for elements.
const OTHER_ELEMENTS: [&str; 3] = ["items", "additionalItems", "unevaluatedItems"];

/// The schemas that one with these members applies to what is at `place`.
fn at<'a>(members: &'a Map<String, Value>, place: Place<'_>) -> Vec<&'a Value> {
    let object = |keyword: &str| members.get(keyword).and_then(Value::as_object);
    let (named, others, always): (_, &[&str], Vec<_>) = match place {
        Place::Element(index) => (
            elements(members).and_then(|list| list.get(index)),
            &OTHER_ELEMENTS,
            members.get("contains").into_iter().collect(),
        ),
        Place::Name => return members.get("propertyNames").into_iter().collect(),
        Place::Member(_) | Place::Other => {
            let named = match place {
                Place::Member(name) => object("properties").and_then(|properties| properties.get(name)),
                _ => None,
            };
            // Whatever their patterns: which names those fit is not asked.
            (named, &OTHER_MEMBERS, object("patternProperties").into_iter().flat_map(Map::values).collect())
        }
    };
    let mut found = always;
    match named {
        Some(schema) => found.push(schema),
        None => found.extend(others.iter().filter_map(|keyword| members.get(*keyword))),
    }
    found
}

/// Schemas for one element each.
fn elements(members: &Map<String, Value>) -> Option<&Vec<Value>> {
    ["prefixItems", "items"].iter().find_map(|keyword| members.get(*keyword)?.as_array())
}

/// The schemas that one with these members applies to anything inside of a value.
pub(super) fn everything_inside(members: &Map<String, Value>) -> Vec<&Value> {
    let single = OTHER_MEMBERS.iter().chain(&OTHER_ELEMENTS).chain(&["contains", "propertyNames"]);
    let mut found: Vec<&Value> = single.filter_map(|keyword| members.get(*keyword)).collect();
    found.extend(elements(members).into_iter().flatten());
    let maps = ["properties", "patternProperties"].into_iter().filter_map(|keyword| members.get(keyword)?.as_object());
    found.extend(maps.flat_map(Map::values));
    found
}
