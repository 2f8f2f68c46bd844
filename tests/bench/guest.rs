//! One call of `core.filter` on the leads of W1: through the whole runtime, through wasmtime alone, and natively.

use std::time::{Duration, Instant};

use blockyard::app::App;
use blockyard::blocks::{Block, Call, CallAccess, CallContext, builtin};
use blockyard::config::Config;
use blockyard::domain::{Json, Mode, Outputs};
use blockyard::runtime::Finished;
use serde_json::json;
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::report::Report;

const ROUNDS: usize = 3000;
const CONFIG: &str = r#"{"conditions":[{"field":"score","operator":"gte","value":50}]}"#;

pub(crate) async fn measure(report: &mut Report) {
    let input = crate::data("w1-input.json").to_string();
    let raw = Raw::new();
    let mut config = Config::default();
    config.database.url = "sqlite::memory:".to_owned();
    // A fresh instance a call, as wasmtime alone has it here; `warm.rs` measures the others.
    config.runtime.warm.instances = 0;
    let app = App::start(config).await.unwrap();
    let block = app.catalogue.resolve(&"core.filter".parse().unwrap()).unwrap();
    let document = Json::parse(input.clone()).unwrap();
    let (mut whole, mut alone, mut native) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        whole.push(timed(through_runtime(&block, &document)).await);
        alone.push(timed(raw.call(CONFIG, &input)).await);
        native.push(timed(natively(&input)).await);
    }
    let (whole, alone, native) = (median(whole), median(alone), median(native));
    report.add("one call natively", native, "µs", None);
    report.add("one call through wasmtime alone", alone, "µs", None);
    report.add("one call through the runtime", whole, "µs", None);
    report.add("P4 runtime over wasmtime alone", whole / alone, "×", Some(1.3));
    report.add("P5 wasmtime alone over native", alone / native, "×", Some(1.6));
}

pub(crate) async fn timed(work: impl Future) -> Duration {
    let start = Instant::now();
    std::hint::black_box(work.await);
    start.elapsed()
}

/// In microseconds.
pub(crate) fn median(mut durations: Vec<Duration>) -> f64 {
    durations.sort();
    durations[durations.len() / 2].as_secs_f64() * 1e6
}

async fn natively(input: &str) {
    blockyard_sdk::testing::run_text::<blockyard_filter::Filter>(CONFIG, input, "{}").unwrap();
}

async fn through_runtime(block: &Block, input: &Json) {
    let ports = ["kept".to_owned(), "rejected".to_owned()];
    called(block, CONFIG, &ports, input, Mode::Production).await;
}

/// One call, and what it came to.
pub(crate) async fn called(block: &Block, config: &str, ports: &[String], input: &Json, mode: Mode) -> Outputs {
    let empty = Json::empty_object();
    let context = CallContext {
        execution_id: "bench",
        workflow_id: "bench",
        node_id: "bench",
        item_index: None,
        attempt: 1,
        mode,
        user_id: "local",
        idempotency_key: "bench",
        variables: &empty,
        settings: block.settings(mode),
        state: None,
    };
    // The config as it comes from a request: checked against its schema each time.
    let (limits, access) = (block.limits(None), CallAccess::default());
    let call = Call { config, config_checked: false, ports, input, context, limits, access };
    match block.call(call, None).await.result {
        Ok(Finished::Done { outputs, .. }) => outputs,
        other => panic!("{other:?}"),
    }
}

mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "blockyard:block/block-component",
        exports: { default: async },
    });
}

struct State {
    table: ResourceTable,
    wasi: WasiCtx,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// wasmtime with the same kind of engine, and nothing of ours around it.
struct Raw {
    engine: Engine,
    pre: bindings::BlockComponentPre<State>,
}

impl Raw {
    fn new() -> Self {
        let mut config = wasmtime::Config::new();
        let mut pool = PoolingAllocationConfig::new();
        pool.max_memory_size(256 << 20).total_stacks(64).total_memories(64).total_component_instances(64);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool)).concurrency_support(false);
        config.epoch_interruption(true);
        let engine = Engine::new(&config).unwrap();
        let bytes = builtin::COMPONENTS.iter().find(|(name, _, _)| *name == "filter").unwrap().2;
        let component = Component::from_binary(&engine, bytes).unwrap();
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).unwrap();
        linker.define_unknown_imports_as_traps(&component).unwrap();
        let pre = bindings::BlockComponentPre::new(linker.instantiate_pre(&component).unwrap()).unwrap();
        Self { engine, pre }
    }

    async fn call(&self, config: &str, input: &str) {
        let state = State { table: ResourceTable::new(), wasi: WasiCtx::builder().build() };
        let mut store = Store::new(&self.engine, state);
        store.set_epoch_deadline(1_000_000);
        let block = self.pre.instantiate_async(&mut store).await.unwrap();
        let (config, input, context) = (config.to_owned(), input.to_owned(), json!({}).to_string());
        block.blockyard_block_block().call_execute(&mut store, &config, &input, &context).await.unwrap().unwrap();
    }
}
