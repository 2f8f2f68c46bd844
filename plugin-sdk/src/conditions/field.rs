//! Finding fields in text, all in one pass.

use crate::scan::{Kind, ScanError, Scanner};

/// The distinct paths that are looked for.
#[derive(Debug, Default)]
pub(super) struct Fields {
    paths: Vec<Vec<Segment>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Segment {
    key: String,
    index: Option<usize>,
}

/// A path that is still looked for below the current value: its slot, and what is left of it.
type Wanted<'p> = (usize, &'p [Segment]);

impl Fields {
    /// The slot of a dotted path, the same for the same path.
    pub(super) fn slot(&mut self, path: &str) -> usize {
        let path = parse(path);
        if let Some(slot) = self.paths.iter().position(|known| *known == path) {
            return slot;
        }
        self.paths.push(path);
        self.paths.len() - 1
    }

    /// What [`find`](Self::find) fills.
    pub(super) fn empty<'a>(&self) -> Vec<Option<&'a str>> {
        vec![None; self.paths.len()]
    }

    /// Passes over the value that stands next, gives its text and puts each field's text into its slot.
    pub(super) fn find<'a>(
        &self,
        scanner: &mut Scanner<'a>,
        found: &mut [Option<&'a str>],
    ) -> Result<&'a str, ScanError> {
        if let [path] = self.paths.as_slice() {
            return find(scanner, &[(0, path)], found);
        }
        let wanted: Vec<_> = self.paths.iter().enumerate().map(|(slot, path)| (slot, path.as_slice())).collect();
        find(scanner, &wanted, found)
    }
}

/// Goes as deep as the paths do, which the config bounds; what is not looked for is skipped without recursion.
fn find<'a>(
    scanner: &mut Scanner<'a>,
    wanted: &[Wanted<'_>],
    found: &mut [Option<&'a str>],
) -> Result<&'a str, ScanError> {
    let kind = scanner.kind()?;
    let before = scanner.clone();
    if wanted.iter().any(|(_, rest)| !rest.is_empty()) {
        match kind {
            Kind::Object => find_in_object(scanner, wanted, found)?,
            Kind::Array => find_in_array(scanner, wanted, found)?,
            Kind::String | Kind::Scalar => {
                scanner.skip()?;
            }
        }
    } else {
        scanner.skip()?;
    }
    let text = before.until(scanner);
    for (slot, _) in wanted.iter().filter(|(_, rest)| rest.is_empty()) {
        found[*slot] = Some(text);
    }
    Ok(text)
}

fn find_in_object<'a>(
    scanner: &mut Scanner<'a>,
    wanted: &[Wanted<'_>],
    found: &mut [Option<&'a str>],
) -> Result<(), ScanError> {
    let mut more = scanner.enter_object()?;
    while more {
        let key = scanner.key()?;
        let inner: Vec<_> = below(wanted, |segment| key.is(&segment.key)).collect();
        if inner.is_empty() {
            scanner.skip()?;
        } else {
            // Of equal keys the last one counts, and nothing of an earlier one may shine through.
            inner.iter().for_each(|(slot, _)| found[*slot] = None);
            find(scanner, &inner, found)?;
        }
        more = scanner.next_member()?;
    }
    Ok(())
}

fn find_in_array<'a>(
    scanner: &mut Scanner<'a>,
    wanted: &[Wanted<'_>],
    found: &mut [Option<&'a str>],
) -> Result<(), ScanError> {
    let mut more = scanner.enter_array()?;
    let mut position = 0;
    while more {
        let inner: Vec<_> = below(wanted, |segment| segment.index == Some(position)).collect();
        if inner.is_empty() {
            scanner.skip()?;
        } else {
            find(scanner, &inner, found)?;
        }
        position += 1;
        more = scanner.next_element()?;
    }
    Ok(())
}

fn below<'p>(wanted: &[Wanted<'p>], leads: impl Fn(&Segment) -> bool) -> impl Iterator<Item = Wanted<'p>> {
    wanted.iter().filter_map(move |(slot, rest)| {
        let (first, rest) = rest.split_first()?;
        leads(first).then_some((*slot, rest))
    })
}

/// A dot separates, a backslash makes the next character an ordinary one. The empty path is the value itself.
fn parse(path: &str) -> Vec<Segment> {
    if path.is_empty() {
        return Vec::new();
    }
    let mut keys = vec![String::new()];
    let mut characters = path.chars();
    while let Some(character) = characters.next() {
        match character {
            '.' => keys.push(String::new()),
            '\\' => keys.last_mut().into_iter().for_each(|key| key.push(characters.next().unwrap_or('\\'))),
            _ => keys.last_mut().into_iter().for_each(|key| key.push(character)),
        }
    }
    keys.into_iter().map(|key| Segment { index: position(&key), key }).collect()
}

/// `0`, `17`; not `+1` or `01`, which are keys only.
fn position(key: &str) -> Option<usize> {
    let index = key.parse().ok()?;
    (key == "0" || !key.starts_with(['0', '+'])).then_some(index)
}
