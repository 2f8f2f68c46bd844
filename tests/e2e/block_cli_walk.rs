//! The README's lines about writing a block, run as they stand there, and the example blocks, built and tested by their
//! language's own tools. Tools that are missing are said out loud, and missing in CI they fail.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::sync::OnceCell;

use crate::block_cli::{Ran, block};
use crate::server::{Server, binary, command};
use crate::support::{cache_dir, config_on_disk};

/// The first build of a language's dependencies, on a machine that does other things.
const PATIENCE: Duration = Duration::from_secs(30 * 60);

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Where the walks compile Rust, so that later ones find most of it done.
fn target() -> PathBuf {
    binary().ancestors().nth(2).unwrap().join("blocks-walk")
}

/// Whether a tool works; without it there is nothing to test.
fn there_is(what: &str, program: &str, arguments: &[&str]) -> bool {
    let mut command = std::process::Command::new(program);
    let works = command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if works.is_ok_and(|status| status.success()) {
        return true;
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{what} is missing, which CI has to have");
    eprintln!("SKIPPED: {what} is missing");
    false
}

pub(crate) fn there_is_node() -> bool {
    let version = "process.exit(Number(process.versions.node.split('.')[0]) < 20 ? 1 : 0)";
    there_is("Node 20 or newer", "node", &["-e", version]) && there_is("npm", "npm", &["--version"])
}

fn there_is_python() -> bool {
    let version = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))";
    there_is("Python 3.11 or newer with venv", "python3", &["-c", version])
}

/// The shell lines that stand in the README between `<!-- walk:NAME -->` and `<!-- /walk -->`.
fn lines(name: &str) -> String {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let marked =
        readme.split_once(&format!("<!-- walk:{name} -->")).and_then(|(_, rest)| rest.split_once("<!-- /walk -->"));
    let (text, _) = marked.unwrap_or_else(|| panic!("README.md has no walk `{name}`"));
    let mut fenced = text.split("```");
    let mut lines = String::new();
    while let (Some(_), Some(fence)) = (fenced.next(), fenced.next()) {
        lines.push_str(fence.strip_prefix("sh\n").unwrap_or_default());
    }
    assert!(lines.lines().count() > 5, "{name}: {lines}");
    lines
}

/// What the command came to; it may build all that a block needs.
async fn patient(mut command: Command) -> Ran {
    Ran::of(tokio::time::timeout(PATIENCE, command.output()).await.expect("it ends in time").unwrap())
}

/// A mistake that a block's author makes.
struct Mistake {
    /// In this file of the project.
    file: &'static str,
    /// Right after this.
    after: &'static str,
    /// What fails, with the words `the moon is in the way`.
    line: &'static str,
}

/// Run the README's lines in a folder of their own, against a server of their own; then make the mistake, of which its
/// author is told in the block's own words.
async fn walk(name: &str, block_type: &str, output: &serde_json::Value, mistake: Mistake) {
    let (config, _directory) = config_on_disk(&[]);
    let server = Server::of(command("serve", &config.database.url, &[])).await;
    let folder = TempDir::new().unwrap();
    let address = server.url().trim_start_matches("http://");
    let lines = lines(name).replace("localhost:8080", address);
    // As a reader would notice, a request that is refused ends the walk.
    let script = format!("set -eu\ncurl() {{ command curl -sS --fail-with-body \"$@\"; echo; }}\n{lines}");
    let mut command = Command::new("sh");
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("BLOCKYARD_")) {
        command.env_remove(name);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let programs = std::iter::once(binary().parent().unwrap().to_owned()).chain(std::env::split_paths(&path));
    command.args(["-c", &script]).current_dir(folder.path());
    command.env("PATH", std::env::join_paths(programs).unwrap()).env("CARGO_TARGET_DIR", target());
    command.env("BLOCKYARD_SERVER", server.url()).env("BLOCKYARD_CACHE_DIR", cache_dir());
    command.stdin(Stdio::null()).kill_on_drop(true);
    let ran = patient(command).await.well();
    assert!(ran.out.contains(", 0 failed"), "{}{}", ran.out, ran.err);

    let (_, versions) = server.get(&format!("/blocks/{block_type}/versions")).await;
    assert_eq!(versions["items"][0]["status"], "active", "{versions}");
    let (_, executions) = server.get("/executions").await;
    let id = executions["items"][0]["executionId"].as_str().unwrap();
    let execution = server.execution(id).await;
    assert_eq!((&execution["status"], &execution["output"]), (&json!("completed"), output), "{execution}");

    let project = folder.path().join(block_type.trim_start_matches("custom."));
    let source = project.join(mistake.file);
    let text = std::fs::read_to_string(&source).unwrap();
    let (before, after) = text.split_once(mistake.after).expect("the template has this line");
    let spoiled = format!("{before}{}\n    {}\n{after}", mistake.after, mistake.line);
    std::fs::write(&source, spoiled).unwrap();
    let own = |verb| {
        let mut command = block(&project, &[verb]);
        command.env("CARGO_TARGET_DIR", target());
        command
    };
    patient(own("build")).await.well();
    let tested = patient(own("test")).await;
    assert_eq!(tested.code, 1, "{}{}", tested.out, tested.err);
    let told = format!("{}{}", tested.out, tested.err);
    assert!(told.contains("the moon is in the way"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_walk_in_rust_ends_with_a_workflow_that_uses_the_block() {
    let output = json!({"city": "Zürich", "temperature": 21.5, "unit": "celsius"});
    let mistake = Mistake {
        file: "src/lib.rs",
        after: "fn execute(config: Config, place: Place, _: &Context) -> Result<Outcome<Found>, Failure> {",
        line: "assert!(place.city.is_empty(), \"the moon is in the way\");",
    };
    walk("rust", "custom.city-weather", &output, mistake).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_walk_in_javascript_ends_with_a_workflow_that_uses_the_block() {
    if there_is_node() {
        let output = json!({"city": "Zürich", "temperature": 21.5, "unit": "celsius"});
        let mistake = Mistake {
            file: "src/block.js",
            after: "function execute({ unit = \"celsius\" }, input) {",
            line: "throw new TypeError(\"the moon is in the way\");",
        };
        walk("js", "custom.js-weather", &output, mistake).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_walk_in_python_ends_with_a_workflow_that_uses_the_block() {
    if there_is_python() {
        let output = json!({"amount": 271.25, "currency": "USD", "rate": 1.085});
        let mistake = Mistake {
            file: "src/exchange_rates_block.py",
            after: "def execute(config: Config, amount: Amount, context: Context) -> Converted:",
            line: "raise ArithmeticError(\"the moon is in the way\")",
        };
        walk("python", "custom.exchange-rates", &output, mistake).await;
    }
}

/// Do something to a block of this repository where it lies; what it printed.
async fn done(path: &str, verb: &str) -> String {
    let mut command = block(&root().join("examples/blocks").join(path), &[verb]);
    command.env("CARGO_TARGET_DIR", target());
    patient(command).await.well().out
}

/// The component of a block of this repository, built once whichever tests want it.
pub(crate) async fn built(path: &str) -> PathBuf {
    static BUILT: LazyLock<Mutex<HashMap<String, Arc<OnceCell<()>>>>> = LazyLock::new(Mutex::default);
    let cell = Arc::clone(BUILT.lock().unwrap().entry(path.to_owned()).or_default());
    cell.get_or_init(async || drop(done(path, "build").await)).await;
    let name = path.rsplit('/').next().unwrap();
    root().join("examples/blocks").join(path).join("dist").join(format!("{name}.wasm"))
}

/// Build and test a block of this repository.
async fn example(path: &str) {
    built(path).await;
    let said = done(path, "test").await;
    assert!(said.contains(", 0 failed"), "{path}: {said}");
}

/// The tests of a block of this repository that its language runs by itself.
async fn native(path: &str, program: &str, arguments: &[&str]) -> Ran {
    let mut tests = Command::new(program);
    tests.args(arguments).current_dir(root().join("examples/blocks").join(path));
    tests.env("CARGO_TARGET_DIR", target()).env("PYTHONPATH", "sdk:src").env("PYTHONDONTWRITEBYTECODE", "1");
    patient(tests).await.well()
}

/// The folders in `examples/blocks/<language>`.
fn examples(language: &str) -> Vec<String> {
    let folder = root().join("examples/blocks").join(language);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let folders = entries.flatten().filter(|entry| Path::is_dir(&entry.path()));
    let mut names: Vec<String> =
        folders.map(|entry| format!("{language}/{}", entry.file_name().into_string().unwrap())).collect();
    names.sort();
    assert!(!names.is_empty());
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_in_rust_builds_and_passes_its_cases() {
    for path in examples("rust") {
        example(&path).await;
        let ran = native(&path, "cargo", &["test"]).await;
        assert!(ran.out.contains("test result: ok"), "{path}: {}", ran.out);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_in_javascript_builds_and_passes_its_cases() {
    if there_is_node() {
        for path in examples("js") {
            example(&path).await;
            let ran = native(&path, "npm", &["test"]).await;
            assert!(ran.out.contains("fail 0"), "{path}: {}", ran.out);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_in_python_builds_and_passes_its_cases() {
    if there_is_python() {
        for path in examples("python") {
            example(&path).await;
            let ran = native(&path, "python3", &["-m", "unittest", "discover", "tests"]).await;
            assert!(ran.err.contains("\nOK"), "{path}: {}", ran.err);
        }
    }
}
