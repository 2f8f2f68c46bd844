//! A secret that a server sends back in every spelling, and a guest that carries it out by every way there is: no part
//! of it is to be found afterwards, neither in what is shown nor in a file.

use std::collections::BTreeSet;
use std::path::Path;

use blockyard::app::App;
use blockyard::domain::RunOptions;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::forms::spellings;
use super::servers::Seen;
use super::{Owner, Server, assert_well, grant, one, rule, started, store_secret, tight};
use crate::support::{Run, config_in_file, nodes};
use crate::timeline::{patiently, timeline};

/// With everything that some encoding treats in its own way.
pub(super) const CANARY: &str = "cAnary/7+q\"x\\y=z ü9!&<(k)~t'e*";

/// The ways out of a call.
pub(super) const WAYS: [&str; 10] =
    ["output", "metadata", "state", "log", "trace", "progress", "failure", "panic", "stderr", "nothing"];

/// What must be nowhere: each spelling without its ends, which in base64 depend on what stands beside it.
pub(super) fn traces() -> Vec<String> {
    let middle = |form: String| {
        let characters: Vec<char> = form.chars().collect();
        characters[4..characters.len() - 4].iter().collect()
    };
    spellings(CANARY).into_iter().map(middle).collect()
}

/// Assert that `text` holds nothing of the secret.
pub(super) fn assert_clean(what: &str, text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    for trace in traces() {
        let near = text.find(&trace).map(|at| text[at..].chars().take(100).collect::<String>());
        assert!(near.is_none(), "{what} holds `{trace}`: {near:?}");
    }
}

/// Everything that is shown of an execution.
pub(super) async fn assert_nothing_shown(app: &App, block: &str, config: Value) -> String {
    let what = format!("{block} {} {}", config["way"], config["place"]);
    let options = RunOptions { record: true, exchanges: None };
    let run = Run::new(app, one(block, config), json!(1)).options(options);
    let execution = patiently(&what, run.end()).await;
    let mut shown = format!("{execution:?}\n{}", execution.output.as_str());
    for row in nodes(app, &execution).await {
        shown.push_str(&format!("\n{row:?}\n"));
        let outputs = row.call.outputs.0.iter().map(|(_, data)| data);
        for json in outputs.chain([&row.call.metadata]).chain(row.call.exchanges.as_ref()) {
            shown.push_str(json.as_str());
        }
        for error in row.call.error.iter() {
            shown.push_str(&format!("\n{} {} {}", error.code, error.message, error.details.as_str()));
        }
        for line in &row.call.logs {
            shown.push_str(&format!("\n{} {:?}", line.message, line.fields.as_ref().map(|fields| fields.as_str())));
        }
    }
    for entry in timeline(app, &execution.execution_id).await {
        shown.push_str(&format!("\n{entry:?} {} {:?}", entry.message, entry.data.as_ref().map(|data| data.as_str())));
    }
    assert_clean(&what, shown.as_bytes());
    shown
}

/// An app with a database file, and the secret.
pub(super) async fn with_canary(guest: &str) -> (App, Server, TempDir) {
    let server = Server::start().await;
    let mut config = tight(&[guest], &server);
    let (on_disk, directory) = config_in_file(&[]);
    config.database = on_disk.database;
    config.runtime.log_lines = 200;
    let app = started(config).await;
    store_secret(&app, "canary", CANARY, &["good.example"], Owner::Shared).await;
    grant(&app, &format!("test.{guest}"), vec![rule("good.example", &["canary"])]);
    (app, server, directory)
}

/// Assert that no file below `directory` holds anything of the secret, first as they are and then after the end.
pub(super) async fn assert_no_file_holds_it(app: &App, directory: &Path) {
    app.store.flush().await.unwrap();
    for ended in [false, true] {
        if ended {
            app.stop().await;
        }
        let mut names = Vec::new();
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            names.push(path.file_name().unwrap().to_string_lossy().into_owned());
            assert_clean(&path.display().to_string(), &std::fs::read(&path).unwrap());
        }
        assert!(names.iter().any(|name| name.ends_with(".db")), "{names:?}");
        assert!(ended || names.iter().any(|name| name.ends_with("-wal")), "{names:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_sends_back_of_a_secret_reaches_neither_the_guest_nor_anything_that_is_kept() {
    let (app, server, directory) = with_canary("leaks-secret").await;
    // Reversed, so that neither the guest nor the database holds it.
    let reversed: Vec<String> = traces().iter().map(|trace| trace.chars().rev().collect()).collect();
    for place in ["bearer", "header", "query", "basic"] {
        for way in WAYS {
            let config = json!({"way": way, "place": place, "reversed": reversed});
            let shown = assert_nothing_shown(&app, "test.leaks-secret", config).await;
            assert!(!shown.contains("\"saw\""), "the guest saw it: {shown}");
            // It did come back, and what stands in its place went out.
            assert!(shown.contains("[secret canary]"), "{place} {way}: {shown}");
        }
    }
    let seen = server.seen();
    assert_eq!(seen[0].header("authorization").map(str::as_bytes), Some(format!("Bearer {CANARY}").as_bytes()));
    assert!(seen.iter().any(|one| one.target.starts_with("/spell?key=cAnary%2F7%2Bq%22x%5C")), "{:?}", seen.last());
    assert_well(&app).await;
    assert_no_file_holds_it(&app, directory.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_for_a_secret_in_a_standard_guest_is_all_that_the_guest_ever_has() {
    let (app, server, directory) = with_canary("wasi-leaks").await;
    let backwards = |text: &str| -> String { text.chars().rev().collect() };
    let reversed: Vec<String> = traces().iter().map(|trace| backwards(trace)).collect();
    let text: String = backwards(CANARY).chars().take(8).collect();
    let mut tokens = BTreeSet::new();
    for place in ["bearer", "header", "basic", "query", "json", "form", "text"] {
        for way in WAYS {
            let mut config = json!({"way": way, "place": place, "reversed": reversed});
            if way == "output" {
                // Looking through all of the memory takes its time: once for each place.
                config["reversedText"] = text.as_str().into();
            }
            let shown = assert_nothing_shown(&app, "test.wasi-leaks", config).await;
            assert!(!shown.contains("\"saw\"") && !shown.contains("\"kept\""), "{place} {way}: {shown}");
            assert!(!shown.contains("\"refused\""), "{place} {way}: {shown}");
            assert!(shown.contains("[secret canary]"), "{place} {way}: {shown}");
            tokens.extend(shown.match_indices("blockyard-secret-").map(|(at, _)| shown[at..at + 40].to_owned()));
        }
    }
    assert!(tokens.len() >= 7, "each call has its own: {tokens:?}");
    // It did arrive, at each place in the way that fits there.
    let seen = server.seen();
    let found = |what: &dyn Fn(&Seen) -> Option<Vec<u8>>, expected: &str| {
        assert!(seen.iter().any(|one| what(one).as_deref() == Some(expected.as_bytes())), "{expected}");
    };
    let header = |name: &'static str| move |one: &Seen| one.header(name).map(|value| value.as_bytes().to_vec());
    let body = |one: &Seen| Some(one.body.clone());
    found(&header("authorization"), &format!("Bearer {CANARY}"));
    found(&header("x-key"), &format!("Key {CANARY}"));
    found(&body, CANARY);
    found(&body, &json!({"key": CANARY}).to_string());
    let encoded = &spellings(CANARY)[1];
    found(&body, &format!("a=b&key={encoded}"));
    found(&|one| Some(one.target.clone().into_bytes()), &format!("/spell?key={encoded}"));
    found(&header("authorization"), &format!("Basic {}", spellings(&format!("user:{CANARY}"))[13]));
    assert_well(&app).await;
    assert_no_file_holds_it(&app, directory.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_request_shows_nothing_of_the_secret_that_was_to_go_into_it() {
    let (app, server, directory) = with_canary("sends").await;
    store_secret(&app, "granted", CANARY, &["good.example"], Owner::Shared).await;
    grant(&app, "test.sends", vec![rule("good.example", &["granted"])]);
    for (url, place) in [
        ("https://good.example/nothing", json!("bearer")),
        ("https://good.example/half", json!({"query": "key"})),
        ("https://good.example/bad-header", json!({"basic": "user"})),
        ("https://good.example/silent", json!({"query": "key"})),
        ("https://good.example/large", json!({"header": "x-key"})),
        ("https://other.example/", json!({"query": "key"})),
        ("https://good.example/\\", json!({"query": "key"})),
    ] {
        let requests = json!([{"url": url, "secret": "granted", "place": place, "timeoutMs": 100}]);
        let shown = assert_nothing_shown(&app, "test.sends", json!({"requests": requests})).await;
        assert!(shown.contains("\"code\"") || shown.contains("\\\"code\\\""), "{shown}");
    }
    assert!(!server.seen().is_empty());
    assert_well(&app).await;
    assert_no_file_holds_it(&app, directory.path()).await;
}
