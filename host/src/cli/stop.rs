//! The wish to stop, as a signal.

use std::process::exit;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Hears SIGINT and SIGTERM. The first is the wish to stop; another one at any time after it ends the process at once, with
/// 128 and the number of the signal, as shells tell of a process that a signal ended.
pub(super) struct Stop {
    asked: CancellationToken,
}

impl Stop {
    /// Take note of signals from now on.
    pub(super) fn new() -> anyhow::Result<Self> {
        let (interrupt, terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let asked = CancellationToken::new();
        tokio::spawn(listen(interrupt, terminate, asked.clone()));
        Ok(Self { asked })
    }

    /// Until the first one came.
    pub(super) async fn wait(&self) {
        self.asked.cancelled().await;
    }
}

async fn listen(mut interrupt: Signal, mut terminate: Signal, asked: CancellationToken) {
    loop {
        let kind = tokio::select! {
            _ = interrupt.recv() => SignalKind::interrupt(),
            _ = terminate.recv() => SignalKind::terminate(),
        };
        if asked.is_cancelled() {
            tracing::warn!("stopped at once; what was recorded is safe");
            exit(128 + kind.as_raw_value());
        }
        asked.cancel();
    }
}
