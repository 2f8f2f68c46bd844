//! Compiles every crate in `plugins/` and lists the components for `blocks/builtin.rs` to embed.

mod build_wasm;

use std::fs;
use std::path::Path;

use build_wasm::{build, fail, path_of};

fn main() {
    let workspace = path_of("CARGO_MANIFEST_DIR").join("..");
    for watched in ["plugins", "plugin-sdk", "wit", "Cargo.toml", "Cargo.lock", "host/src/store/migrations"] {
        println!("cargo::rerun-if-changed={}", workspace.join(watched).display());
    }
    let names = plugins(&workspace.join("plugins"));
    let packages: Vec<String> = names.iter().map(|name| format!("--package=blockyard-{name}")).collect();
    let folder = build(&workspace, &packages);
    let mut list = String::from("[\n");
    for name in &names {
        let component = folder.join(format!("blockyard_{}.wasm", name.replace('-', "_")));
        list.push_str(&format!("    ({name:?}, include_bytes!({:?})),\n", component.display().to_string()));
    }
    list.push(']');
    if let Err(error) = fs::write(path_of("OUT_DIR").join("builtin.rs"), list) {
        fail(&format!("cannot write the list of built-in blocks: {error}"));
    }
}

fn plugins(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| fail(&format!("{}: {error}", folder.display())));
    let mut names: Vec<String> = entries
        .flatten()
        .filter(|entry| is_block(&entry.path().join("Cargo.toml")))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// Whether the crate becomes a component; others in the folder are what several blocks share.
fn is_block(manifest: &Path) -> bool {
    fs::read_to_string(manifest).is_ok_and(|text| text.contains("\"cdylib\""))
}
