//! Requests that try to be two, or to frame themselves: methods, headers, placements, bodies.

use serde_json::{Value, json};

use super::{Owner, assert_refused, assert_well, failure, hostile, send, store_secret};

const URL: &str = "https://good.example/echo";

#[tokio::test(flavor = "multi_thread")]
async fn odd_methods_are_refused() {
    let (app, server) = hostile(&[]).await;
    for method in [
        "",
        "get",
        "Get",
        " GET",
        "GET ",
        "G\tET",
        "GET\r\nX: y",
        "GET / HTTP/1.1\r\n",
        "GET\0",
        "CONNECT",
        "TRACE",
        "GÄT",
        "ＧＥＴ",
        "M-SEARCH",
        "GET/",
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    ] {
        let told = send(&app, json!([{"method": method, "url": URL}])).await;
        assert_refused(&told[0], "invalid-request", "the method is none that blocks may use", &format!("{method:?}"));
    }
    assert_eq!(server.connections(), 0);
    assert_well(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_cannot_frame_the_message_nor_break_out_of_it() {
    let (app, server) = hostile(&[]).await;
    let owned = [
        "Host",
        "host",
        "Content-Length",
        "CONTENT-LENGTH",
        "Transfer-Encoding",
        "Connection",
        "Keep-Alive",
        "TE",
        "Trailer",
        "Upgrade",
        "Expect",
        "Proxy-Authorization",
        "Proxy-Authenticate",
        "Proxy-Connection",
        "Accept-Encoding",
        "HTTP2-Settings",
    ];
    for name in owned {
        let told = send(&app, json!([{"url": URL, "headers": [[name, "1"]]}])).await;
        let words = format!("the header `{}` is the host's", name.to_ascii_lowercase());
        assert_refused(&told[0], "invalid-request", &words, name);
    }
    let names = [
        "",
        " ",
        "x y",
        "x:",
        ":authority",
        ":path",
        "x\r\nHost",
        "x\nHost",
        "x\0",
        "Host ",
        " Host",
        "Content-Length\t",
        "hö",
        "x\u{2028}y",
        "(x)",
        "x,y",
        "Transfer-Encoding:",
    ];
    for name in names {
        let told = send(&app, json!([{"url": URL, "headers": [[name, "1"]]}])).await;
        assert_refused(&told[0], "invalid-request", "a header's name is none", &format!("{name:?}"));
    }
    for value in ["a\r\nHost: evil.example", "a\nb", "a\rb", "a\0b", "\r\n\r\nGET / HTTP/1.1", "a\u{1}b", "a\u{7f}b"] {
        let told = send(&app, json!([{"url": URL, "headers": [["x-one", value]]}])).await;
        let words = "the value of header `x-one` holds control characters";
        assert_refused(&told[0], "invalid-request", words, &format!("{value:?}"));
    }
    let many: Vec<Value> = (0..101).map(|_| json!(["x-one", "1"])).collect();
    let large = json!([["x-one", "y".repeat(70_000)]]);
    for headers in [json!(many), large] {
        let told = send(&app, json!([{"url": URL, "headers": headers}])).await;
        assert_refused(&told[0], "invalid-request", "more than 100 headers or 65536 bytes of them", "many");
    }
    assert_eq!(server.connections(), 0);
    assert_well(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_cannot_be_placed_where_it_would_break_out() {
    let (app, server) = hostile(&[]).await;
    store_secret(&app, "granted", "not-for-anyone-else", &["good.example"], Owner::Shared).await;
    for (place, words) in [
        (json!({"header": "Host"}), "the header `host` is the host's"),
        (json!({"header": "Content-Length"}), "the header `content-length` is the host's"),
        (json!({"header": "x\r\ny"}), "a header's name is none"),
        (json!({"header": ""}), "a header's name is none"),
        (
            json!({"header": "x", "prefix": "a\r\nHost: evil.example\r\ny: "}),
            "the secret cannot stand in the header `x`",
        ),
        (json!({"header": "x", "prefix": "\0"}), "the secret cannot stand in the header `x`"),
        (json!({"basic": "user:more"}), "a user name holds a colon"),
    ] {
        let told = send(&app, json!([{"url": URL, "secret": "granted", "place": place}])).await;
        assert_refused(&told[0], "invalid-request", words, &place.to_string());
        assert!(!told[0].to_string().contains("not-for-anyone"), "{told:?}");
    }
    assert_eq!(server.connections(), 0);
    // What could break out of a query or of basic credentials is encoded.
    let odd = json!({"query": "a=b&c\r\nHost: evil.example#"});
    let told = send(
        &app,
        json!([
            {"url": URL, "secret": "granted", "place": odd},
            {"url": URL, "secret": "granted", "place": {"basic": "\r\nHost=evil.example"}},
        ]),
    );
    let told = told.await;
    assert!(told.iter().all(|one| one["status"] == 200), "{told:?}");
    let seen = server.seen();
    assert_eq!(seen[0].target, "/echo?a%3Db%26c%0D%0AHost%3A%20evil.example%23=not-for-anyone-else");
    assert!(seen[1].header("authorization").unwrap().starts_with("Basic DQpI"));
    assert!(seen.iter().all(|one| one.headers.iter().filter(|(name, _)| name == "host").count() == 1));
    assert_well(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_one_body_and_no_larger_than_allowed() {
    let (app, server) = hostile(&[]).await;
    let limit = super::TOGETHER_BYTES;
    let told = send(
        &app,
        json!([
            {"method": "POST", "url": "https://good.example/gzip", "bytes": limit},
            {"method": "POST", "url": URL, "bytes": limit + 1},
            {"method": "GET", "url": URL, "bytes": 3},
            {"method": "POST", "url": URL, "bytes": 8 << 20},
        ]),
    )
    .await;
    assert_eq!((&told[0]["status"], &told[2]["status"]), (&json!(200), &json!(200)));
    for refused in [&told[1], &told[3]] {
        assert_refused(refused, "invalid-request", "the request's body is larger than 1048576 bytes", "large");
    }
    let lengths: Vec<usize> = server.seen().iter().map(|one| one.body.len()).collect();
    assert_eq!(lengths, [limit, 3]);
    // Past what a call may pass to the host at all.
    let requests = json!({"requests": [{"method": "POST", "url": URL, "bytes": 32 << 20}]});
    let (code, message) = failure(&app, "test.sends", requests).await;
    assert_eq!((code.as_str(), message.as_str()), ("trap", "passed more than 16777216 bytes to the host in one call"));
    assert_well(&app).await;
}
