//! What is looked at before a component is compiled. What becomes of whole uploads is tested end to end.

use super::super::builtin::COMPONENTS;
use crate::runtime::{ComponentError, inspect};

#[test]
fn every_built_in_block_passes() {
    for (name, _, bytes) in COMPONENTS {
        let found = inspect(bytes).unwrap();
        found.check().unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(!found.reveals(), "{name}");
    }
}

#[test]
fn every_cut_of_a_component_is_refused() {
    let (_, _, whole) = COMPONENTS[0];
    // What is left by a cut between two sections is a component, but no block.
    let is_refused = |cut: usize| match inspect(&whole[..cut]) {
        Err(ComponentError::Malformed(_)) => true,
        Err(_) => false,
        Ok(found) => matches!(found.check(), Err(ComponentError::WrongWorld(_))),
    };
    for cut in (0..64).chain((64..whole.len()).step_by(whole.len() / 50)).chain([whole.len() - 1]) {
        assert!(is_refused(cut), "{cut} of {}", whole.len());
    }
}
