//! The blocks that ship with the product say that they are stateless, and are.

use std::time::Duration;

use blockyard::config::Config;
use blockyard::domain::Mode;
use blockyard::runtime::CallReport;
use serde_json::{Value, json};

use super::Process;
use crate::support::data_json;

/// No instance is dropped because this machine is slow.
fn patient(config: &mut Config) {
    config.runtime.warm.age = Duration::from_secs(3600);
    config.runtime.warm.idle = Duration::from_secs(3600);
}

/// Everything that a caller sees of a call, but for times.
fn shown(report: &CallReport) -> String {
    let logs: Vec<_> = report.logs.iter().map(|line| (&line.level, &line.message, &line.fields)).collect();
    format!("{:?} {logs:?} {}", report.result, report.logs_dropped)
}

/// Inputs that no block expects.
const ODD: usize = 3;

/// The examples of a block, and what they make of input that they do not expect.
fn cases(process: &Process, block: &str) -> Vec<(Value, Value)> {
    let manifest = &process.catalogue.resolve(&block.parse().unwrap()).unwrap().manifest;
    assert!(manifest.stateless, "{block}");
    let examples = manifest.examples.iter();
    let mut cases: Vec<_> = examples.map(|example| (example.config.clone(), example.input.clone())).collect();
    assert!(cases.len() >= 2, "{block}");
    let odd: [Value; ODD] =
        [json!(null), json!([{"id": 1, "score": "ümlaut", "email": "a@b.example"}, 7, null]), json!({"": [{}]})];
    let config = cases[0].0.clone();
    cases.extend(odd.map(|input| (config.clone(), input)));
    cases
}

#[tokio::test(flavor = "multi_thread")]
async fn every_built_in_block_answers_alike_in_one_instance_and_in_fresh_ones() {
    let fresh = Process::start(|config| config.runtime.warm.instances = 0).await;
    let warm = Process::start(patient).await;
    let call = async |process: &Process, block: &str, (config, input): &(Value, Value), user: &str| {
        shown(&process.call(block, config, input, user, Mode::Demo).await)
    };
    for (block, _) in warm.catalogue.types() {
        let block = block.as_str();
        let cases = cases(&warm, block);
        let mut expected = Vec::new();
        for case in &cases {
            expected.push(call(&fresh, block, case, "ada").await);
        }
        let before = warm.runtime.warm_stats();
        // There and back, so that each follows on different ones; and for two users, who share it.
        let there = 0..cases.len();
        let order: Vec<usize> = there.clone().chain(there.clone().rev()).chain(there).collect();
        for (turn, &index) in order.iter().enumerate() {
            let user = ["ada", "eve"][turn % 2];
            let found = call(&warm, block, &cases[index], user).await;
            assert_eq!(found, expected[index], "{block}, case {index}, call {turn}");
        }
        let after = warm.runtime.warm_stats();
        assert_eq!(after.idle, before.idle + 1, "{block} did it all in one");
        // Odd input may already fail for its schema. The first call was new, all others of examples found it.
        let examples = cases.len() - ODD;
        assert!(after.reused - before.reused >= 3 * examples as u64 - 1, "{block}: {before:?} {after:?}");
    }
    assert_eq!(fresh.runtime.warm_stats().reused, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_of_a_core_block_stays_as_large_as_it_is_over_many_calls() {
    let process = Process::start(patient).await;
    let (document, leads) = (data_json("w1.json"), data_json("w1-input.json"));
    for (block, node) in [("core.filter", 0), ("core.transform", 1), ("core.branch", 2)] {
        let config = &document["nodes"][node]["config"];
        let before = process.runtime.warm_stats();
        let mut bytes = Vec::new();
        for _ in 0..200 {
            let report = process.call(block, config, &leads, "local", Mode::Production).await;
            assert!(report.result.is_ok(), "{block}: {:?}", report.result);
            bytes.push(process.runtime.warm_stats().idle_bytes - before.idle_bytes);
        }
        assert_eq!(process.runtime.warm_stats().reused - before.reused, 199, "{block}");
        assert_eq!(bytes[199], bytes[9], "{block} grows from call to call");
    }
}
