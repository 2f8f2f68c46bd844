//! Warm instances against fresh ones: calls of the same block, alternating, through the whole runtime.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use blockyard::app::App;
use blockyard::blocks::Block;
use blockyard::config::Config;
use blockyard::domain::{Grant, Json, Mode, Outputs};
use serde_json::Value;

use crate::guest::{called, median, timed};
use crate::report::Report;

/// Calls of each kind, unless they take too long.
const ROUNDS: usize = 2000;
/// Most time for one block.
const TIME: Duration = Duration::from_secs(20);

/// A process that keeps no instance, and one that does.
struct Both {
    fresh: App,
    warm: App,
}

/// The blocks of W1, an example in each other language, and `others`, which are paths of components.
pub(crate) async fn measure(others: &[String], report: &mut Report) {
    let both = Both { fresh: start(0).await, warm: start(16).await };
    rust(&both, report).await;
    for (language, folder, name) in [("JavaScript", "js", "lead-scoring"), ("Python", "python", "deduplicate")] {
        let project = format!("examples/blocks/{folder}/{name}");
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../{project}/dist/{name}.wasm"));
        if file.exists() {
            both.example(&file, language, report).await;
        } else {
            eprintln!("  skipped: warm against fresh in {language}; `blockyard block build {project}` makes its block");
        }
    }
    for file in others {
        both.example(Path::new(file), "given", report).await;
    }
}

/// The blocks of W1, each on what the one before it gave.
async fn rust(both: &Both, report: &mut Report) {
    let (document, mut input) = (crate::data("w1.json"), Json::from(crate::data("w1-input.json")));
    for (node, port) in [("qualified", "kept"), ("shaped", "output"), ("sized", "bulk")] {
        let node = document["nodes"].as_array().unwrap().iter().find(|found| found["id"] == node).unwrap();
        let block = node["type"].as_str().unwrap().parse().unwrap();
        let [fresh, warm] = [&both.fresh, &both.warm].map(|app| app.catalogue.resolve(&block).unwrap());
        let name = format!("{} on W1 (Rust)", node["type"].as_str().unwrap());
        let output = alternate(report, &name, &fresh, &warm, &node["config"], &input, Mode::Production).await;
        input = output.get(port).unwrap().clone();
    }
}

impl Both {
    /// The first example of an uploaded block, which its operator lets stay.
    async fn example(&self, file: &Path, language: &str, report: &mut Report) {
        let bytes = std::fs::read(file).unwrap();
        let mut blocks = Vec::new();
        for app in [&self.fresh, &self.warm] {
            match app.catalogue.register(bytes.clone().into()).await {
                Ok(block) => blocks.push(block),
                Err(error) => return eprintln!("  skipped: {}: {error}", file.display()),
            }
            let block = &blocks[blocks.len() - 1].manifest;
            let grant = Grant { stateless: true, ..Grant::of_builtin(block, |_| None) };
            app.catalogue.set_grant(block.block_type.clone(), grant);
        }
        let manifest = &blocks[0].manifest;
        let Some(example) = manifest.examples.first() else {
            return eprintln!("  skipped: {}: it has no example", file.display());
        };
        if !manifest.stateless {
            return eprintln!("  skipped: {}: it is not stateless", file.display());
        }
        let (name, input) = (format!("{} ({language})", manifest.block_type), Json::from(&example.input));
        alternate(report, &name, &blocks[0], &blocks[1], &example.config, &input, Mode::Demo).await;
    }
}

async fn alternate(
    report: &mut Report,
    name: &str,
    fresh: &Arc<Block>,
    warm: &Arc<Block>,
    config: &Value,
    input: &Json,
    mode: Mode,
) -> Outputs {
    let (ports, text) = (fresh.manifest.ports(config), config.to_string());
    let output = called(fresh, &text, &ports, input, mode).await;
    assert_eq!(called(warm, &text, &ports, input, mode).await, output, "{name} warm answers otherwise");
    let (mut fresh_times, mut warm_times, start) = (Vec::new(), Vec::new(), Instant::now());
    while warm_times.len() < ROUNDS && start.elapsed() < TIME {
        fresh_times.push(timed(called(fresh, &text, &ports, input, mode)).await);
        warm_times.push(timed(called(warm, &text, &ports, input, mode)).await);
    }
    let (fresh, warm) = (median(fresh_times), median(warm_times));
    report.add(&format!("{name}, fresh"), fresh, "µs", None);
    report.add(&format!("{name}, warm"), warm, "µs", None);
    report.add(&format!("{name}, fresh over warm"), fresh / warm, "×", None);
    output
}

async fn start(instances: usize) -> App {
    let mut config = Config::default();
    config.database.url = "sqlite::memory:".to_owned();
    // Large components are compiled once.
    config.runtime.cache_dir = Some(crate::process::target_directory().join("bench-compiled"));
    config.runtime.warm.instances = instances;
    App::start(config).await.unwrap()
}
