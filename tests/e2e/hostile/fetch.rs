//! A JavaScript guest that uses its platform's own `fetch` and knows of the host nothing but a token.

use blockyard::config::Rewrite;
use blockyard::domain::{Grant, Json, NewSecret, Owner, UserId};
use blockyard::orchestrator::single::{self, Asked};
use serde_json::{Value, json};

use super::addresses::{Says, catalogue};
use super::{Server, grant, one, rule, started, store_secret, tight};
use crate::block_cli_walk::{built, there_is_node};
use crate::support::{Run, node};
use crate::timeline::patiently;

const KEY: &str = "rates-key-that-nobody-sees";

fn input() -> Value {
    json!({"amount": 1, "currency": "EUR"})
}

#[tokio::test(flavor = "multi_thread")]
async fn fetch_sends_the_secret_that_its_placeholder_stands_for() {
    if !there_is_node() {
        return;
    }
    let component = built("js/fetch-rates").await;
    let server = Server::start().await;
    let mut config = tight(&[], &server);
    config.extra_blocks.push(component);
    let inside = format!("http://127.0.0.1:{}", server.port());
    config.http.rewrites.push(Rewrite { from: "https://api.rates.example".into(), to: inside });
    let app = started(config).await;
    grant(&app, "custom.fetch-rates", vec![rule("api.rates.example", &["rates"])]);
    let outcome = async || {
        let run = Run::new(&app, one("custom.fetch-rates", json!({"to": "CHF"})), input());
        let execution = patiently("the end", run.end()).await;
        node(&app, &execution, "it").await
    };

    // Without the secret nothing is sent, not even the token.
    let row = outcome().await;
    assert_eq!(row.call.error.unwrap().code, "transport");
    assert!(server.seen().is_empty());

    store_secret(&app, "rates", KEY, &["api.rates.example"], Owner::Shared).await;
    let row = outcome().await;
    let seen = &server.seen()[0];
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("GET", "/v1/latest?base=EUR&symbols=CHF"));
    assert_eq!(seen.header("authorization"), Some(format!("Bearer {KEY}").as_str()));
    // The server tells what it was sent, which the guest quotes.
    let told = format!("{:?}", row.call);
    assert!(row.call.error.is_some() && !told.contains(KEY), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn fetch_is_stopped_at_an_address_on_the_inside() {
    if !there_is_node() {
        return;
    }
    let server = Server::start().await;
    let (catalogue, sources) = catalogue(Says(&["127.0.0.1", "10.0.0.7"])).await;
    let block = catalogue.register(std::fs::read(built("js/fetch-rates").await).unwrap().into()).await.unwrap();
    let hosts = ["api.rates.example".to_owned()];
    let secret = NewSecret::parse("rates".parse().unwrap(), Owner::Shared, KEY.to_owned().into(), &hosts, None);
    catalogue.capabilities().vault.put(&UserId::local(), secret.unwrap()).await.unwrap();
    let http = vec![rule("api.rates.example", &["rates"])];
    catalogue.set_grant(block.manifest.block_type.clone(), Grant { http, ..Grant::default() });
    let (config, asked) = (json!({"to": "CHF"}), Asked::default());
    let result = single::call(&block, &config, &Json::from(input()), asked, &UserId::local(), &sources).await;
    assert_eq!(result.error.unwrap().code, "transport");
    assert!(result.logs.iter().any(|line| line.message.contains("the network guard refuses")), "{:?}", result.logs);
    assert_eq!(server.connections(), 0);
}
