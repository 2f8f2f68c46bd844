//! Compiles every crate in `plugins/` and lists the components for `blocks/builtin.rs` to embed, and what
//! `blockyard block new` writes for `cli/block/embedded.rs`.

mod build_embed;
mod build_wasm;

use std::fs;
use std::path::Path;

use build_wasm::{build, fail, path_of};
use sha2::{Digest as _, Sha256};

fn main() {
    let workspace = path_of("CARGO_MANIFEST_DIR").join("..");
    let sdk = ["plugin-sdk/src", "plugin-sdk/replay", "plugin-sdk/templates"];
    for watched in ["plugins", "wit", "Cargo.toml", "Cargo.lock", "host/src/store/migrations"].iter().chain(&sdk) {
        println!("cargo::rerun-if-changed={}", workspace.join(watched).display());
    }
    let names = plugins(&workspace.join("plugins"));
    // What is built together shares the features of its dependencies: a block that needs more than the others would make
    // all of them larger.
    let (alone, together): (Vec<&String>, Vec<&String>) =
        names.iter().partition(|name| says(&workspace.join("plugins").join(name), "built-alone = true"));
    let package = |name: &&String| format!("--package=blockyard-{name}");
    let mut folder = build(&workspace, "block", &together.iter().map(package).collect::<Vec<_>>());
    for name in &alone {
        folder = build(&workspace, "block", &[package(name)]);
    }
    let mut list = String::from("[\n");
    for name in &names {
        let component = folder.join(format!("blockyard_{}.wasm", name.replace('-', "_")));
        let digest = digest(&component);
        list.push_str(&format!("    ({name:?}, {digest:?}, include_bytes!({:?})),\n", component.display().to_string()));
    }
    list.push(']');
    if let Err(error) = fs::write(path_of("OUT_DIR").join("builtin.rs"), list) {
        fail(&format!("cannot write the list of built-in blocks: {error}"));
    }
    let out = path_of("OUT_DIR");
    if let Err(error) = fs::write(out.join("embedded.rs"), build_embed::list(&workspace, &out)) {
        fail(&format!("cannot write the list of embedded files: {error}"));
    }
}

fn plugins(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| fail(&format!("{}: {error}", folder.display())));
    let mut names: Vec<String> = entries
        .flatten()
        .filter(|entry| says(&entry.path(), "\"cdylib\""))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// As `runtime::digest` has it. Known from the build, so that a start need not read what is compiled already.
fn digest(component: &Path) -> String {
    let bytes = fs::read(component).unwrap_or_else(|error| fail(&format!("{}: {error}", component.display())));
    let hash = Sha256::digest(bytes);
    hash.iter().fold(String::from("sha256:"), |text, byte| format!("{text}{byte:02x}"))
}

/// Whether the crate's `Cargo.toml` has this text. One without a `cdylib` is no block: it is what several share.
fn says(folder: &Path, text: &str) -> bool {
    fs::read_to_string(folder.join("Cargo.toml")).is_ok_and(|manifest| manifest.contains(text))
}
