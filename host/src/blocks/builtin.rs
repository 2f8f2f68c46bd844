//! The blocks that ship inside the binary.

/// Name of the crate in `plugins/`, its component, and the digest of that.
pub static COMPONENTS: &[(&str, &str, &[u8])] = &include!(concat!(env!("OUT_DIR"), "/builtin.rs"));

/// Whether the component with this digest ships inside the binary.
pub fn is_builtin(digest: &str) -> bool {
    COMPONENTS.iter().any(|(_, known, _)| *known == digest)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_digests_of_the_build_are_those_of_the_bytes() {
        for (name, digest, bytes) in super::COMPONENTS {
            assert_eq!(*digest, crate::runtime::digest(bytes), "{name}");
        }
    }
}
