//! Every operation of every block with HTTP, in production mode, through the sandbox and the real HTTP capability,
//! onto mocks that check each request against an OpenAPI document of the vendor. `make test-vendors` runs it.

#![expect(clippy::unwrap_used, reason = "tests")]

mod caller;
mod document;
mod prism;
mod proxy;
mod report;
mod suite;
mod table;
mod tables;

use blockyard::config::Rewrite;
use futures::StreamExt as _;

use caller::Caller;
use prism::Prism;
use proxy::{Plan, Proxy, Seen};
use report::Line;
use table::Vendor;

/// Vendors that are run side by side.
const AT_ONCE: usize = 2;

#[tokio::test(flavor = "multi_thread")]
async fn every_request_is_accepted_and_every_error_has_its_code_and_retry_hint() {
    let vendors = tables::all();
    let mut proxies = Vec::new();
    for _ in &vendors {
        proxies.push(Proxy::start().await);
    }
    let rewrite = |(vendor, proxy): (&Vendor, &Proxy)| Rewrite { from: vendor.base.to_owned(), to: proxy.url() };
    let caller = Caller::start(vendors.iter().zip(&proxies).map(rewrite).collect(), &vendors).await;
    let runs = vendors.iter().zip(&proxies).map(|(vendor, proxy)| run(&caller, vendor, proxy));
    let lines: Vec<Vec<Line>> = futures::stream::iter(runs).buffered(AT_ONCE).collect().await;
    let lines: Vec<Line> = lines.into_iter().flatten().collect();
    let mut problems = forgotten(&caller, &vendors);
    problems.extend(lines.iter().flat_map(Line::problems));
    caller.stop().await;
    println!("{}", report::table(&lines));
    assert!(problems.is_empty(), "{} problems:\n\n{}\n", problems.len(), problems.join("\n\n"));
}

/// Blocks with HTTP, and operations of them, that no table runs.
fn forgotten(caller: &Caller, vendors: &[Vendor]) -> Vec<String> {
    let mut problems = Vec::new();
    for block in caller.blocks_with_http() {
        let run: Vec<&str> = tables::operations_of(vendors, &block).collect();
        if run.is_empty() {
            problems.push(format!("no table has the block {block}"));
        }
        let operations = caller.operations(&block).into_iter().filter(|operation| !run.contains(&operation.as_str()));
        problems.extend(operations.map(|operation| format!("no table has the operation {operation} of {block}")));
    }
    problems
}

/// The documents of one vendor, one after the other.
async fn run(caller: &Caller, vendor: &Vendor, proxy: &Proxy) -> Vec<Line> {
    let mut lines = Vec::new();
    for suite in &vendor.suites {
        let prism = Prism::start(suite.document).await;
        proxy.point_at(prism.url(), vendor.secret_text());
        let mut line = suite::run(caller, proxy, vendor, suite).await;
        if !line.is_good() {
            line.mock_log = prism.log();
        }
        lines.push(line);
    }
    lines
}

/// That the mocks are strict is what the other test stands on.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_the_document_forbids_is_noticed() {
    let (prism, proxy) = (Prism::start("mixedbread.json").await, Proxy::start().await);
    proxy.point_at(prism.url(), "0123456789".to_owned());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for (key, body, word) in [
        ("Bearer 0123456789", r#"{"model": "m", "input": []}"#, "/v1/embeddings is answered with 422"),
        ("Basic 0123456789", r#"{"model": "m", "input": ["a"]}"#, "/v1/embeddings is answered with 401"),
        ("Bearer 0123456789", r#"{"model": "m", "input": ["a"]}"#, ""),
    ] {
        proxy.plan(Plan::default());
        let request = client.post(format!("{}/v1/embeddings", proxy.url())).header("content-type", "application/json");
        request.header("authorization", key).body(body).send().await.unwrap();
        let refusals: Vec<String> = proxy.seen().iter().filter_map(Seen::refusal).collect();
        match refusals.as_slice() {
            [refusal] => assert!(!word.is_empty() && refusal.contains(word), "{refusal}"),
            others => assert!(word.is_empty() && others.is_empty(), "{others:?} instead of {word}"),
        }
    }
}
