//! Rust: cargo.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Deserialize;

use super::super::project::dist;
use super::super::tool::{Said, Tool, ToolFailed};
use crate::cli::Usage;

const TARGET: &str = "wasm32-wasip2";
const MISSING: &str = "cargo is missing, which Rust blocks are built with: install rustup (https://rustup.rs), and then \
                       `rustup target add wasm32-wasip2`";

/// Build the package in `folder`, and put its component into `dist/`.
pub(super) async fn build(folder: &Path) -> anyhow::Result<PathBuf> {
    let cargo = Tool::new("cargo", folder, MISSING).args(&["build", "--release", "--target", TARGET]);
    let said = match cargo.quiet_arg("--message-format=json-render-diagnostics").run().await? {
        Ok(said) => said,
        Err(failed) => {
            let errors = String::from_utf8_lossy(&failed.said.stderr);
            if errors.contains("may not be installed") || errors.contains("can't find crate for `core`") {
                let message = format!("Rust's target {TARGET} is missing: `rustup target add {TARGET}`");
                return Err(Usage(message).into());
            }
            // Standard output is for machines here.
            Said { stdout: Vec::new(), stderr: failed.said.stderr }.show();
            return Err(ToolFailed(failed.code).into());
        }
    };
    let manifest = folder.join("Cargo.toml");
    let manifest = manifest.canonicalize().with_context(|| manifest.display().to_string())?;
    let artifact = component(&String::from_utf8_lossy(&said.stdout), &manifest).ok_or_else(|| {
        Usage(format!(
            "{}: the package makes no component; its library has `crate-type = [\"cdylib\"]`",
            manifest.display()
        ))
    })?;
    let dist = dist(folder);
    std::fs::create_dir_all(&dist).with_context(|| dist.display().to_string())?;
    let path = dist.join(format!("{}.wasm", artifact.name));
    std::fs::copy(&artifact.file, &path).with_context(|| path.display().to_string())?;
    Ok(path)
}

/// One line of what cargo says with `--message-format=json`.
#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    package_id: String,
    #[serde(default)]
    manifest_path: PathBuf,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

#[derive(Debug, PartialEq, Eq)]
struct Artifact {
    name: String,
    file: PathBuf,
}

/// The component of the package with this manifest.
fn component(messages: &str, manifest: &Path) -> Option<Artifact> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Message>(line).ok());
    let ours = |message: &Message| message.reason == "compiler-artifact" && message.manifest_path == manifest;
    messages.filter(ours).find_map(|message| {
        let is_component = |file: &&PathBuf| file.extension().is_some_and(|extension| extension == "wasm");
        let file = message.filenames.iter().find(is_component)?.clone();
        Some(Artifact { name: package_name(&message.package_id)?.to_owned(), file })
    })
}

/// From cargo's package id: `path+file:///here/name#1.0.0`, or `path+file:///here/folder#name@1.0.0`.
fn package_name(id: &str) -> Option<&str> {
    let (url, fragment) = id.rsplit_once('#')?;
    match fragment.split_once('@') {
        Some((name, _)) => Some(name),
        None => url.rsplit('/').next(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_component_is_that_of_the_package_itself() {
        let line = |manifest: &str, id: &str, file: &str| {
            let target = serde_json::json!({"kind": ["cdylib"], "name": "x"});
            serde_json::json!({"reason": "compiler-artifact", "package_id": id, "manifest_path": manifest,
                "target": target, "filenames": ["/t/x.d", file]})
            .to_string()
        };
        let messages = [
            "no JSON".to_owned(),
            line("/other/Cargo.toml", "path+file:///other#1.0.0", "/t/other.wasm"),
            line("/p/Cargo.toml", "path+file:///p#my-block@1.0.0", "/t/build-script"),
            line("/p/Cargo.toml", "path+file:///p#my-block@1.0.0", "/t/my_block.wasm"),
            r#"{"reason": "build-finished", "success": true}"#.to_owned(),
        ]
        .join("\n");
        let expected = Artifact { name: "my-block".to_owned(), file: "/t/my_block.wasm".into() };
        assert_eq!(component(&messages, Path::new("/p/Cargo.toml")), Some(expected));
        assert_eq!(component(&messages, Path::new("/q/Cargo.toml")), None);
        assert_eq!(package_name("path+file:///p/my-block#0.1.0"), Some("my-block"));
    }
}
