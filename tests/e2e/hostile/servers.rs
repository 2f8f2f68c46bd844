//! Small servers on loopback, most of them as hostile as the guests. What they do follows from the request's path.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Barrier;

use super::bodies;
use super::forms::spellings;

/// How many requests to `/together` it takes until they are answered.
pub(crate) const TOGETHER: usize = 3;
/// How large those answers are.
pub(crate) const TOGETHER_BYTES: usize = 1 << 20;

/// A server that counts who connects, and keeps what it was sent.
#[derive(Clone)]
pub(crate) struct Server {
    port: u16,
    connections: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

/// One request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The path without the query.
    fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Self { port, connections: Arc::default(), seen: Arc::default() };
        let (accepting, barrier) = (server.clone(), Arc::new(Barrier::new(TOGETHER)));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                accepting.connections.fetch_add(1, Ordering::SeqCst);
                let (server, barrier) = (accepting.clone(), Arc::clone(&barrier));
                // A client that goes away is part of the tests.
                tokio::spawn(async move { drop(server.serve(stream, &barrier).await) });
            }
        });
        server
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// How many connections there were.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// All requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    async fn serve(&self, mut stream: TcpStream, barrier: &Barrier) -> std::io::Result<()> {
        loop {
            let Some(seen) = read(&mut stream).await? else { return Ok(()) };
            self.seen.lock().unwrap().push(seen.clone());
            if seen.path() == "/together" {
                barrier.wait().await;
            }
            match reply(&seen) {
                Reply::Whole(answer) => stream.write_all(&answer).await?,
                Reply::Cut(answer) => {
                    stream.write_all(&answer).await?;
                    return stream.shutdown().await;
                }
                Reply::Endless(head, piece, pause) => {
                    stream.write_all(&head).await?;
                    loop {
                        stream.write_all(&piece).await?;
                        if !pause.is_zero() {
                            tokio::time::sleep(pause).await;
                        }
                    }
                }
            }
        }
    }
}

/// What a server does with a request.
enum Reply {
    /// This, and on to the next request.
    Whole(Vec<u8>),
    /// This, and the connection ends.
    Cut(Vec<u8>),
    /// This first, then that over and over with pauses.
    Endless(Vec<u8>, Vec<u8>, Duration),
}

async fn read(stream: &mut TcpStream) -> std::io::Result<Option<Seen>> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut body = bytes.split_off(end + 4);
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ').map(str::to_owned);
    let (method, target) = (first.next().unwrap_or_default(), first.next().unwrap_or_default());
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers: Vec<(String, String)> =
        headers.map(|(name, value)| (name.to_ascii_lowercase(), value.into())).collect();
    let length =
        headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, value)| value.parse().unwrap());
    while body.len() < length {
        if stream.read_buf(&mut body).await? == 0 {
            return Ok(None);
        }
    }
    Ok(Some(Seen { method, target, headers, body }))
}

/// A plain answer.
fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n", body.len()).into_bytes();
    answer.extend_from_slice(body);
    answer
}

fn encoded(encoding: &str, body: &[u8]) -> Reply {
    Reply::Whole(answer("200 OK", &format!("content-encoding: {encoding}\r\n"), body))
}

fn reply(seen: &Seen) -> Reply {
    let text = |text: &str| text.as_bytes().to_vec();
    let soon = Duration::ZERO;
    match seen.path() {
        "/together" => Reply::Whole(answer("200 OK", "", &vec![b'.'; TOGETHER_BYTES])),
        "/large" => Reply::Whole(answer("200 OK", "", &vec![b'.'; TOGETHER_BYTES + 1])),
        "/spell" => Reply::Whole(spelled(seen)),
        path if path.starts_with("/redirect/") => {
            let location = format!("location: http://127.0.0.1/secret\r\nrefresh: 0;url=/\r\nx-asked: {path}\r\n");
            Reply::Whole(answer(&format!("{} Elsewhere", path.trim_start_matches("/redirect/")), &location, b"gone"))
        }
        "/endless" => {
            let head = text("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
            Reply::Endless(head, [b"4000\r\n", &[b'e'; 0x4000][..], b"\r\n"].concat(), soon)
        }
        "/until-closed" => Reply::Endless(text("HTTP/1.1 200 OK\r\n\r\n"), vec![b'e'; 16 << 10], soon),
        "/long-header" => Reply::Endless(text("HTTP/1.1 200 OK\r\nx-long: "), vec![b'h'; 16 << 10], soon),
        "/many-headers" => Reply::Endless(text("HTTP/1.1 200 OK\r\n"), b"x-one: more\r\n".repeat(100), soon),
        "/continues" => Reply::Endless(Vec::new(), text("HTTP/1.1 100 Continue\r\n\r\n"), Duration::from_millis(1)),
        "/hints" => Reply::Endless(Vec::new(), text("HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"), soon),
        "/chunk-extension" => {
            let head = text("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;x=");
            Reply::Endless(head, vec![b'x'; 16 << 10], soon)
        }
        "/trailers" => {
            let head = text("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n");
            Reply::Endless(head, b"x-trailer: more\r\n".repeat(100), soon)
        }
        "/drip" => {
            let head = text("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n");
            Reply::Endless(head, text("d"), Duration::from_millis(10))
        }
        "/drip-head" => Reply::Endless(text("HTTP/1.1 200 OK\r\n"), text("x: y\r\n"), Duration::from_millis(50)),
        "/silent" => Reply::Endless(Vec::new(), Vec::new(), Duration::from_millis(50)),
        "/bomb" => encoded("gzip", &bodies::bomb(64 << 20)),
        "/bomb-in-bomb" => encoded("gzip, gzip", &bodies::gzip(&bodies::bomb(64 << 20))),
        "/gzip" => encoded("gzip", &bodies::gzip(b"well packed")),
        "/cut-gzip" => encoded("gzip", &bodies::gzip(&[b'g'; 1_000])[..500]),
        "/no-gzip" => encoded("gzip", b"not packed at all"),
        "/wrong-sum" => encoded("gzip", &bodies::wrong_sum(b"well packed")),
        "/brotli" => encoded("br", b"\x8b\x05\x80hello world\x03"),
        "/many-encodings" => {
            let packed = (0..5).fold(b"x".to_vec(), |body, _| bodies::gzip(&body));
            encoded("gzip, gzip, gzip, gzip, gzip", &packed)
        }
        path => broken(path).map_or_else(|| Reply::Whole(answer("200 OK", "", &echo(seen))), Reply::Cut),
    }
}

/// Answers that end too early, or say two things at once.
fn broken(path: &str) -> Option<Vec<u8>> {
    let head = |lines: &str| format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\n").into_bytes();
    Some(match path {
        "/nothing" => Vec::new(),
        "/half-head" => b"HTTP/1.1 200 OK\r\ncontent-le".to_vec(),
        "/half" => [head("content-length: 100"), b"only this".to_vec()].concat(),
        "/half-chunk" => [head("transfer-encoding: chunked"), b"64\r\nonly this".to_vec()].concat(),
        "/bad-chunk" => [head("transfer-encoding: chunked"), b"zz\r\nx\r\n0\r\n\r\n".to_vec()].concat(),
        "/says-less" => [head("content-length: 4"), b"four and more".to_vec()].concat(),
        "/says-enormous" => [head("content-length: 18446744073709551616"), b"x".to_vec()].concat(),
        "/says-large" => [head("content-length: 9000000000000000000"), b"x".to_vec()].concat(),
        "/says-negative" => [head("content-length: -1"), b"x".to_vec()].concat(),
        "/says-twice" => [head("content-length: 1\r\ncontent-length: 2"), b"xy".to_vec()].concat(),
        "/no-http" => b"SSH-2.0-OpenSSH_9.9\r\n".to_vec(),
        "/bad-header" => head("x y: z\0"),
        "/odd-bytes" => [head("x-odd: caf\u{e9}\r\ncontent-length: 3"), b"\xff\xfe\0".to_vec()].concat(),
        _ => return None,
    })
}

fn echo(seen: &Seen) -> Vec<u8> {
    let body = String::from_utf8_lossy(&seen.body);
    let echo: Value =
        json!({"method": seen.method, "target": seen.target, "headers": seen.headers, "body": body.as_ref()});
    echo.to_string().into_bytes()
}

/// The secret of a request, sent back in the body and in headers in every spelling; that of the query as it came.
fn spelled(seen: &Seen) -> Vec<u8> {
    let in_body = secret_in_body(seen);
    let in_header = seen.header("x-key").or(seen.header("authorization"));
    let secret = in_body.as_deref().or(in_header).unwrap_or(&seen.target);
    let secret = secret.trim_start_matches("Bearer ").trim_start_matches("Key ");
    let mut spelled = spellings(secret);
    let headers: String = spelled.iter().enumerate().map(|(n, form)| format!("x-form-{n}: {form}\r\n")).collect();
    spelled.push(seen.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect());
    answer("200 OK", &headers, spelled.join("\n").as_bytes())
}

/// The member or field `key` of a body, else all of it; `None` if there is no body.
fn secret_in_body(seen: &Seen) -> Option<String> {
    let text = String::from_utf8(seen.body.clone()).ok().filter(|text| !text.is_empty())?;
    if let Ok(Value::Object(members)) = serde_json::from_str(&text) {
        return members.get("key")?.as_str().map(str::to_owned);
    }
    let form = reqwest::Url::parse(&format!("http://form/?{text}")).ok()?;
    let field = form.query_pairs().find(|(name, _)| name == "key").map(|(_, value)| value.into_owned());
    Some(field.unwrap_or(text))
}
