//! What `blockyard block new` writes, gathered for the binary: templates, SDKs and the WIT, so that it needs no checkout.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::build_wasm::fail;

/// What tools make.
const MADE: [&str; 7] = ["node_modules", ".venv", "__pycache__", ".mypy_cache", ".pytest_cache", "dist", "target"];
/// An SDK's own tests, which a project does not run.
const TESTS: [&str; 2] = ["test", "tests"];

/// A list of `(path, bytes)` in Rust: `templates/<lang>/…`, and `sdk/<lang>/…` with the WIT in `wit/`.
pub(crate) fn list(workspace: &Path, out: &Path) -> String {
    let sdk = workspace.join("plugin-sdk");
    let mut files: BTreeMap<String, PathBuf> = BTreeMap::new();
    for language in ["rust", "js", "python"] {
        gather(&sdk.join("templates").join(language), &format!("templates/{language}"), &[], &mut files);
        gather(&workspace.join("wit"), &format!("sdk/{language}/wit"), &[], &mut files);
    }
    for language in ["js", "python"] {
        gather(&sdk.join(language), &format!("sdk/{language}"), &TESTS, &mut files);
    }
    gather(&sdk.join("src"), "sdk/rust/src", &[], &mut files);
    gather(&sdk.join("replay/src"), "sdk/rust/replay/src", &[], &mut files);
    let root = read(&workspace.join("Cargo.toml"));
    let made = [
        ("sdk/rust/Cargo.toml", standalone(&read(&sdk.join("Cargo.toml")), &root)),
        ("sdk/rust/replay/Cargo.toml", standalone(&read(&sdk.join("replay/Cargo.toml")), &root)),
        ("sdk/rust/src/lib.rs", with_own_wit(&read(&sdk.join("src/lib.rs")))),
    ];
    for (index, (name, text)) in made.into_iter().enumerate() {
        let path = out.join(format!("embedded-{index}"));
        if let Err(error) = fs::write(&path, text) {
            fail(&format!("{}: {error}", path.display()));
        }
        files.insert(name.to_owned(), path);
    }
    println!("cargo::rerun-if-changed={}", sdk.join("Cargo.toml").display());
    println!("cargo::rerun-if-changed={}", sdk.join("replay/Cargo.toml").display());
    let mut list = String::from("[\n");
    for (name, path) in &files {
        list.push_str(&format!("    ({name:?}, include_bytes!({:?})),\n", path.display().to_string()));
    }
    list.push(']');
    list
}

/// All files below `folder`, under `name`. What is watched for changes leaves out what is left out, which is much.
fn gather(folder: &Path, name: &str, left_out: &[&str], files: &mut BTreeMap<String, PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        fail(&format!("{}: there is no such folder", folder.display()));
    };
    for entry in entries.flatten() {
        let (path, entry_name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if MADE.iter().chain(left_out).any(|name| *name == entry_name) {
            continue;
        }
        if path.is_dir() {
            gather(&path, &format!("{name}/{entry_name}"), left_out, files);
        } else if path.is_file() {
            println!("cargo::rerun-if-changed={}", path.display());
            files.insert(format!("{name}/{entry_name}"), path);
        }
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| fail(&format!("{}: {error}", path.display())))
}

/// In a project the WIT stands inside of the SDK.
fn with_own_wit(lib: &str) -> String {
    let (there, here) = (r#"path: "../wit""#, r#"path: "wit""#);
    if !lib.contains(there) {
        fail("plugin-sdk/src/lib.rs no longer says where the WIT is as build_embed.rs expects it");
    }
    lib.replace(there, here)
}

/// A manifest that takes nothing from the workspace: values are written out, lints and what only tests need are dropped.
fn standalone(manifest: &str, root: &str) -> String {
    let mut text = String::from("# Made from Blockyard's own manifest: part of this project from here on.\n");
    let mut section = "";
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
        }
        if ["[lints]", "[dev-dependencies]"].contains(&section) {
            continue;
        }
        text.push_str(&written_out(line, section, root));
        text.push('\n');
    }
    format!("{}\n", text.trim_end())
}

fn written_out(line: &str, section: &str, root: &str) -> String {
    let from = if section == "[package]" { "[workspace.package]" } else { "[workspace.dependencies]" };
    if let Some(name) = line.strip_suffix(".workspace = true") {
        return format!("{name} = {}", value(root, from, name).replace("plugin-sdk/", ""));
    }
    let Some((name, rest)) = line.split_once(" = { workspace = true, ") else { return line.to_owned() };
    let value = value(root, from, name);
    match value.strip_prefix('{').and_then(|table| table.strip_suffix('}')) {
        Some(table) => format!("{name} = {{ {}, {rest}", table.trim()),
        None => format!("{name} = {{ version = {value}, {rest}"),
    }
}

/// What a section of the workspace's manifest says of `name`, each on its own line.
fn value<'a>(root: &'a str, section: &str, name: &str) -> &'a str {
    let lines = root.lines().skip_while(|line| *line != section).skip(1).take_while(|line| !line.starts_with('['));
    let found = lines.filter_map(|line| line.split_once(" = ")).find(|(key, _)| *key == name);
    found.map(|(_, value)| value).unwrap_or_else(|| fail(&format!("{section} has no `{name}`")))
}
