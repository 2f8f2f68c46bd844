//! What new blocks are made of: part of the program, so that it needs no checkout and no published package.

/// Paths with their content: `templates/<lang>/…`, and `sdk/<lang>/…` with the WIT in it.
static FILES: &[(&str, &[u8])] = &include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// The files below `folder`, with their paths from there.
pub(super) fn below(folder: &str) -> impl Iterator<Item = (&'static str, &'static [u8])> {
    FILES.iter().filter_map(move |(path, bytes)| Some((path.strip_prefix(folder)?.strip_prefix('/')?, *bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_comes_with_a_template_an_sdk_and_the_interface() {
        for language in ["rust", "js", "python"] {
            let has = |path: String| FILES.iter().any(|(name, _)| *name == path);
            for file in ["README.md", ".gitignore"] {
                assert!(has(format!("templates/{language}/{file}")), "{language}: {file}");
            }
            for file in ["block.wit", "world.wit", "manifest.schema.json"] {
                assert!(has(format!("sdk/{language}/wit/{file}")), "{language}: {file}");
            }
            assert!(below(&format!("sdk/{language}")).count() > 10, "{language}");
        }
    }

    #[test]
    fn nothing_that_a_tool_made_is_embedded() {
        for (path, bytes) in FILES {
            for made in ["node_modules/", ".venv/", "__pycache__/", "dist/", "target/"] {
                assert!(!path.contains(made), "{path}");
            }
            assert!(bytes.len() < 512 << 10, "{path}: {} bytes", bytes.len());
        }
    }

    #[test]
    fn the_rust_sdk_stands_alone() {
        for path in ["sdk/rust/Cargo.toml", "sdk/rust/replay/Cargo.toml"] {
            let (_, bytes) = FILES.iter().find(|(name, _)| *name == path).unwrap();
            let text = std::str::from_utf8(bytes).unwrap();
            assert!(!text.contains("workspace = true") && !text.contains("plugin-sdk"), "{text}");
            assert!(text.contains("serde_json = { version ="), "{text}");
        }
    }
}
