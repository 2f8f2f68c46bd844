//! What `blockyard block push` and `blockyard block grant` say of each other.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::bytes;
use crate::block_cli::{Ran, block, has};
use crate::server::{Server, command};
use crate::support::guest;
use crate::timeline::patiently;

/// A component of `custom.lo` that says this of itself besides.
fn component(folder: &TempDir, version: &str, more: &Value) -> PathBuf {
    let mut manifest = json!({
        "type": "custom.lo", "version": version, "name": "Lo", "outputs": [{"port": "output"}],
        "configSchema": true, "inputSchema": true,
    });
    manifest.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let path = folder.path().join(format!("{version}.wasm"));
    std::fs::write(&path, bytes::with_manifest(std::fs::read(guest("any-manifest")).unwrap(), &manifest)).unwrap();
    path
}

async fn ran(server: &Server, arguments: &[&str]) -> Ran {
    let mut command = block(Path::new("/"), arguments);
    command.env("BLOCKYARD_SERVER", server.url());
    Ran::of(patiently("the program", command.output()).await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_push_advises_grants_what_that_version_asks_for() {
    let (server, folder) = (Server::of(command("serve", "sqlite::memory:", &[])).await, TempDir::new().unwrap());
    for (version, host) in [("2.0.0", "two.example"), ("1.0.1", "one.example")] {
        let path = component(&folder, version, &json!({"http": [{"host": host}]}));
        let pushed = ran(&server, &["push", path.to_str().unwrap()]).await.well();
        has(&pushed.out, &[&format!("custom.lo {version}: pending"), host]);
        has(&pushed.out, &[&format!("blockyard block grant custom.lo@{version} --all")]);
    }
    let newest = ran(&server, &["grant", "custom.lo", "--all", "--yes"]).await.well();
    has(&newest.out, &["custom.lo 2.0.0: inactive", "custom.lo 1.0.1: pending", "versions/2.0.0/activate"]);
    // Whoever grants that once more hears of the other.
    let again = ran(&server, &["grant", "custom.lo", "--all", "--yes"]).await.well();
    has(&again.out, &["custom.lo 2.0.0 is granted all that it asks for", "1.0.1: pending", "https://one.example/"]);
    has(&again.out, &["blockyard block grant custom.lo@1.0.1 --all --server"]);
    let shown = ran(&server, &["grant", "custom.lo@1", "--show"]).await.well();
    assert!(shown.out.contains("1.0.1: pending") && !shown.out.contains("2.0.0"), "{}", shown.out);
    let older = ran(&server, &["grant", "custom.lo@1.0.1", "--all", "--yes"]).await.well();
    has(&older.out, &["two.example", "one.example", "1.0.1: inactive", "versions/1.0.1/activate"]);
    let all = ran(&server, &["grant", "custom.lo@1.0.1", "--all", "--yes"]).await.well();
    has(&all.out, &["custom.lo is granted all that its versions ask for"]);
    let unknown = ran(&server, &["grant", "custom.lo@3", "--all", "--yes"]).await;
    assert_eq!(unknown.code, 2);
    has(&unknown.err, &["there is no `custom.lo@3`; the block has 2.0.0, 1.0.1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_that_speaks_of_what_it_has_not_is_refused_with_the_place() {
    let (server, folder) = (Server::of(command("serve", "sqlite::memory:", &[])).await, TempDir::new().unwrap());
    let slot = json!({"name": "k", "description": ""});
    let example = json!({"name": "x", "config": {}, "input": 1, "outputs": {"other": 1}});
    let odd = json!({
        "secrets": [slot, slot], "http": [{"hostFrom": "setting:nope", "secrets": ["k", "stray"]}],
        "examples": [example],
    });
    let path = component(&folder, "1.0.0", &odd);
    let refused = ran(&server, &["push", path.to_str().unwrap()]).await;
    assert_eq!(refused.code, 1, "{}", refused.out);
    has(&refused.err, &["[invalid-manifest]", "at /secrets/1/name: ", "at /http/0/hostFrom: `settings` has no `nope`"]);
    has(&refused.err, &["at /http/0/secrets/1: `secrets` has no `stray`", "at /examples/0/outputs/other: "]);
}
