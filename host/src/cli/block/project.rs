//! A block's folder: its language, and its name.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::cli::Usage;

/// What blocks are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Language {
    Rust,
    Js,
    Python,
}

impl Language {
    /// As the command line spells it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Js => "js",
            Self::Python => "python",
        }
    }

    /// As people call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::Js => "JavaScript",
            Self::Python => "Python",
        }
    }

    /// The language of the project in `folder`, by the file that its tools look for.
    pub(super) fn of(folder: &Path) -> Result<Self, Usage> {
        let marks = [
            ("Cargo.toml", Self::Rust),
            ("package.json", Self::Js),
            ("pyproject.toml", Self::Python),
            ("requirements.txt", Self::Python),
        ];
        let found = marks.iter().find(|(name, _)| folder.join(name).is_file());
        found.map(|(_, language)| *language).ok_or_else(|| {
            let names = marks.map(|(name, _)| name).join(", ");
            Usage(format!("{} is no block's folder: it has none of {names}", shown(folder)))
        })
    }
}

/// The folder for people: the one that the command was called in has no name of its own.
pub(super) fn shown(folder: &Path) -> String {
    if folder == Path::new(".") { "this folder".to_owned() } else { folder.display().to_string() }
}

/// Where components are put.
pub(super) fn dist(folder: &Path) -> PathBuf {
    if folder == Path::new(".") { PathBuf::from("dist") } else { folder.join("dist") }
}

/// The components that `block build` left there.
pub(super) fn components(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dist(folder)).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| is_wasm(path)).collect()
}

/// The only one of them.
pub(super) fn built(folder: &Path) -> Result<PathBuf, Usage> {
    let dist = dist(folder);
    match components(folder).as_slice() {
        [only] => Ok(only.clone()),
        [] => {
            let advice = "build it first, with `blockyard block build`";
            Err(Usage(format!("there is no component in {}: {advice}", dist.display())))
        }
        several => {
            let count = several.len();
            Err(Usage(format!("{} has {count} components: name the one that you mean", dist.display())))
        }
    }
}

fn is_wasm(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "wasm")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_that_of_the_tools_file() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Language::of(folder.path()).unwrap_err().0.contains("Cargo.toml, package.json"));
        for (name, language) in [("requirements.txt", Language::Python), ("package.json", Language::Js)] {
            std::fs::write(folder.path().join(name), "{}").unwrap();
            assert_eq!(Language::of(folder.path()).unwrap(), language);
        }
    }

    #[test]
    fn one_component_is_found_and_several_are_asked_about() {
        let folder = tempfile::tempdir().unwrap();
        assert!(built(folder.path()).unwrap_err().0.contains("blockyard block build"));
        let dist = folder.path().join("dist");
        std::fs::create_dir(&dist).unwrap();
        std::fs::write(dist.join("a.wasm"), "").unwrap();
        std::fs::write(dist.join("a.js"), "").unwrap();
        assert_eq!(built(folder.path()).unwrap(), dist.join("a.wasm"));
        std::fs::write(dist.join("b.wasm"), "").unwrap();
        assert!(built(folder.path()).unwrap_err().0.contains("2 components"));
    }
}
