//! `blockyard:block/progress`: how far a call has come.

use std::sync::Arc;

use super::CallState;
use super::bindings::blockyard::block::progress::Host;
use super::log::cut;

/// Longest progress message in bytes.
const MESSAGE_BYTES: usize = 500;

/// Who wants to know.
pub trait ProgressSink: Send + Sync {
    /// The call came to `percent`, 0 to 100, never less than before.
    fn report(&self, percent: f32, message: &str);
}

/// Progress of one call, clamped and never backwards.
pub struct ProgressView {
    sink: Option<Arc<dyn ProgressSink>>,
    percent: f32,
}

impl ProgressView {
    /// From 0, told to `sink`.
    pub fn new(sink: Option<Arc<dyn ProgressSink>>) -> Self {
        Self { sink, percent: 0.0 }
    }

    fn advance(&mut self, percent: f32) -> Option<f32> {
        if percent.is_nan() {
            return None;
        }
        self.percent = percent.clamp(0.0, 100.0).max(self.percent);
        Some(self.percent)
    }
}

impl std::fmt::Debug for ProgressView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProgressView").field("percent", &self.percent).finish_non_exhaustive()
    }
}

impl Host for CallState {
    fn report(&mut self, percent: f32, mut message: String) -> wasmtime::Result<()> {
        if let Some(scrubber) = self.secrets.scrubber() {
            scrubber.text(&mut message);
        }
        cut(&mut message, MESSAGE_BYTES);
        if let Some(percent) = self.progress.advance(percent)
            && let Some(sink) = &self.progress.sink
        {
            sink.report(percent, &message);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_clamped_and_never_goes_back() {
        let mut view = ProgressView::new(None);
        let seen: Vec<_> = [10.0, 5.0, f32::NAN, 200.0, -1.0, f32::NEG_INFINITY].map(|p| view.advance(p)).into();
        assert_eq!(seen, [Some(10.0), Some(10.0), None, Some(100.0), Some(100.0), Some(100.0)]);
    }
}
