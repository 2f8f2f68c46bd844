//! URLs that two programs could read in two ways, and those that everyone reads alike.

use serde_json::{Value, json};

use super::{assert_refused, assert_well, grant, hostile, output, rule, send};

#[tokio::test(flavor = "multi_thread")]
async fn urls_that_can_be_read_in_two_ways_are_refused_before_anything_is_sent() {
    let (app, server) = hostile(&[]).await;
    let held = "holds a space, a control character or a backslash";
    let info = "the URL holds user info";
    let slash = "the URL's path holds an encoded slash or backslash";
    let dots = "the URL's path holds a dot segment with parameters";
    let scheme = "the URL's scheme is neither https nor http";
    let unread = "the URL cannot be read";
    for (url, words) in [
        ("https://user@good.example/", info),
        ("https://user:password@good.example/", info),
        ("https://@good.example/", info),
        ("https://:@good.example/", info),
        ("https://good.example@127.0.0.1:PORT/", info),
        ("https://127.0.0.1:PORT@good.example/", info),
        ("https://good.example:443@127.0.0.1:PORT/", info),
        ("https://good%2eexample@127.0.0.1:PORT/", info),
        ("https://good.example%40127.0.0.1:PORT/", unread),
        ("https://good.example\\@127.0.0.1:PORT/", held),
        ("https://127.0.0.1:PORT\\@good.example/", held),
        ("https:\\\\good.example\\", held),
        ("https://good.example/\\..\\admin", held),
        ("https://good.exa\tmple/", held),
        ("https://good.example/a\nb", held),
        ("https://good.example/\r\nHost: evil.example", held),
        ("https://good.example/ HTTP/1.1\r\nx: y", held),
        ("ht\ttps://good.example/", held),
        (" https://good.example/", held),
        ("https://good.example/ ", held),
        ("\u{0}https://good.example/", held),
        ("https://good.example/\u{0}", held),
        ("https://good.example/\u{7f}", held),
        ("https://good.example/%2fadmin", slash),
        ("https://good.example/v2/..%2Fadmin", slash),
        ("https://good.example/v2/%2e%2e%2fadmin", slash),
        ("https://good.example/v2%5c..", slash),
        ("https://good.example/v2/..;/admin", dots),
        ("https://good.example/v2/%2e%2E;x=y/admin", dots),
        ("https://good.example/.;/admin", dots),
        ("https:good.example/", "the URL has no host behind `//`"),
        ("https:/good.example/", "the URL has no host behind `//`"),
        ("https:///good.example/", ""),
        ("//good.example/", unread),
        ("good.example", unread),
        ("", unread),
        ("file:///etc/passwd", scheme),
        ("ftp://good.example/", scheme),
        ("gopher://127.0.0.1:PORT/_GET%20/", scheme),
        ("ws://good.example/", scheme),
        ("unix:///var/run/docker.sock", scheme),
        ("data:text/plain,x", scheme),
        ("javascript:alert(1)", scheme),
        ("view-source:https://good.example/", scheme),
        ("https://good.example:65536/", unread),
        ("https://good.example:-1/", unread),
        ("https://good.example:80:80/", unread),
        ("https://good.example:４４３/", unread),
        ("https://good.example%00.evil.example/", unread),
        ("https://good.example%2f.evil.example/", unread),
        ("https://good.example%0d%0a.evil.example/", unread),
        ("https://good.example%3a443/", unread),
        ("https://good%5bexample/", unread),
        ("https://g<o>od.example/", unread),
        ("https://good.example../", "the URL has no host"),
        ("https://./", "the URL has no host"),
        ("https://[::1/", unread),
        ("https://::1/", unread),
        ("https://[::1]good.example/", unread),
        ("https://[fe80::1%25eth0]/", unread),
        ("https://[::ffff:127.0.0.256]/", unread),
        ("https://256.0.0.1/", unread),
        ("https://127.0.0.1.1/", unread),
        ("https://127.0.0.09/", unread),
        ("https://0x7f.0.0.0x1ff/", unread),
        ("https://4294967296/", unread),
        ("https://good.example.1/", unread),
        ("https://١٢٧.0.0.1/", unread),
        ("https://xn--a/", unread),
    ] {
        let url = url.replace("PORT", &server.port().to_string());
        let told = output(&app, "test.sends", json!({"baseUrl": url, "requests": [{"url": url}]})).await;
        assert_refused(&told[0], "invalid-request", words, &url);
    }
    let long = format!("https://good.example/{}", "x".repeat(20_000));
    let told = send(&app, json!([{"url": long}])).await;
    assert_refused(&told[0], "invalid-request", "the URL is longer than 16384 bytes", "long");
    assert_eq!(server.connections(), 0);
    assert_well(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn urls_that_everyone_reads_alike_arrive_as_they_are_meant() {
    let (app, server) = hostile(&[]).await;
    grant(&app, "test.sends", vec![rule("good.example", &["granted"]), rule("xn--bcher-kva.example", &[])]);
    for (url, target) in [
        ("https://good.example", "/"),
        ("https://good.example/", "/"),
        ("HTTPS://GOOD.Example/A", "/A"),
        ("https://good.example./a", "/a"),
        ("https://good.example:443/a", "/a"),
        ("https://good.example:00443/a", "/a"),
        ("https://goo%64.example/a", "/a"),
        ("https://ｇｏｏｄ.example/a", "/a"),
        ("https://good。example/a", "/a"),
        ("https://goo\u{ad}d.example/a", "/a"),
        ("https://bücher.example/a", "/a"),
        ("https://BÜCHER.example/a", "/a"),
        ("https://xn--bcher-kva.example/a", "/a"),
        ("https://good.example/a/../b", "/b"),
        ("https://good.example/a/%2e%2E/b", "/b"),
        ("https://good.example/../../b", "/b"),
        ("https://good.example/a/./b/", "/a/b/"),
        ("https://good.example/a//b", "/a//b"),
        ("https://good.example/a%20b", "/a%20b"),
        ("https://good.example/%252f", "/%252f"),
        ("https://good.example/%7Euser/~user", "/%7Euser/~user"),
        ("https://good.example/ä", "/%C3%A4"),
        ("https://good.example/a;b=c,d:e@f+g!$&'()*", "/a;b=c,d:e@f+g!$&'()*"),
        ("https://good.example/a?b=c%2Fd&e=ü#part", "/a?b=c%2Fd&e=%C3%BC"),
        ("https://good.example?b=https://evil.example/@x", "/?b=https://evil.example/@x"),
        ("https://good.example/#@evil.example/", "/"),
    ] {
        let told = output(&app, "test.sends", json!({"baseUrl": url, "requests": [{"url": url}]})).await;
        assert_eq!(told[0]["status"], 200, "{url}: {told}");
        let echoed: Value = serde_json::from_str(told[0]["text"].as_str().unwrap()).unwrap();
        assert_eq!(echoed["target"], target, "{url}");
    }
    assert_eq!(server.seen().len(), 26);
}
