//! `blockyard block …`, the way an author of blocks calls it.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpSocket};
use tokio::process::Command;

use crate::server::{Server, binary, command};
use crate::support::{cache_dir, config_on_disk, guest};
use crate::timeline::{COMPILING, patiently_for};

/// What a call of the program came to.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let code = output.status.code().unwrap_or_else(|| panic!("{}", output.status));
        Self { code, out: text(output.stdout), err: text(output.stderr) }
    }

    #[track_caller]
    pub(crate) fn well(self) -> Self {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self
    }

    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}{}", self.out, self.err))
    }
}

/// `blockyard block` with nothing of this test's own variables.
pub(crate) fn block(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("BLOCKYARD_")) {
        command.env_remove(name);
    }
    command.current_dir(folder).arg("block").args(arguments).env("BLOCKYARD_CACHE_DIR", cache_dir());
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

async fn ran(folder: &Path, arguments: &[&str]) -> Ran {
    patient(block(folder, arguments)).await
}

/// What it came to; it may have to compile a component.
async fn patient(mut command: Command) -> Ran {
    Ran::of(patiently_for(COMPILING, "the program", command.output()).await.unwrap())
}

/// A folder with a component in `dist/` and these cases.
fn project(name: &str, cases: &[(&str, Value)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for part in ["dist", "cases"] {
        std::fs::create_dir(folder.path().join(part)).unwrap();
    }
    std::fs::copy(guest(name), folder.path().join(format!("dist/{name}.wasm"))).unwrap();
    for (name, case) in cases {
        std::fs::write(folder.path().join("cases").join(name), case.to_string()).unwrap();
    }
    folder
}

#[track_caller]
pub(crate) fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn inspect_tells_what_a_block_is_and_what_it_asks_for() {
    let folder = project("sends", &[]);
    let told = ran(folder.path(), &["inspect", "--json"]).await.well().json();
    let import = |name: &str| told["imports"].as_array().unwrap().iter().find(|import| import["name"] == name).cloned();
    assert_eq!(import("blockyard:block/http@0.1.0").unwrap()["offered"], true);
    assert_eq!(told["exports"], json!(["blockyard:block/block@0.1.0"]));
    assert_eq!((&told["manifest"]["type"], &told["error"]), (&json!("test.sends"), &Value::Null));
    assert_eq!(told["grant"]["http"].as_array().unwrap().len(), 9);
    let size = std::fs::metadata(guest("sends")).unwrap().len();
    assert_eq!(told["sizeBytes"], size);

    let text = ran(folder.path(), &["inspect", "dist/sends.wasm"]).await.well().out;
    has(&text, &["test.sends 1.0.0", told["digest"].as_str().unwrap(), "handles of secrets, never their text"]);
    has(&text, &["has to be granted\n", "send to https://*.wild.example/ (any method), with the secret granted"]);
    has(&text, &["send to http://plain.example/", "send to https://<host in the config at /baseUrl>/"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_block_is_refused_in_one_line() {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    write("text.wasm", b"#!/bin/sh\n");
    write("core.wasm", b"\0asm\x01\0\0\0");
    write("cut.wasm", &std::fs::read(guest("echo")).unwrap()[..5000]);
    for (file, says) in [
        ("text.wasm", "not a WebAssembly component"),
        ("core.wasm", "a core module"),
        ("cut.wasm", "not a WebAssembly component"),
        ("none.wasm", "none.wasm"),
        (".", "blockyard block build"),
    ] {
        for verb in ["inspect", "test"] {
            let ran = ran(folder.path(), &[verb, file]).await;
            assert!(ran.code != 0 && ran.out.is_empty() && ran.err.lines().count() == 1, "{verb} {file}: {}", ran.err);
            has(&ran.err, &["error: ", says]);
        }
    }
    let sockets = guest("opens-sockets");
    let ran = ran(folder.path(), &["inspect", "--json", sockets.to_str().unwrap()]).await;
    let told = ran.json();
    assert_eq!(ran.code, 1);
    has(&ran.err, &["imports `wasi:", "which this host does not offer; it offers blockyard:block/"]);
    let foreign = told["imports"].as_array().unwrap().iter().filter(|import| import["offered"] == false);
    assert!(foreign.clone().count() > 0);
    let known = |name: &str| name.starts_with("wasi:sockets/") || name.starts_with("wasi:filesystem/");
    assert!(foreign.into_iter().all(|import| known(import["name"].as_str().unwrap())), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn cases_pass_by_value_and_fail_with_their_places() {
    let folder = project(
        "echo",
        &[
            (
                "a.json",
                json!({"config": {"n": 1}, "input": [1, 2], "outputs": {"output": {"input": [1.0, 2], "config": {"n": 1}}}}),
            ),
            (
                "b.json",
                json!({"name": "the wrong one", "input": {"x": 1}, "outputs": {"output": {"config": {}, "input": {"x": 2}}, "other": 1}}),
            ),
            ("c.json", json!({"input": 1, "error": {"code": "never"}})),
            ("d.json", json!({"input": 1})),
        ],
    );
    let all = ran(folder.path(), &["test"]).await;
    assert_eq!(all.code, 1, "{}{}", all.out, all.err);
    has(
        &all.out,
        &["case a: passed", "case the wrong one: failed", "at /output/input/x\n    expected 2\n    got      1\n"],
    );
    has(
        &all.out,
        &["at /other\n    expected 1\n    got      nothing", "expected the error `never`, and it ended well"],
    );
    has(&all.out, &["case d: failed", "--record", "\n1 passed, 3 failed\n"]);

    let one = ran(folder.path(), &["test", "--case", "a", "dist/echo.wasm"]).await.well();
    has(&one.out, &["\n1 passed, 0 failed\n"]);
    let none = ran(folder.path(), &["test", "--case", "z"]).await;
    assert_eq!(none.code, 2);
    has(&none.err, &["no case is called `z`; there are `a`, `the wrong one`, `c`, `d`"]);

    let json = ran(folder.path(), &["test", "--json", "--case", "b"]).await;
    let told = json.json();
    assert_eq!((json.code, &told["passed"], &told["failed"]), (1, &json!(0), &json!(1)));
    assert_eq!(told["cases"][0]["differences"][0], json!({"pointer": "/output/input/x", "expected": "2", "got": "1"}));

    std::fs::write(folder.path().join("cases/e.json"), "{\"inputs\": 1}").unwrap();
    let odd = ran(folder.path(), &["test"]).await;
    assert_eq!(odd.code, 2);
    has(&odd.err, &["e.json: ", "unknown field `inputs`, expected one of `name`"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guests_own_words_reach_its_author() {
    let folder =
        project("panics", &[("p.json", json!({"error": {"code": "trap", "message": "no such lead: über 9000"}}))]);
    has(&ran(folder.path(), &["test"]).await.well().out, &["case p: passed"]);
    std::fs::write(folder.path().join("cases/p.json"), r#"{"outputs": {}}"#).unwrap();
    has(&ran(folder.path(), &["test"]).await.out, &["no such lead: über 9000", "[trap]", "0 passed, 1 failed"]);
    let folder = project("floods-log", &[("f.json", json!({"outputs": {"output": "other"}}))]);
    has(&ran(folder.path(), &["test"]).await.out, &["\n  log "]);
}

/// A server that answers `{"seen": <how many>}` and keeps the header in which a secret comes.
async fn vendor() -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = seen.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let kept = kept.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let mut kept = kept.lock().unwrap();
                let header = request.headers().get("authorization");
                kept.push(header.map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default());
                let body = json!({"seen": kept.len(), "echo": kept.last()}).to_string();
                // No header but those that come in the order in which a recording has them.
                let answer = Response::new(Full::new(Bytes::from(body)));
                async move { Ok::<_, Infallible>(answer) }
            });
            tokio::spawn(async move {
                drop(Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await);
            });
        }
    });
    (port, seen)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_recorded_replays_and_holds_no_secret() {
    let request = json!({"url": "https://good.example/v1", "secret": "granted", "place": "bearer"});
    let case = json!({"name": "recorded", "config": {"requests": [request]}, "input": null});
    let folder = project("sends", &[("r.json", case.clone())]);
    let file = folder.path().join("cases/r.json");
    let (port, seen) = vendor().await;
    let rewrite = format!("https://good.example=http://127.0.0.1:{port}");
    let record = |canary: &str| {
        let mut command = block(folder.path(), &["test", "--record", "--case", "recorded", "--http-rewrite", &rewrite]);
        command.env("BLOCKYARD_SECRET_GRANTED", canary).env("BLOCKYARD_SECRET_GRANTED_HOSTS", "good.example");
        patient(command)
    };
    let canary = "canary-3b1f9d";
    let recorded = record(canary).await.well();
    has(&recorded.out, &["case recorded: recorded", "1 passed, 0 failed"]);
    assert_eq!(*seen.lock().unwrap(), [format!("Bearer {canary}")]);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(!text.contains(canary), "{text}");
    let written: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&written["name"], &written["config"]), (&case["name"], &case["config"]));
    assert_eq!(written["exchanges"][0]["request"]["url"], "https://good.example/v1");
    assert_eq!(written["exchanges"][0]["response"]["body"]["seen"], 1);
    assert_eq!(std::fs::read_dir(folder.path().join("cases")).unwrap().count(), 1);

    has(&ran(folder.path(), &["test"]).await.well().out, &["case recorded: passed"]);
    assert_eq!(seen.lock().unwrap().len(), 1, "tests are offline");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_fails_is_not_recorded() {
    let case = r#"{ "config": {}  }"#;
    let folder = project("leaks-secret", &[]);
    let file = folder.path().join("cases/c.json");
    std::fs::write(&file, case).unwrap();
    let recorded = ran(folder.path(), &["test", "--record"]).await;
    assert_eq!(recorded.code, 1);
    has(&recorded.out, &["nothing was recorded", "[secret-not-set]", "0 passed, 1 failed"]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), case);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_block_overwrites_nothing_and_has_a_name_that_can_be_used() {
    let folder = TempDir::new().unwrap();
    for bad in ["Bad", "a_b", "../x", "-x", "x--y", ""] {
        assert_eq!(ran(folder.path(), &["new", "--lang", "rust", "--", bad]).await.code, 2, "{bad}");
    }
    assert_eq!(ran(folder.path(), &["new", "x", "--lang", "cobol"]).await.code, 2);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    for lang in ["rust", "js", "python"] {
        let made = ran(folder.path(), &["new", "my-block", "--lang", lang, "--path", lang]).await.well();
        has(
            &made.out,
            &["custom.my-block", "sdk/", "blockyard block build", "blockyard block push dist/my-block.wasm"],
        );
        for file in
            made.out.lines().filter_map(|line| line.strip_prefix("  ")).take_while(|line| !line.starts_with("sdk/"))
        {
            assert!(folder.path().join(lang).join(file).is_file(), "{file}");
        }
        let again = ran(folder.path(), &["new", "my-block", "--lang", lang, "--path", lang]).await;
        assert_eq!(again.code, 2);
        has(&again.err, &["is there already and not empty"]);
    }
}

/// A folder with a program that says something and fails, and nothing else to find.
fn failing_tool(name: &str, code: u8) -> TempDir {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = TempDir::new().unwrap();
    let path: PathBuf = folder.path().join(name);
    std::fs::write(&path, format!("#!/bin/sh\necho out: \"$@\"\necho 'error[E1]: it is broken' >&2\nexit {code}\n"))
        .unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_that_is_missing_is_named_and_one_that_fails_is_heard() {
    for (file, tool, advice) in [
        ("Cargo.toml", "cargo", "rustup"),
        ("package.json", "npm", "Node 20.10"),
        ("requirements.txt", "python3", "Python 3.11"),
    ] {
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join(file), "{}").unwrap();
        let with = |path: &Path| {
            let mut command = block(folder.path(), &["build"]);
            command.env("PATH", path);
            command
        };
        let missing = patient(with(Path::new("/nowhere"))).await;
        assert_eq!(missing.code, 2, "{}", missing.err);
        let error: Vec<&str> = missing.err.lines().filter(|line| line.starts_with("error: ")).collect();
        assert_eq!(error.len(), 1, "{}", missing.err);
        has(error[0], &[tool, "is missing", advice]);

        let tools = failing_tool(tool, 77);
        let failed = patient(with(tools.path())).await;
        assert_eq!(failed.code, 77, "{}", failed.err);
        has(&failed.err, &[&format!("$ {tool} "), "error[E1]: it is broken"]);
    }
    let empty = TempDir::new().unwrap();
    let nothing = ran(empty.path(), &["build"]).await;
    assert_eq!(nothing.code, 2);
    has(&nothing.err, &["Cargo.toml, package.json, pyproject.toml, requirements.txt"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_is_pushed_granted_and_activated() {
    let (config, _directory) = config_on_disk(&[]);
    let server = Server::of(command("serve", &config.database.url, &[])).await;
    let ran = async |arguments: &[&str]| {
        let mut command = block(Path::new("/"), arguments);
        command.env("BLOCKYARD_SERVER", server.url());
        patient(command).await
    };
    let path = |name: &str| guest(name).to_str().unwrap().to_owned();

    let refused = ran(&["push", &path("opens-sockets")]).await;
    assert_eq!(refused.code, 1);
    has(&refused.err, &["imports `wasi:", "which this host does not offer"]);

    has(&ran(&["push", &path("echo"), "--activate"]).await.well().out, &["test.echo 1.0.0: active"]);
    let (status, answer) = server.post("/blocks/test.echo/test", &json!({"input": 1})).await;
    assert_eq!((status, &answer["output"]["input"]), (200, &json!(1)));

    let pushed = ran(&["push", &path("sends")]).await.well();
    has(&pushed.out, &["test.sends 1.0.0: pending", "send to https://asked.example/ (any method)"]);
    has(&pushed.out, &[&format!("blockyard block grant test.sends@1.0.0 --all --server {}", server.url())]);
    let early = ran(&["push", &path("sends"), "--activate"]).await;
    assert_eq!(early.code, 1);
    has(&early.err, &["asks for more than it is granted [not-granted]"]);

    let unnamed = ran(&["grant", "test.sends", "--all", "--yes"]).await;
    assert_eq!(unnamed.code, 2);
    has(&unnamed.err, &["config:/baseUrl", "--http"]);
    let unsure = ran(&["grant", "test.sends", "--all", "--http", "db.example"]).await;
    assert_eq!(unsure.code, 2);
    has(&unsure.err, &["--yes"]);
    has(
        &ran(&["grant", "test.sends", "--show"]).await.well().out,
        &["nothing is granted to test.sends", "asks to send to"],
    );

    let granted = ran(&["grant", "test.sends", "--all", "--http", "db.example", "--yes"]).await.well();
    has(&granted.out, &["send to https://db.example/", "test.sends 1.0.0: inactive"]);
    has(&granted.out, &[&format!("curl -X POST {}/blocks/test.sends/versions/1.0.0/activate", server.url())]);
    has(&ran(&["push", &path("sends"), "--activate"]).await.well().out, &["test.sends 1.0.0: active"]);
    has(
        &ran(&["grant", "test.sends", "--all", "--yes"]).await.well().out,
        &["is granted all that its versions ask for"],
    );

    let narrowed =
        ran(&["grant", "test.sends", "--http", "good.example/v1", "--secret", "granted@good.example", "--yes"]).await;
    has(&narrowed.well().out, &["send to https://good.example/v1 (any method), with the secret granted\n", "asks to"]);

    let unknown = ran(&["grant", "custom.nobody", "--show"]).await;
    assert_eq!(unknown.code, 1);
    has(&unknown.err, &["there is no block `custom.nobody`"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_said_in_one_line() {
    // Nobody listens there, and nobody else gets it.
    let taken = TcpSocket::new_v4().unwrap();
    taken.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let server = format!("http://{}", taken.local_addr().unwrap());
    let echo = guest("echo");
    for arguments in [&["push", echo.to_str().unwrap()][..], &["grant", "custom.x", "--all", "--yes"]] {
        let ran = ran(Path::new("/"), &[arguments, &["--server", &server]].concat()).await;
        assert_eq!(ran.code, 1);
        let error = ran.err.lines().last().unwrap();
        has(error, &["error: no answer from ", &server, "blockyard serve"]);
    }
}
