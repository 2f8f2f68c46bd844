//! The blocks that ship inside the binary.

/// Name of the crate in `plugins/`, and its component.
pub static COMPONENTS: &[(&str, &[u8])] = &include!(concat!(env!("OUT_DIR"), "/builtin.rs"));
