//! Instances that answer many calls: who gets them, what ends them, and that nothing but a guest's own memory goes from
//! one call to the next.

mod builtin;
mod ends;

use std::sync::Arc;
use std::time::Duration;

use blockyard::blocks::{Call, CallAccess, CallContext, Catalogue};
use blockyard::capabilities::Capabilities;
use blockyard::capabilities::http::{HttpClient, SystemResolver};
use blockyard::capabilities::vault::Vault;
use blockyard::config::Config;
use blockyard::domain::block::HttpRule;
use blockyard::domain::{Grant, Json, Mode, NewSecret, Owner, Sources, UserId};
use blockyard::events::Hub;
use blockyard::runtime::{CallReport, Finished, Runtime};
use blockyard::store::Store;
use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::{config_in_memory, guest};

/// The blocks of a process, and the sandbox that they run in.
struct Process {
    runtime: Runtime,
    catalogue: Catalogue,
}

impl Process {
    async fn start(change: impl FnOnce(&mut Config)) -> Self {
        let (mut config, sources) = (config_in_memory(&[]), Sources::system());
        change(&mut config);
        let store = Store::open(&config.database, Hub::default().on_commit()).await.unwrap();
        let vault = Vault::open(store, &config.secrets, sources.clone(), std::iter::empty()).await.unwrap();
        let hosts = ["good.example".to_owned()];
        let text = "a-secret-of-the-tests".to_owned().into();
        let secret = NewSecret::parse("granted".parse().unwrap(), Owner::Shared, text, &hosts, None).unwrap();
        vault.put(&UserId::local(), secret).await.unwrap();
        let http = HttpClient::new(config.http.clone(), Arc::new(SystemResolver)).unwrap();
        let runtime = Runtime::new(config.runtime, sources.clone(), Capabilities { http, vault }).unwrap();
        let catalogue = Catalogue::with_builtins(runtime.clone()).await.unwrap();
        Self { runtime, catalogue }
    }

    /// With `test.keeps`, which asks to be kept and is granted it.
    async fn keeping(change: impl FnOnce(&mut Config)) -> Self {
        let process = Self::start(change).await;
        process.add("keeps").await;
        process.grant("test.keeps", true);
        process
    }

    async fn add(&self, name: &str) {
        self.catalogue.register(std::fs::read(guest(name)).unwrap().into()).await.unwrap();
    }

    fn grant(&self, block: &str, stateless: bool) {
        let secrets = vec!["granted".to_owned()];
        let http =
            vec![HttpRule { host: Some("good.example".to_owned()), secrets: secrets.clone(), ..HttpRule::default() }];
        self.catalogue.set_grant(block.parse().unwrap(), Grant { http, reveal: secrets, stateless });
    }

    /// One call, as an execution in this mode makes it.
    async fn call(&self, block: &str, config: &Value, input: &Value, user: &str, mode: Mode) -> CallReport {
        let block = self.catalogue.resolve(&block.parse().unwrap()).unwrap();
        let (ports, empty, input) = (block.manifest.ports(config), Json::empty_object(), Json::from(input));
        let context = CallContext {
            execution_id: "warm",
            workflow_id: "warm",
            node_id: "it",
            item_index: None,
            attempt: 1,
            mode,
            user_id: user,
            idempotency_key: "warm",
            variables: &empty,
            settings: block.settings(mode),
            state: None,
        };
        let limits = block.limits(config["timeoutMs"].as_u64());
        let (text, access) = (config.to_string(), CallAccess::default());
        let call = Call { config: &text, config_checked: false, ports: &ports, input: &input, context, limits, access };
        block.call(call, None).await
    }

    /// One call of `test.keeps`.
    async fn keeps(&self, config: Value, user: &str) -> CallReport {
        self.call("test.keeps", &config, &Value::Null, user, Mode::Production).await
    }

    /// Which call of its instance one of `test.keeps` was.
    async fn count(&self) -> u64 {
        calls(&self.keeps(json!({}), "local").await)
    }
}

/// Which call of its instance it was.
fn calls(report: &CallReport) -> u64 {
    output(report)["calls"].as_u64().unwrap()
}

fn output(report: &CallReport) -> Value {
    match &report.result {
        Ok(Finished::Done { outputs, .. }) => outputs.get("output").unwrap().to_value().unwrap(),
        other => panic!("{other:?}"),
    }
}

fn code(report: &CallReport) -> &str {
    match &report.result {
        Err(failure) => &failure.error.code,
        Ok(finished) => panic!("{finished:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_is_kept_for_a_block_that_asks_for_it_as_long_as_it_is_granted() {
    let process = Process::start(|_| {}).await;
    process.add("keeps").await;
    assert_eq!((process.count().await, process.count().await), (1, 1), "no grant");
    process.grant("test.keeps", true);
    assert_eq!((process.count().await, process.count().await, process.count().await), (1, 2, 3));
    process.grant("test.keeps", false);
    assert_eq!((process.count().await, process.count().await), (1, 1), "the grant is gone");
    process.grant("test.keeps", true);
    assert_eq!(
        (process.count().await, process.count().await),
        (1, 2),
        "what was known under the earlier grant is gone"
    );
    let narrower = Grant { stateless: true, ..Grant::default() };
    process.catalogue.set_grant("test.keeps".parse().unwrap(), narrower);
    assert_eq!((process.count().await, process.count().await), (1, 2), "what has known another grant is not used");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_from_recordings_is_not_known_to_calls_in_production() {
    let process = Process::keeping(|_| {}).await;
    let count = async |mode| calls(&process.call("test.keeps", &json!({}), &Value::Null, "local", mode).await);
    for (mode, expected) in [(Mode::Demo, 1), (Mode::Demo, 2), (Mode::Production, 1), (Mode::Test, 1), (Mode::Demo, 3)]
    {
        assert_eq!(count(mode).await, expected, "{mode:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_that_does_not_ask_to_be_kept_is_not_whatever_is_granted() {
    let process = Process::start(|_| {}).await;
    process.add("remembers").await;
    process.grant("test.remembers", true);
    for _ in 0..2 {
        let report = process.call("test.remembers", &json!({}), &Value::Null, "local", Mode::Production).await;
        assert_eq!(calls(&report), 1);
    }
    assert_eq!(process.runtime.warm_stats().idle, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_kept_where_the_operator_wants_nothing_kept() {
    let process = Process::keeping(|config| config.runtime.warm.instances = 0).await;
    assert_eq!((process.count().await, process.count().await), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_users_never_share_an_instance_of_a_block_from_outside() {
    let process = Process::keeping(|_| {}).await;
    for round in 1..=3 {
        for user in ["ada", "eve", "local", "", "Ada", "ada\0"] {
            assert_eq!(calls(&process.keeps(json!({}), user).await), round, "{user:?}");
        }
    }
    assert_eq!(process.runtime.warm_stats().idle, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_call_has_its_own_log_and_its_own_limits() {
    let process = Process::keeping(|config| config.runtime.cpu = Duration::from_millis(200)).await;
    for round in 1..=3 {
        let report = process.keeps(json!({}), "local").await;
        assert_eq!(calls(&report), round);
        let lines: Vec<_> = report.logs.iter().map(|line| line.message.clone()).collect();
        assert_eq!((lines, report.logs_dropped), (vec![format!("call {round}")], 0));
        // Each of these is within the CPU time of one call, all of them together are not.
        let report = process.keeps(json!({"then": "work", "ms": 120}), "other").await;
        assert_eq!(calls(&report), round);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_calls_of_several_blocks_end_in_eight_slots() {
    let process = Process::keeping(|config| config.runtime.max_instances = 8).await;
    process.add("echo").await;
    let filter = json!({"conditions": [{"field": "a", "operator": "gte", "value": 1}]});
    for _ in 0..3 {
        let reports = join_all((0..64).map(async |number: usize| {
            let input = json!([{"a": number}]);
            match number % 4 {
                0 => process.call("core.filter", &filter, &input, "local", Mode::Production).await,
                1 => process.call("test.echo", &json!({}), &input, "local", Mode::Production).await,
                2 => process.keeps(json!({"then": "pause", "ms": 5}), "local").await,
                // More users than slots.
                _ => process.keeps(json!({}), &format!("user-{number}")).await,
            }
        }));
        for report in reports.await {
            assert!(report.result.is_ok(), "{:?}", report.result);
        }
    }
    let stats = process.runtime.warm_stats();
    assert!(stats.idle <= 8 && stats.reused > 0, "{stats:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_slot_serves_blocks_in_turns() {
    let process = Process::keeping(|config| config.runtime.max_instances = 1).await;
    for _ in 0..3 {
        assert_eq!(calls(&process.keeps(json!({}), "ada").await), 1);
        assert_eq!(calls(&process.keeps(json!({}), "eve").await), 1, "it took the slot of the other");
        assert_eq!(calls(&process.keeps(json!({}), "eve").await), 2);
    }
}
