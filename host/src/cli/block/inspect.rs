//! `blockyard block inspect FILE`

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use clap::builder::FalseyValueParser;
use serde::Serialize;

use super::permissions;
use super::sandbox::{self, Local};
use crate::cli::FAILED;
use crate::domain::block::{LimitWishes, Ports, Slot};
use crate::domain::{Grant, Manifest};
use crate::runtime::{self, Inspection};

#[derive(Debug, Args)]
pub(super) struct Inspect {
    /// The component, or the folder of a block that was built
    #[arg(default_value = ".")]
    file: PathBuf,
    /// Print JSON
    #[arg(long, env = "BLOCKYARD_JSON", value_parser = FalseyValueParser::new())]
    json: bool,
    #[command(flatten)]
    local: Local,
}

/// What there is to say of a component.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct View {
    file: String,
    size_bytes: usize,
    digest: String,
    imports: Vec<Import>,
    exports: Vec<String>,
    /// `null` if it is no block that this version runs; then `error` says why.
    manifest: Option<Manifest>,
    /// All that it asks for.
    grant: Option<Grant>,
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct Import {
    name: String,
    offered: bool,
    meaning: &'static str,
}

impl Inspect {
    pub(super) async fn run(&self) -> anyhow::Result<ExitCode> {
        let (file, bytes) = sandbox::component(&self.file)?;
        let (size_bytes, digest) = (bytes.len(), runtime::digest(&bytes));
        // What is no component at all has nothing to show.
        let inspection = runtime::inspect(&bytes).with_context(|| file.display().to_string())?;
        let loaded = match self.local.sandbox(false).await?.load(bytes).await {
            Ok(block) => Ok(block.manifest.clone()),
            Err(error) => Err(format!("{error:#}")),
        };
        let view = View {
            file: file.display().to_string(),
            size_bytes,
            digest,
            imports: imports(&inspection),
            exports: inspection.exports.clone(),
            grant: loaded.as_ref().ok().map(|manifest| permissions::asked(manifest, inspection.reveals())),
            error: loaded.as_ref().err().cloned(),
            manifest: loaded.ok(),
        };
        if self.json {
            say!("{}", serde_json::to_string_pretty(&view)?);
        } else {
            say!("{}", text(&view).trim_end());
        }
        if let Some(error) = &view.error {
            tell!("error: {}: {error}", view.file);
            return Ok(ExitCode::from(FAILED));
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn imports(inspection: &Inspection) -> Vec<Import> {
    let foreign: Vec<&str> = inspection.foreign().collect();
    let import = |name: &String| {
        let offered = !foreign.contains(&name.as_str());
        Import { name: name.clone(), offered, meaning: if offered { meaning(name) } else { "not offered" } }
    };
    inspection.imports.iter().map(import).collect()
}

/// What an interface that is offered lets a block do.
fn meaning(import: &str) -> &'static str {
    let interface = import.split('@').next().unwrap_or(import);
    match interface {
        "blockyard:block/types" => "types of the others",
        "blockyard:block/log" => "log lines, kept with the result",
        "blockyard:block/progress" => "tell how far it is",
        "blockyard:block/secrets" => "handles of secrets, never their text",
        "blockyard:block/secrets-reveal" => "the text of secrets, where that is granted",
        "blockyard:block/http" => "HTTP to where it is granted",
        name if name.starts_with("wasi:http/") => "HTTP to where it is granted, the standard way",
        name if name.starts_with("wasi:clocks/") => "the time",
        name if name.starts_with("wasi:random/") => "random numbers",
        name if name.starts_with("wasi:io/") => "streams of the others",
        "wasi:cli/environment" => "no variables, no arguments",
        "wasi:cli/exit" => "end the call",
        "wasi:cli/stdout" | "wasi:cli/stderr" => "output, which errors quote",
        name if name.starts_with("wasi:cli/") => "no input, no terminal",
        _ => "offered",
    }
}

fn text(view: &View) -> String {
    let mut text = String::new();
    if let Some(manifest) = &view.manifest {
        line(&mut text, &format!("{} {}: {}", manifest.block_type, manifest.version, manifest.name));
        if !manifest.description.is_empty() {
            line(&mut text, &manifest.description);
        }
    }
    line(&mut text, &format!("{}, {}, {}", view.file, size(view.size_bytes), view.digest));
    let width = view.imports.iter().map(|import| import.name.len()).max().unwrap_or_default();
    let import = |import: &Import| {
        let mark = if import.offered { "" } else { "  <-" };
        format!("{:width$}  {}{mark}", import.name, import.meaning)
    };
    section(&mut text, "imports", view.imports.iter().map(import));
    section(&mut text, "exports", view.exports.iter().cloned());
    if let Some(manifest) = &view.manifest {
        tell_manifest(&mut text, manifest);
    }
    if let Some(grant) = &view.grant {
        section(&mut text, "has to be granted", permissions::lines(grant).into_iter());
    }
    text
}

fn tell_manifest(text: &mut String, manifest: &Manifest) {
    section(text, "ports", ports(&manifest.outputs).into_iter());
    section(text, "secrets", manifest.secrets.iter().map(slot));
    section(text, "settings", manifest.settings.iter().map(slot));
    let LimitWishes { timeout_ms, cpu_ms, memory_bytes } = manifest.limits;
    let limits = [("wall time", timeout_ms, "ms"), ("CPU time", cpu_ms, "ms"), ("memory", memory_bytes, "bytes")];
    let wish = |(what, limit, unit): (&str, Option<u64>, &str)| Some(format!("{what} of {} {unit}", limit?));
    let wishes: Vec<String> = limits.into_iter().filter_map(wish).collect();
    if !wishes.is_empty() {
        section(text, "would like", wishes.into_iter());
    }
    section(text, "examples", manifest.examples.iter().map(|example| example.name.clone()));
}

fn ports(ports: &Ports) -> Vec<String> {
    let (named, also) = match ports {
        Ports::Fixed(ports) => (None, ports),
        Ports::FromConfig { ports_from, also } => (Some(format!("those that the config names at {ports_from}")), also),
    };
    let described = also.iter().map(|port| described(&port.port, &port.description));
    named.into_iter().chain(described).collect()
}

fn slot(slot: &Slot) -> String {
    let name = if slot.optional { format!("{} (optional)", slot.name) } else { slot.name.clone() };
    described(&name, &slot.description)
}

fn described(name: &str, description: &str) -> String {
    // Only the first line: descriptions may be paragraphs.
    match description.lines().next().map(str::trim) {
        None | Some("") => name.to_owned(),
        Some(first) => format!("{name}: {first}"),
    }
}

fn line(text: &mut String, line: &str) {
    // An empty line before a title is this program's own.
    let (before, line) = line.strip_prefix('\n').map_or(("", line), |title| ("\n", title));
    let line = format!("{before}{}", permissions::printable(line));
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{line}");
}

fn section(text: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    let before = text.len();
    line(text, &format!("\n{title}"));
    let head = text.len();
    lines.for_each(|entry| line(text, &format!("  {entry}")));
    if text.len() == head {
        text.truncate(before);
        line(text, &format!("\n{title}: nothing"));
    }
}

/// Bytes for people.
pub(super) fn size(bytes: usize) -> String {
    #[expect(clippy::cast_precision_loss, reason = "rounded anyway")]
    let number = bytes as f64;
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        1024..1_048_576 => format!("{:.0} KiB", number / 1024.0),
        _ => format!("{:.1} MiB", number / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_offered_has_a_meaning() {
        for name in crate::capabilities::OFFERED.iter().chain(crate::capabilities::stdio::OFFERED) {
            assert_ne!(meaning(&format!("{name}@0.1.0")), "offered", "{name}");
        }
    }

    #[test]
    fn foreign_imports_stand_out() {
        let names = ["blockyard:block/log@0.1.0", "wasi:sockets/tcp@0.2.6"].map(str::to_owned);
        let found = imports(&Inspection { imports: names.to_vec(), exports: Vec::new() });
        assert_eq!(found.iter().map(|import| import.offered).collect::<Vec<_>>(), [true, false]);
        let view = View {
            file: "x.wasm".to_owned(),
            size_bytes: 2048,
            digest: "sha256:0".to_owned(),
            imports: found,
            exports: Vec::new(),
            manifest: None,
            grant: None,
            error: None,
        };
        let text = text(&view);
        assert!(text.starts_with("x.wasm, 2 KiB, sha256:0\n\nimports\n"), "{text}");
        assert!(text.contains("wasi:sockets/tcp@0.2.6     not offered  <-\n\nexports: nothing\n"), "{text}");
    }
}
