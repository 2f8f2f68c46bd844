//! Recorded HTTP exchanges: how they are written down, and which one answers a request.
//!
//! The host answers from them in the modes `demo` and `test`, and the SDK's test harness does in `cargo test` of a
//! block, so that both take the same answer.
//!
//! ```
//! use blockyard_replay::{Exchange, Replay};
//!
//! let exchange: Exchange = serde_json::from_str(r#"{
//!     "request": {"method": "GET", "url": "https://api.example.com/v1/leads?limit=2&page=1"},
//!     "response": {"status": 200, "body": {"leads": []}}
//! }"#)?;
//! let mut replay = Replay::strict(vec![exchange])?;
//! let answer = replay.answer("GET", "https://api.example.com/v1/leads?page=1&limit=2", None);
//! assert_eq!(answer.map(|answer| answer.status), Some(200));
//! assert!(replay.answer("GET", "https://api.example.com/v1/leads?page=2&limit=2", None).is_none());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod exchange;
mod matching;

pub use exchange::{Exchange, RecordedRequest, RecordedResponse, Unreadable};
pub use matching::{Replay, query_pairs};
