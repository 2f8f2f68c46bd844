//! What the sources have to look like: layers, sizes, and what must not stand in them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Longest source file, in lines.
const MOST_LINES: usize = 400;

/// Crates that only some modules may use, as paths below `host/src`.
const RESERVED: [(&str, &[&str]); 12] = [
    ("wasmtime", &["runtime/", "capabilities/"]),
    ("wasmtime_wasi", &["runtime/", "capabilities/"]),
    ("sqlx", &["store/"]),
    ("petgraph", &["orchestrator/plan.rs", "blocks/schema_cost/"]),
    ("hyper", &["capabilities/http/", "api/connections.rs"]),
    ("hyper_rustls", &["capabilities/http/"]),
    ("hyper_util", &["capabilities/http/", "api/connections.rs"]),
    ("rustls", &["capabilities/http/", "capabilities/vault/"]),
    ("aho_corasick", &["capabilities/secrets/"]),
    ("chacha20poly1305", &["capabilities/vault/"]),
    ("axum", &["api/"]),
    ("clap", &["cli/", "main.rs"]),
];

/// Crates that the plain types do without.
const NOT_IN_DOMAIN: [&str; 9] =
    ["axum", "sqlx", "wasmtime", "wasmtime_wasi", "tokio", "tokio_util", "tower", "tower_http", "petgraph"];

/// One source file.
struct Source {
    /// Below the workspace.
    path: String,
    text: String,
}

impl Source {
    /// Lines of code with their numbers: no comments, no lines of `#[cfg(test)]` modules unless `tests`.
    fn code(&self, tests: bool) -> Vec<(usize, &str)> {
        let mut in_tests = false;
        let mut lines = Vec::new();
        let all: Vec<&str> = self.text.lines().collect();
        for (index, line) in all.iter().enumerate() {
            let opens_module = all.get(index + 1).is_some_and(|next| next.contains("mod ") && next.ends_with('{'));
            in_tests |= line.starts_with("#[cfg(test)]") && opens_module;
            if (tests || !in_tests) && !line.trim_start().starts_with("//") {
                lines.push((index + 1, *line));
            }
            in_tests &= *line != "}";
        }
        lines
    }

    fn at(&self, line: usize) -> String {
        format!("{}:{line}", self.path)
    }
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every file of the workspace that `wanted` asks for, by its name.
fn files(folder: &str, wanted: &dyn Fn(&str) -> bool) -> Vec<Source> {
    let root = workspace();
    let mut found = Vec::new();
    let mut open = vec![root.join(folder)];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(&directory).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() && !["target", ".git", "node_modules", ".venv", "dist"].contains(&name.as_str()) {
                open.push(entry.path());
            } else if kind.is_file()
                && wanted(&name)
                && let Ok(text) = std::fs::read_to_string(entry.path())
            {
                let path = entry.path().strip_prefix(&root).unwrap().display().to_string();
                found.push(Source { path, text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn rust(folder: &str) -> Vec<Source> {
    files(folder, &|name| name.ends_with(".rs"))
}

/// Sources of the host, with their paths below `host/src`.
fn host() -> Vec<(Source, String)> {
    let below = |source: Source| {
        let path = source.path.trim_start_matches("host/src/").to_owned();
        (source, path)
    };
    rust("host/src").into_iter().map(below).collect()
}

fn fail_with(rule: &str, violations: &[String]) {
    let mut list = String::new();
    for violation in violations {
        let _ = write!(list, "\n  {violation}");
    }
    assert!(violations.is_empty(), "{rule}:{list}");
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The identifiers that follow `prefix` in `line`; those of a group `{a, b::c}` each.
fn after<'l>(line: &'l str, prefix: &str) -> Vec<&'l str> {
    let mut found = Vec::new();
    for (at, _) in line.match_indices(prefix) {
        let before = line[..at].chars().next_back();
        if before.is_some_and(|c| is_word(c) || c == ':') {
            continue;
        }
        let rest = &line[at + prefix.len()..];
        match rest.strip_prefix('{') {
            None => found.extend(rest.split(|c| !is_word(c)).next()),
            Some(group) => {
                let names = group.split(['}', ';']).next().unwrap_or(group).split(',');
                found.extend(names.filter_map(|name| name.trim().split(|c| !is_word(c)).next()));
            }
        }
    }
    found.retain(|name| !name.is_empty());
    found
}

/// Whether `line` uses a path of the crate `name`.
fn uses(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let rest = &line[at + name.len()..];
        before.is_none_or(|c| !is_word(c) && c != ':' && c != '.' && c != '"') && rest.starts_with("::")
    })
}

/// The modules of the host from the top, as `host/src/lib.rs` lists them.
fn layers() -> Vec<String> {
    let lib = std::fs::read_to_string(workspace().join("host/src/lib.rs")).unwrap();
    let docs: String = lib.lines().filter_map(|line| line.strip_prefix("//!")).collect();
    let (_, list) = docs.split_once("The layers, from the top:").unwrap();
    let list = list.split('.').next().unwrap_or_default();
    let layers: Vec<String> = list.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    let mut modules: Vec<&str> =
        lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let mut listed: Vec<&str> = layers.iter().map(String::as_str).collect();
    modules.sort_unstable();
    listed.sort_unstable();
    assert_eq!(listed, modules, "the layers in host/src/lib.rs are its modules");
    layers
}

#[test]
fn modules_use_only_those_below_them() {
    let layers = layers();
    let order: Vec<&str> = std::iter::once("main").chain(layers.iter().map(String::as_str)).collect();
    let rank = |module: &str| order.iter().position(|known| *known == module);
    let mut violations = Vec::new();
    for (source, path) in host() {
        let module = path.split(['/', '.']).next().unwrap_or_default();
        if path == "lib.rs" {
            continue;
        }
        let Some(own) = rank(module) else {
            violations.push(format!("{}: `{module}` is no layer of host/src/lib.rs", source.path));
            continue;
        };
        // How many steps up are still inside the module.
        let depth = path.split('/').filter(|part| *part != "mod.rs").count();
        for (number, line) in source.code(true) {
            for name in after(line, if module == "main" { "blockyard::" } else { "crate::" }) {
                match rank(name) {
                    Some(used) if used >= own => {}
                    Some(_) => violations
                        .push(format!("{}: `{module}` uses `{name}`, which stands above it", source.at(number))),
                    None => violations.push(format!("{}: `crate::{name}` is no module of the list", source.at(number))),
                }
            }
            let in_tests = usize::from(line.starts_with("    "));
            let steps = |count: usize| line.contains(&"super::".repeat(count));
            if steps(depth + in_tests) {
                violations.push(format!("{}: reaches out of `{module}` with `super::`", source.at(number)));
            }
        }
    }
    fail_with("modules use only the layers below them (host/src/lib.rs)", &violations);
}

#[test]
fn each_framework_stays_in_its_module() {
    let mut violations = Vec::new();
    for (source, path) in host() {
        for (number, line) in source.code(true) {
            for (name, places) in RESERVED {
                if uses(line, name) && !places.iter().any(|place| path.starts_with(place)) {
                    violations.push(format!("{}: uses `{name}`, which belongs in {places:?}", source.at(number)));
                }
            }
            if path.starts_with("domain/") {
                let found = NOT_IN_DOMAIN.iter().filter(|name| uses(line, name));
                violations.extend(found.map(|name| format!("{}: `domain` uses `{name}`", source.at(number))));
            }
        }
    }
    fail_with("each framework stays in its module", &violations);
}

#[test]
fn files_are_short() {
    let folders = ["host", "plugin-sdk", "plugins", "tests", "examples"];
    let long = folders.iter().flat_map(|folder| rust(folder)).filter_map(|source| {
        let lines = source.text.lines().count();
        (lines > MOST_LINES).then(|| format!("{}:{MOST_LINES}: {lines} lines", source.path))
    });
    fail_with("files have at most 400 lines", &long.collect::<Vec<_>>());
}

#[test]
fn nothing_is_left_to_do_and_no_test_is_left_out() {
    // Put together here, so that this file does not hold them.
    let unwanted = [["todo", "!("].concat(), ["unimplemented", "!("].concat(), ["#[", "ignore"].concat()];
    let mut violations = Vec::new();
    for source in ["host", "plugin-sdk", "plugins", "tests"].iter().flat_map(|folder| rust(folder)) {
        for (number, line) in source.code(true) {
            let found = unwanted.iter().filter(|text| line.contains(text.as_str()));
            violations.extend(found.map(|text| format!("{}: `{text}`", source.at(number))));
        }
    }
    fail_with("nothing is left to do and no test is left out", &violations);
}

#[test]
fn what_cannot_fail_says_why() {
    let mut violations = Vec::new();
    for (source, path) in host() {
        let is_test = path.split(['/', '.']).any(|part| ["tests", "testing", "test_support"].contains(&part));
        if is_test {
            continue;
        }
        let all: Vec<&str> = source.text.lines().collect();
        for (number, line) in source.code(false) {
            let may_panic =
                [".unwrap()", ".expect(\"", "panic!(", "unreachable!("].iter().find(|text| line.contains(**text));
            let before = number.checked_sub(2).and_then(|index| all.get(index)).map_or("", |line| line.trim_start());
            if let Some(text) = may_panic
                && !before.starts_with("//")
            {
                violations.push(format!(
                    "{}: `{text}` without a comment above that says why it cannot happen",
                    source.at(number)
                ));
            }
        }
    }
    fail_with("what cannot fail says why", &violations);
}

#[test]
fn no_registry_is_named() {
    let hosts = [
        ["crates", ".io"].concat(),
        ["registry.npmjs", ".org"].concat(),
        ["pypi", ".org"].concat(),
        ["ghcr", ".io"].concat(),
    ];
    let ends = [".rs", ".toml", ".sh", ".yaml", ".yml", ".json", "Makefile", "run", "Dockerfile"];
    let mut violations = Vec::new();
    for source in files(".", &|name| ends.iter().any(|end| name.ends_with(end))) {
        for (index, line) in source.text.lines().enumerate() {
            let found = hosts.iter().filter(|host| line.contains(host.as_str()));
            violations.extend(found.map(|host| format!("{}: names `{host}`", source.at(index + 1))));
        }
    }
    fail_with("where packages come from is the builder's business", &violations);
}
