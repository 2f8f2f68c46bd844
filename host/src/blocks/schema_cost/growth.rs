//! How many schemas come to apply to one value deep inside of a document, where schemas refer to each other.

use std::collections::{BTreeSet, HashMap, HashSet};

use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use serde_json::{Map, Value};

use super::{Found, MOST_APPLIED};

/// What is inside of itself and brings others along applies to as many levels of a document; JSON is read to 128.
const LEVELS: u64 = 128;
/// Steps that finding it out may take.
const MOST_STEPS: u64 = 2_000_000;

/// Refuse a schema of which ever more apply the deeper a document is.
///
/// # Errors
/// What multiplies.
pub(super) fn check(found: &Found<'_>) -> Result<(), String> {
    let mut growth = Growth { found, steps: 0, graph: DiGraph::new(), known: HashMap::new(), most: HashMap::new() };
    growth.draw()?;
    // What is referred to comes before who refers.
    for group in tarjan_scc(&growth.graph) {
        growth.measure(&group)?;
    }
    Ok(())
}

/// A place inside of a value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place<'a> {
    /// A member of this name.
    Member(&'a str),
    /// A member whose name no schema mentions.
    Other,
    /// The element at this index.
    Element(usize),
}

struct Growth<'f, 'a> {
    found: &'f Found<'a>,
    steps: u64,
    /// The schemas in use, with edges to those that they apply to the same value or to what is inside of it.
    graph: DiGraph<&'a Map<String, Value>, ()>,
    known: HashMap<*const Map<String, Value>, NodeIndex>,
    /// Most schemas that come with one at any single value.
    most: HashMap<NodeIndex, u64>,
}

impl<'a> Growth<'_, 'a> {
    fn draw(&mut self) -> Result<(), String> {
        let Value::Object(root) = self.found.root else { return Ok(()) };
        let mut open = vec![self.node(root).0];
        while let Some(from) = open.pop() {
            let members = self.graph[from];
            let mut next = self.found.in_place(members)?;
            next.extend(everything_inside(members));
            for target in next.into_iter().filter_map(Value::as_object) {
                self.step(1)?;
                let (to, is_new) = self.node(target);
                self.graph.update_edge(from, to, ());
                open.extend(is_new.then_some(to));
            }
        }
        Ok(())
    }

    fn node(&mut self, members: &'a Map<String, Value>) -> (NodeIndex, bool) {
        let address = std::ptr::from_ref(members);
        if let Some(known) = self.known.get(&address) {
            return (*known, false);
        }
        let node = self.graph.add_node(members);
        self.known.insert(address, node);
        (node, true)
    }

    fn step(&mut self, count: usize) -> Result<(), String> {
        self.steps = self.steps.saturating_add(count as u64);
        if self.steps > MOST_STEPS { Err("refers to itself in too many ways".to_owned()) } else { Ok(()) }
    }

    /// Schemas that can be inside of each other, or a single one.
    fn measure(&mut self, group: &[NodeIndex]) -> Result<(), String> {
        let is_cycle = group.len() > 1 || group.iter().any(|node| self.graph.contains_edge(*node, *node));
        let cycle: HashSet<NodeIndex> = group.iter().copied().filter(|_| is_cycle).collect();
        let mut most = 1;
        for node in group {
            let applied = self.applied(self.graph[*node])?;
            most = most.max(applied.values().sum());
            let names = applied.keys().flat_map(|node| names(self.graph[*node]));
            let places: BTreeSet<Place<'_>> = names.chain([Place::Other, Place::Element(usize::MAX)]).collect();
            for place in places {
                most = most.max(self.inside(place, &applied, &cycle)?);
            }
        }
        if most > MOST_APPLIED {
            return Err(format!("applies more than {MOST_APPLIED} schemas to one value"));
        }
        self.most.extend(group.iter().map(|node| (*node, most)));
        Ok(())
    }

    /// The schemas that apply where one with these members does, it among them, and how often each.
    fn applied(&mut self, members: &'a Map<String, Value>) -> Result<HashMap<NodeIndex, u64>, String> {
        let mut applied = HashMap::new();
        let mut open = vec![(members, 1_u64)];
        while let Some((members, count)) = open.pop() {
            self.step(1)?;
            let times = applied.entry(self.node(members).0).or_insert(0_u64);
            *times = times.saturating_add(count);
            let next = self.found.in_place(members)?;
            // What members and elements those have seen to is found out by looking another time.
            let is_twice = members.contains_key("unevaluatedProperties") || members.contains_key("unevaluatedItems");
            let count = if is_twice { count.saturating_mul(2) } else { count };
            open.extend(next.into_iter().filter_map(Value::as_object).map(|members| (members, count)));
        }
        Ok(applied)
    }

    /// How many come to apply to what is at `place` or inside of that.
    fn inside(
        &mut self,
        place: Place<'_>,
        applied: &HashMap<NodeIndex, u64>,
        cycle: &HashSet<NodeIndex>,
    ) -> Result<u64, String> {
        let (mut again, mut others) = (0_u64, 0_u64);
        for (node, count) in applied {
            let targets = at(self.graph[*node], place);
            self.step(1 + targets.len())?;
            for target in targets.into_iter().filter_map(Value::as_object) {
                let (target, _) = self.node(target);
                if cycle.contains(&target) {
                    again = again.saturating_add(*count);
                } else {
                    let most = self.most.get(&target).copied().unwrap_or(1);
                    others = others.saturating_add(count.saturating_mul(most));
                }
            }
        }
        match again {
            0 => Ok(others),
            1 => Ok(others.saturating_mul(LEVELS).saturating_add(1)),
            _ => {
                let place = match place {
                    Place::Member(name) => format!("the member `{}`", name.chars().take(100).collect::<String>()),
                    Place::Other => "a member".to_owned(),
                    Place::Element(_) => "an element".to_owned(),
                };
                Err(format!(
                    "refers to itself more than once for {place}, which multiplies with every level of a document"
                ))
            }
        }
    }
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
fn everything_inside(members: &Map<String, Value>) -> Vec<&Value> {
    let single = OTHER_MEMBERS.iter().chain(&OTHER_ELEMENTS).chain(&["contains", "propertyNames"]);
    let mut found: Vec<&Value> = single.filter_map(|keyword| members.get(*keyword)).collect();
    found.extend(elements(members).into_iter().flatten());
    let maps = ["properties", "patternProperties"].into_iter().filter_map(|keyword| members.get(keyword)?.as_object());
    found.extend(maps.flat_map(Map::values));
    found
}
