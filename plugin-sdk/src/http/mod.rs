//! HTTP, checked by the host against what the operator granted before a byte leaves.
//!
//! ```
//! use blockyard_sdk::http::{self, Request};
//! use blockyard_sdk::{Failure, testing};
//! use serde_json::{Value, json};
//!
//! fn stock(skus: &[&str]) -> Result<Vec<Value>, Failure> {
//!     let requests = skus.iter().map(|sku| Request::get("https://shop.example/v1/stock").query("sku", sku));
//!     http::send_all(requests.collect())
//!         .into_iter()
//!         .map(|answer| answer?.ok()?.json())
//!         .collect()
//! }
//!
//! let host = testing::Host::new().exchange(
//!     json!({"method": "GET", "url": "https://shop.example/v1/stock?sku=a%20b"}),
//!     json!({"status": 200, "body": {"left": 3}}),
//! );
//! assert_eq!(host.within(|| stock(&["a b"])).unwrap(), [json!({"left": 3})]);
//! ```
//!
//! Redirects are not followed. Bodies arrive decompressed.

mod error;
mod request;
mod response;
mod retry_after;

pub use error::Error;
pub use request::{Placement, Request};
pub use response::Response;

/// Sends many requests at once; answers come back in the order of the requests. The host bounds how many are in
/// flight, so a list may be long.
pub fn send_all(requests: Vec<Request>) -> Vec<Result<Response, Error>> {
    if requests.is_empty() {
        return Vec::new();
    }
    #[cfg(target_arch = "wasm32")]
    {
        use crate::bindings::blockyard::block::http as host;
        let outgoing: Vec<_> = requests.iter().map(Request::outgoing).collect();
        host::send_all(&outgoing).into_iter().map(|answer| Ok(answer?.into())).collect()
    }
    #[cfg(not(target_arch = "wasm32"))]
    crate::testing::stage::send_all(requests)
}
