//! How far the running call has come.

/// Reports progress: `percent` from 0 to 100, which never moves backwards, and what is being done.
///
/// The host passes on a few reports a second; calling this once an item is fine.
pub fn report(percent: f32, message: &str) {
    #[cfg(target_arch = "wasm32")]
    crate::bindings::blockyard::block::progress::report(percent, message);
    #[cfg(not(target_arch = "wasm32"))]
    crate::testing::record_progress(percent, message);
}

/// Reports that `done` of `total` items are finished. A total of 0 counts as finished.
pub fn items(done: usize, total: usize, message: &str) {
    let percent = if total == 0 { 100.0 } else { done as f32 / total as f32 * 100.0 };
    report(percent, message);
}
