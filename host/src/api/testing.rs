//! The API over an in-memory database, for tests of handlers.

use std::time::Duration;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::{ApiState, Parts, router};
use crate::blocks::Catalogue;
use crate::blocks::uploads::Uploads;
use crate::capabilities::Capabilities;
use crate::capabilities::http::{HttpClient, SystemResolver};
use crate::capabilities::vault::Vault;
use crate::config::{
    ApiConfig, DatabaseConfig, ExecutionConfig, HttpConfig, JobsConfig, RuntimeConfig, SecretsConfig, UploadConfig,
};
use crate::domain::Sources;
use crate::events::Hub;
use crate::jobs::Queue;
use crate::orchestrator::Orchestrator;
use crate::runtime::Runtime;
use crate::store::Store;

/// The one secret that comes from the environment, `hunter`.
pub(super) const ENVIRONMENT_SECRET: &str = "canary-environment";

/// A server without a socket.
pub(super) struct Server {
    pub(super) state: ApiState,
    router: Router,
}

/// What it answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status and code of a problem, after a look at the rest of it.
    pub(super) fn problem(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.text());
        let body = self.json();
        assert_eq!(body["status"], self.status.as_u16());
        assert_eq!(body["requestId"], self.header("x-request-id"));
        for member in ["type", "title", "detail", "instance"] {
            assert!(body[member].is_string(), "{member} in {body}");
        }
        (self.status.as_u16(), body["code"].as_str().unwrap().to_owned())
    }
}

impl Server {
    pub(super) async fn start() -> Self {
        Self::start_with(ApiConfig::default()).await
    }

    pub(super) async fn start_with(config: ApiConfig) -> Self {
        Self::start_on(&database().await, config).await
    }

    /// On a database in memory whatever this run is on, for tests that write behind the workers' back.
    pub(super) async fn start_in_memory(config: ApiConfig) -> Self {
        Self::start_on("sqlite::memory:", config).await
    }

    async fn start_on(url: &str, config: ApiConfig) -> Self {
        let (sources, hub) = (Sources::system(), Hub::default());
        let database = DatabaseConfig { url: url.to_owned(), ..DatabaseConfig::default() };
        let store = Store::open(&database, hub.on_commit()).await.unwrap();
        let cache_dir = std::env::temp_dir().join(format!("blockyard-tests-{}", rustix::process::geteuid().as_raw()));
        let runtime = RuntimeConfig { cache_dir: Some(cache_dir), max_instances: 16, ..RuntimeConfig::default() };
        let environment = [("HUNTER_API_KEY".to_owned(), ENVIRONMENT_SECRET.to_owned())].into_iter();
        let vault = Vault::open(store.clone(), &SecretsConfig::default(), sources.clone(), environment).await.unwrap();
        let http = HttpClient::new(HttpConfig::default(), Arc::new(SystemResolver)).unwrap();
        let capabilities = Capabilities { http, vault: vault.clone() };
        let runtime = Runtime::new(runtime, sources.clone(), capabilities).unwrap();
        let catalogue = Catalogue::with_builtins(runtime).await.unwrap();
        let uploads = Uploads::new(store.clone(), catalogue.clone(), UploadConfig::default(), sources.clone());
        uploads.start().await.unwrap();
        let execution = ExecutionConfig::default();
        let orchestrator =
            Orchestrator::new(store.clone(), catalogue.clone(), execution.clone(), sources.clone()).unwrap();
        let (jobs, clock) = (JobsConfig::default(), sources.clone());
        let queue = Queue::new(store.clone(), hub.clone(), orchestrator.clone(), execution, jobs, clock);
        queue.start().await.unwrap();
        let state =
            ApiState::new(Parts { config, sources, store, vault, hub, catalogue, uploads, orchestrator, queue });
        Self::of(state.clone(), router(state))
    }

    pub(super) fn of(state: ApiState, router: Router) -> Self {
        Self { state, router }
    }

    /// Send a request as it is and give the answer as it begins; a `Host` header is added.
    pub(super) async fn open(&self, mut request: Request<Body>) -> Response {
        let host = "localhost:8080".parse().unwrap();
        request.headers_mut().entry(header::HOST).or_insert(host);
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// The same, with the answer to its end.
    pub(super) async fn send(&self, request: Request<Body>) -> Answer {
        let (parts, body) = self.open(request).await.into_parts();
        let body = tokio::time::timeout(Duration::from_secs(120), axum::body::to_bytes(body, usize::MAX)).await;
        let body = body.expect("the answer ends").unwrap().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub(super) async fn call(&self, method: &str, path: &str) -> Answer {
        self.send(Request::builder().method(method).uri(path).body(Body::empty()).unwrap()).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send_text("POST", path, "application/json", &body.to_string()).await
    }

    pub(super) async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send_text("PUT", path, "application/json", &body.to_string()).await
    }

    pub(super) async fn send_text(&self, method: &str, path: &str, kind: &str, body: &str) -> Answer {
        let request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, kind);
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }
}

/// A fresh database of the kind that this run of the tests is on, which `BLOCKYARD_TEST_DATABASE` says.
async fn database() -> String {
    match std::env::var("BLOCKYARD_TEST_DATABASE").as_deref() {
        Ok("postgres") => blockyard_test_postgres::Postgres::shared().database().await,
        _ => "sqlite::memory:".to_owned(),
    }
}

/// A workflow of one node that keeps numbers above 1.
pub(super) fn filter_workflow(id: &str) -> Value {
    let condition = json!({"field": "n", "operator": "gt", "value": 1});
    json!({
        "workflowId": id,
        "name": "Numbers",
        "nodes": [{"id": "big", "type": "core.filter", "config": {"conditions": [condition]}}],
    })
}
