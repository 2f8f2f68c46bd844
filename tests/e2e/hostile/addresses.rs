//! Hosts in every spelling: a block that is granted each of them still reaches nothing on the inside, whatever the
//! name server says.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use blockyard::blocks::Catalogue;
use blockyard::capabilities::Capabilities;
use blockyard::capabilities::http::{HttpClient, Resolve};
use blockyard::capabilities::vault::Vault;
use blockyard::domain::block::HttpRule;
use blockyard::domain::{Grant, Json, Sources, UserId};
use blockyard::events::Hub;
use blockyard::orchestrator::single::{self, Asked};
use blockyard::runtime::Runtime;
use blockyard::store::Store;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use reqwest::Url;
use serde_json::{Value, json};

use super::{Server, assert_refused};
use crate::support::{config, guest};

/// Says the same of every name.
pub(super) struct Says(pub(super) &'static [&'static str]);

impl Resolve for Says {
    fn resolve(&self, _: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let addresses = self.0.iter().map(|address| address.parse().unwrap()).collect();
        async { Ok(addresses) }.boxed()
    }
}

/// The blocks of a process whose name server is this one.
pub(super) async fn catalogue(resolver: Says) -> (Catalogue, Sources) {
    let (config, sources) = (config(&[]), Sources::system());
    let store = Store::open(&config.database, Hub::default().on_commit()).await.unwrap();
    let vault = Vault::open(store, &config.secrets, sources.clone(), std::iter::empty()).await.unwrap();
    let http = HttpClient::new(config.http.clone(), Arc::new(resolver)).unwrap();
    let runtime = Runtime::new(config.runtime, sources.clone(), Capabilities { http, vault }).unwrap();
    let catalogue = Catalogue::with_builtins(runtime).await.unwrap();
    catalogue.register(std::fs::read(guest("sends")).unwrap().into()).await.unwrap();
    (catalogue, sources)
}

/// What becomes of a request to a URL that the block asks for and is granted.
async fn sent(catalogue: &Catalogue, sources: &Sources, url: &str) -> Value {
    let rule = Url::parse(url).ok().and_then(|url| {
        Some(HttpRule {
            host: Some(url.host_str()?.to_owned()),
            scheme: Some(url.scheme().to_owned()),
            port: url.port_or_known_default(),
            ..HttpRule::default()
        })
    });
    let block = catalogue.resolve(&"test.sends".parse().unwrap()).unwrap();
    let grant = Grant { http: rule.into_iter().collect(), ..Grant::default() };
    catalogue.set_grant(block.manifest.block_type.clone(), grant);
    let config = json!({"baseUrl": url, "requests": [{"url": url, "timeoutMs": 5_000}]});
    let result = single::call(&block, &config, &Json::null(), Asked::default(), &UserId::local(), sources).await;
    assert!(result.error.is_none(), "{url:?}: {:?}", result.error);
    result.output.to_value().unwrap()[0].clone()
}

/// Send to each of `urls`, with `PORT` filled in, and assert that the guard names `kind`.
async fn assert_guarded(kind: &str, urls: &[&str]) {
    let server = Server::start().await;
    let (catalogue, sources) = catalogue(Says(&["127.0.0.1"])).await;
    for url in urls {
        let url = url.replace("PORT", &server.port().to_string());
        let told = sent(&catalogue, &sources, &url).await;
        assert_refused(&told, "denied", "the network guard refuses `", &url);
        assert_refused(&told, "denied", &format!("`: {kind} address"), &url);
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_spelling_of_a_loopback_address_is_refused() {
    let urls = [
        "http://127.0.0.1:PORT/",
        "https://127.0.0.1:PORT/",
        "http://127.0.0.1.:PORT/",
        "http://127.1:PORT/",
        "http://127.0.1:PORT/",
        "http://2130706433:PORT/",
        "http://0x7f000001:PORT/",
        "http://0X7F.0x0.0X0.0x1:PORT/",
        "http://0x7f.1:PORT/",
        "http://0x00000000000000007f.1:PORT/",
        "http://0177.0.0.1:PORT/",
        "http://017700000001:PORT/",
        "http://0177.0x0.0.01:PORT/",
        "http://127.000.000.001:PORT/",
        "http://127.0.0.53:PORT/",
        "http://127.255.255.254:PORT/",
        "http://%31%32%37.0.0.1:PORT/",
        "http://127%2e0%2E0%2e1:PORT/",
        "http://%30x7f000001:PORT/",
        "http://１２７.０.０.１:PORT/",
        "http://①②⑦.⓪.⓪.①:PORT/",
        "http://𝟏𝟐𝟕.𝟎.𝟎.𝟏:PORT/",
        "http://¹²⁷.0.0.1:PORT/",
        "http://127。0。0。1:PORT/",
        "http://127．0．0．1:PORT/",
        "http://127｡0｡0｡1:PORT/",
        "http://０ｘ７ｆ.1:PORT/",
        "http://127\u{ad}.0.0.1:PORT/",
        "http://1\u{200b}27.0.0.1:PORT/",
        "http://%EF%BC%91%EF%BC%92%EF%BC%97.0.0.1:PORT/",
        "http://127.0.0.1:PORT?@good.example/",
        "http://127.0.0.1:PORT#@good.example/",
        "http://127.0.0.1:PORT/https://good.example/",
        "http://[::1]:PORT/",
        "https://[::1]:PORT/",
        "http://[0:0:0:0:0:0:0:1]:PORT/",
        "http://[0000:0000:0000:0000:0000:0000:0000:0001]:PORT/",
        "http://[::0.0.0.1]:PORT/",
    ];
    assert_guarded("loopback", &urls).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_lead_inside_are_refused_in_every_spelling() {
    let urls = [
        "http://localhost:PORT/",
        "https://localhost:PORT/",
        "http://LOCALHOST:PORT/",
        "http://lOcAlHoSt.:PORT/",
        "http://local%68ost:PORT/",
        "http://ｌｏｃａｌｈｏｓｔ:PORT/",
        "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:PORT/",
        "http://localhoſt:PORT/",
        "http://local\u{ad}host:PORT/",
        "http://ℒocalhost:PORT/",
        "http://localhost.localdomain:PORT/",
        "http://any.localhost:PORT/",
        "http://ip6-localhost:PORT/",
        "http://metadata:PORT/",
        "http://metadata.google.internal:PORT/computeMetadata/v1/",
        "http://metadata.google.internal.:PORT/",
        "http://metadata.goog:PORT/",
        "http://instance-data:PORT/latest/meta-data/",
        "http://instance-data.ec2.internal:PORT/",
        "http://metadata.azure.internal:PORT/",
        "http://metadata.tencentyun.com:PORT/",
        "http://host.docker.internal:PORT/",
        "http://kubernetes.default.svc:PORT/",
        "http://127.0.0.1.nip.io:PORT/",
        "http://7f000001.rebind.example:PORT/",
        "http://bücher.example:PORT/",
        "http://a_b.example:PORT/",
        "http://xn--bcher-kva.example:PORT/",
    ];
    assert_guarded("loopback", &urls).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_other_address_of_the_inside_is_refused_by_its_kind() {
    let (catalogue, sources) = catalogue(Says(&["127.0.0.1"])).await;
    for (url, kind) in [
        ("http://0:80/", "unspecified"),
        ("http://0.0.0.0/", "unspecified"),
        ("http://0x0/", "unspecified"),
        ("http://0.1/", "unspecified"),
        ("http://[::]/", "unspecified"),
        ("http://[::ffff:127.0.0.1]/", "IPv4 inside IPv6 (mapped)"),
        ("http://[::FFFF:7f00:1]/", "IPv4 inside IPv6 (mapped)"),
        ("http://[0:0:0:0:0:ffff:7f00:0001]/", "IPv4 inside IPv6 (mapped)"),
        ("http://[::ffff:169.254.169.254]/", "IPv4 inside IPv6 (mapped)"),
        ("http://[::ffff:a9fe:a9fe]/", "IPv4 inside IPv6 (mapped)"),
        ("http://[::127.0.0.1]/", "IPv4 inside IPv6 (compatible)"),
        ("http://[::ffff:0:127.0.0.1]/", "IPv4 inside IPv6 (translated)"),
        ("http://[2002:7f00:1::]/", "IPv4 inside IPv6 (6to4)"),
        ("http://[2001:0:7f00:1::]/", "IPv4 inside IPv6 (Teredo)"),
        ("http://[2001:0:53aa:64c:0:5efe:80ff:fffe]/", "IPv4 inside IPv6 (Teredo)"),
        ("http://[64:ff9b::127.0.0.1]/", "IPv4 inside IPv6 (NAT64)"),
        ("http://[64:ff9b:1::7f00:1]/", "IPv4 inside IPv6 (NAT64)"),
        ("http://[fe80::1]/", "link-local"),
        ("http://[fd00:ec2::254]/", "cloud metadata"),
        ("http://[fd12:3456:789a::1]/", "private"),
        ("http://[fec0::1]/", "private"),
        ("http://[ff02::1]/", "multicast"),
        ("http://[2001:db8::1]/", "documentation"),
        ("http://10.0.0.1/", "private"),
        ("http://0xa.1/", "private"),
        ("http://167772161/", "private"),
        ("http://172.16.0.1/", "private"),
        ("http://192.168.1.1/", "private"),
        ("http://0300.0250.1.1/", "private"),
        ("http://169.254.169.254/latest/meta-data/", "link-local or cloud metadata"),
        ("http://0xa9fea9fe/", "link-local or cloud metadata"),
        ("http://2852039166/", "link-local or cloud metadata"),
        ("http://0251.0376.0251.0376/", "link-local or cloud metadata"),
        ("http://169.254.43518/", "link-local or cloud metadata"),
        ("http://169.16689662/", "link-local or cloud metadata"),
        ("http://１６９.２５４.１６９.２５４/", "link-local or cloud metadata"),
        ("http://169.254.170.2/v2/credentials", "link-local or cloud metadata"),
        ("http://168.63.129.16/", "cloud metadata"),
        ("http://100.100.100.200/", "carrier NAT"),
        ("http://192.0.0.192/", "reserved"),
        ("http://198.18.0.1/", "benchmarking"),
        ("http://203.0.113.9/", "documentation"),
        ("http://224.0.0.1/", "multicast"),
        ("http://255.255.255.255/", "broadcast"),
        ("http://4294967295/", "broadcast"),
    ] {
        let told = sent(&catalogue, &sources, url).await;
        assert_refused(&told, "denied", &format!("`: {kind} address"), url);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_on_the_inside_condemns_a_name_with_many() {
    let server = Server::start().await;
    let url = format!("http://mixed.example:{}/", server.port());
    for (says, kind) in [
        (&["1.1.1.1", "127.0.0.1"], "loopback"),
        (&["2606:4700:4700::1111", "::1"], "loopback"),
        (&["8.8.8.8", "10.0.0.7"], "private"),
        (&["8.8.8.8", "::ffff:127.0.0.1"], "IPv4 inside IPv6 (mapped)"),
        (&["8.8.8.8", "169.254.169.254"], "link-local or cloud metadata"),
    ] {
        let (catalogue, sources) = catalogue(Says(says)).await;
        let told = sent(&catalogue, &sources, &url).await;
        assert_refused(&told, "denied", &format!("the network guard refuses `mixed.example`: {kind} address"), &url);
    }
    assert_eq!(server.connections(), 0);
    let (catalogue, sources) = catalogue(Says(&[])).await;
    assert_refused(&sent(&catalogue, &sources, &url).await, "transport", "`mixed.example` has no address", &url);
}
