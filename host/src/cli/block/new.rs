//! `blockyard block new NAME --lang LANG`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;

use super::embedded;
use super::project::Language;
use crate::cli::Usage;

/// Longest name: its type, `custom.<name>`, has to be a block type.
const NAME_CHARS: usize = 64;

/// Those in lower case.
const RUST_KEYWORDS: [&str; 51] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn", "else",
    "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod",
    "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static", "struct", "super", "trait", "true",
    "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

#[derive(Debug, Args)]
pub(super) struct New {
    /// The block's name in lower-case letters, digits and dashes; its type will be `custom.NAME`
    #[arg(value_parser = block_name)]
    name: String,
    /// What to write it in
    #[arg(long, value_enum, value_name = "LANG")]
    lang: Language,
    /// Where to put it [default: NAME]
    #[arg(long, value_name = "DIR")]
    path: Option<PathBuf>,
}

fn block_name(text: &str) -> Result<String, String> {
    let letters = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    // A dash at an end or two in a row suit neither npm nor Python.
    let dashes = text.ends_with('-') || text.contains("--");
    if !letters || dashes || text.len() > NAME_CHARS || !text.starts_with(|first: char| first.is_ascii_lowercase()) {
        return Err("a block's name has lower-case letters, digits and single dashes, such as `csv-parser`".to_owned());
    }
    // Cargo and Python take no package of these names.
    if ["test", "core", "std", "alloc", "main", "build", "deps", "examples", "incremental", "sdk"].contains(&text) {
        return Err(format!("`{text}` is a name that the language's own tools use"));
    }
    Ok(text.to_owned())
}

impl New {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        self.check_name()?;
        let folder = self.path.clone().unwrap_or_else(|| PathBuf::from(&self.name));
        if !is_free(&folder)? {
            return Err(Usage(format!("{} is there already and not empty", folder.display())).into());
        }
        let language = self.lang.as_str();
        let mut written = Vec::new();
        for (path, bytes) in embedded::below(&format!("templates/{language}")) {
            let path = self.filled_in(path);
            let bytes = std::str::from_utf8(bytes).map_or_else(|_| bytes.to_vec(), |text| self.text(&path, text));
            write(&folder.join(&path), &bytes)?;
            written.push(path);
        }
        let mut count = 0;
        for (path, bytes) in embedded::below(&format!("sdk/{language}")) {
            write(&folder.join("sdk").join(path), bytes)?;
            count += 1;
        }
        self.tell(&folder, &written, count);
        Ok(ExitCode::SUCCESS)
    }

    /// Cargo takes no keyword as a name, and a lock file no two packages of one.
    fn check_name(&self) -> Result<(), Usage> {
        let name = &self.name;
        if self.lang != Language::Rust {
            return Ok(());
        }
        if RUST_KEYWORDS.contains(&name.as_str()) {
            return Err(Usage(format!("`{name}` is a keyword of Rust, which cargo takes as no name")));
        }
        let line = format!("name = \"{name}\"");
        let mut packages = embedded::below("templates/rust").filter(|(path, _)| path.ends_with("Cargo.lock"));
        if packages.any(|(_, text)| text.split(|byte| *byte == b'\n').any(|known| known == line.as_bytes())) {
            return Err(Usage(format!("`{name}` is a package that every block in Rust uses; choose another name")));
        }
        Ok(())
    }

    fn text(&self, path: &str, text: &str) -> Vec<u8> {
        let text = self.filled_in(text);
        if path == "Cargo.lock" { sorted_lock(&text).into_bytes() } else { text.into_bytes() }
    }

    fn filled_in(&self, text: &str) -> String {
        let name = &self.name;
        text.replace("{{name}}", name)
            .replace("{{type}}", &format!("custom.{name}"))
            .replace("{{title}}", &title(name))
            .replace("{{module}}", &module(name))
    }

    fn tell(&self, folder: &Path, written: &[String], sdk_files: usize) {
        say!("{} is a block in {}, of the type `custom.{}`:\n", folder.display(), self.lang.name(), self.name);
        for path in written {
            say!("  {path}");
        }
        say!("  sdk/  ({sdk_files} files: the SDK and the interface of blocks, yours from here on)\n");
        say!("Next:\n");
        say!("  cd {}", folder.display());
        say!("  blockyard block build");
        say!("  blockyard block test");
        say!("  blockyard block push dist/{}.wasm", self.name);
        say!("\nREADME.md says more.");
    }
}

/// Whether nothing would be overwritten.
fn is_free(folder: &Path) -> anyhow::Result<bool> {
    match std::fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(Usage(format!("{}: {error}", folder.display())).into()),
    }
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let shown = || path.display().to_string();
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(shown)?;
    }
    std::fs::write(path, bytes).with_context(shown)
}

/// Of no name that Python, its library or the SDK has.
fn module(name: &str) -> String {
    let name = name.replace('-', "_");
    if name.ends_with("block") { name } else { format!("{name}_block") }
}

/// `csv-parser` as `Csv parser`.
fn title(name: &str) -> String {
    let words = name.replace('-', " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}

/// Packages in the order in which cargo keeps them, of which the new one's place depends on its name.
fn sorted_lock(text: &str) -> String {
    const START: &str = "[[package]]\n";
    let mut parts = text.split(START);
    let head = parts.next().unwrap_or_default();
    let mut packages: Vec<&str> = parts.map(str::trim_end).collect();
    packages.sort_by_key(|package| package.lines().next().unwrap_or_default().to_owned());
    let packages: Vec<String> = packages.iter().map(|package| format!("{START}{package}\n")).collect();
    format!("{head}{}", packages.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_block_types() {
        for fine in ["csv-parser", "a", "x2", "a-1"] {
            assert_eq!(block_name(fine).as_deref(), Ok(fine));
            assert!(format!("custom.{fine}").parse::<crate::domain::BlockType>().is_ok());
        }
        let long = "a".repeat(65);
        for bad in ["", "A", "csv_parser", "-a", "a-", "a--b", "1a", "ä", "a b", "a/b", "..", "custom.a", "test", &long]
        {
            assert!(block_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_project_has_no_placeholder_left_and_refuses_a_folder_in_use() {
        let folder = tempfile::tempdir().unwrap();
        for lang in [Language::Rust, Language::Js, Language::Python] {
            let path = folder.path().join(lang.as_str());
            let new = New { name: "zip-code".to_owned(), lang, path: Some(path.clone()) };
            new.run().unwrap();
            for (file, _) in embedded::below(&format!("templates/{}", lang.as_str())) {
                let file = new.filled_in(file);
                let text = std::fs::read_to_string(path.join(&file)).unwrap();
                for placeholder in ["{{name}}", "{{type}}", "{{title}}", "{{module}}"] {
                    assert!(!text.contains(placeholder) && !file.contains(placeholder), "{file}");
                }
            }
            assert!(path.join("sdk/wit/block.wit").is_file());
            let again = new.run().unwrap_err().to_string();
            assert!(again.ends_with("is there already and not empty"), "{again}");
        }
    }

    #[test]
    fn names_that_a_language_has_taken_are_no_trap() {
        let folder = tempfile::tempdir().unwrap();
        let new = |name: &str, lang| {
            let path = folder.path().join(format!("{name}-{}", Language::as_str(lang)));
            New { name: name.to_owned(), lang, path: Some(path.clone()) }.run().map(|_| path)
        };
        for (name, words) in [("match", "keyword"), ("serde", "every block"), ("blockyard-sdk", "every block")] {
            let error = new(name, Language::Rust).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        for name in ["class", "json", "blockyard-sdk", "serde"] {
            let path = new(name, Language::Python).unwrap();
            assert!(path.join(format!("src/{}_block.py", name.replace('-', "_"))).is_file(), "{name}");
        }
    }

    #[test]
    fn a_lock_file_is_in_order_whatever_the_name() {
        let package = |name: &str| format!("[[package]]\nname = \"{name}\"\nversion = \"1.0.0\"\n");
        let text = format!("# made\nversion = 4\n\n{}\n{}\n{}", package("zip"), package("adler"), package("serde"));
        let expected = format!("# made\nversion = 4\n\n{}\n{}\n{}", package("adler"), package("serde"), package("zip"));
        assert_eq!(sorted_lock(&text), expected);
    }
}
