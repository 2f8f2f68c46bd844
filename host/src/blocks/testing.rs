//! What tests of blocks stand on.

use std::path::PathBuf;
use std::sync::Arc;

use crate::capabilities::Capabilities;
use crate::capabilities::http::{HttpClient, SystemResolver};
use crate::capabilities::vault::Vault;
use crate::config::{DatabaseConfig, HttpConfig, RuntimeConfig, SecretsConfig};
use crate::domain::Sources;
use crate::runtime::Runtime;
use crate::store::Store;

/// A runtime that keeps compiled code in `cache_dir` and compiles one component at a time, and an empty database.
pub(super) async fn runtime(cache_dir: Option<PathBuf>, sources: Sources) -> (Runtime, Store) {
    let database = DatabaseConfig { url: "sqlite::memory:".to_owned(), ..DatabaseConfig::default() };
    let store = Store::open(&database, Arc::new(|_| ())).await.unwrap();
    let secrets = SecretsConfig::default();
    let vault = Vault::open(store.clone(), &secrets, sources.clone(), std::iter::empty()).await.unwrap();
    let http = HttpClient::new(HttpConfig::default(), Arc::new(SystemResolver)).unwrap();
    let config = RuntimeConfig { cache_dir, max_instances: 1, ..RuntimeConfig::default() };
    (Runtime::new(config, sources, Capabilities { http, vault }).unwrap(), store)
}
