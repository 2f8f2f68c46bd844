//! What processes on one Postgres tell one another.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::{sleep, timeout};

use super::super::notice::Notice;
use super::StoreError;
use super::postgres::{CONNECT_TIMEOUT, Readers};

/// The channel; its notices stay inside the database.
const CHANNEL: &str = "blockyard";

/// Tells of a commit, in a statement of its transaction.
pub(super) const NOTIFY: &str = "SELECT pg_notify('blockyard', $1)";

/// Longest text of a notice in bytes. Source: <https://www.postgresql.org/docs/current/sql-notify.html>, shorter than
/// 8000 bytes.
pub(crate) const MOST_BYTES: usize = 7999;

/// Notices that wait for whoever takes them.
const WAITING: usize = 4096;

/// After that long without a notice the connection is tried: a dead one looks like a quiet one.
const QUIET: Duration = Duration::from_secs(30);

const FIRST_DELAY: Duration = Duration::from_millis(50);
const LONGEST_DELAY: Duration = Duration::from_secs(5);

/// Notices as they come.
#[derive(Debug)]
pub struct Notices {
    waiting: mpsc::Receiver<Notice>,
    #[cfg(test)]
    missed: Arc<AtomicBool>,
}

impl Notices {
    /// The next one; `None` once the store is closed. May be dropped while it waits without losing one.
    pub async fn next(&mut self) -> Option<Notice> {
        self.waiting.recv().await
    }

    /// Whether there was no room for one, of which nobody was told yet.
    #[cfg(test)]
    pub(crate) fn has_missed(&self) -> bool {
        self.missed.load(Ordering::Relaxed)
    }
}

/// Listen from now on: what is committed after this returns is told.
pub(super) async fn listen(readers: &Readers) -> Result<Notices, StoreError> {
    let listener = connect(readers).await?;
    let (sender, waiting) = mpsc::channel(WAITING);
    let missed = Arc::new(AtomicBool::new(false));
    let notices = Notices {
        waiting,
        #[cfg(test)]
        missed: Arc::clone(&missed),
    };
    let task = Task { readers: readers.clone(), sender, missed };
    tokio::spawn(task.run(listener));
    Ok(notices)
}

async fn connect(readers: &Readers) -> Result<PgListener, sqlx::Error> {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(CONNECT_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_lazy_with(readers.target.options());
    let mut listener = PgListener::connect_with(&pool).await?;
    // Connecting again is done here, where others are told of it.
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    Ok(listener)
}

struct Task {
    readers: Readers,
    sender: mpsc::Sender<Notice>,
    /// Whether there was no room for a notice.
    missed: Arc<AtomicBool>,
}

impl Task {
    /// Until the store is closed, or nobody takes the notices any more.
    async fn run(mut self, mut listener: PgListener) {
        let readers = self.readers.clone();
        let sender = self.sender.clone();
        tokio::select! {
            () = readers.closed() => {}
            () = sender.closed() => {}
            () = async {
                loop {
                    self.pass_on(&mut listener).await;
                    listener = self.connect_again().await;
                    self.missed.store(true, Ordering::Relaxed);
                }
            } => {}
        }
    }

    /// Until the connection is lost.
    async fn pass_on(&mut self, listener: &mut PgListener) {
        loop {
            let received = tokio::select! {
                received = timeout(QUIET, listener.try_recv()) => received,
                permit = self.sender.reserve(), if self.has_missed() => {
                    let Ok(permit) = permit else { return };
                    permit.send(Notice::Lost);
                    self.missed.store(false, Ordering::Relaxed);
                    continue;
                }
            };
            match received {
                Ok(Ok(Some(notice))) => match notice.payload().parse() {
                    Ok(notice) => self.send(notice),
                    // Of a newer version, say.
                    Err(error) => tracing::debug!(%error, "listening for notices"),
                },
                Ok(Ok(None)) => return,
                Ok(Err(error)) => return tracing::debug!(%error, "listening for notices"),
                Err(_) => {
                    let answer = timeout(CONNECT_TIMEOUT, sqlx::query("SELECT 1").execute(&mut *listener)).await;
                    if !matches!(answer, Ok(Ok(_))) {
                        return;
                    }
                }
            }
        }
    }

    fn send(&mut self, notice: Notice) {
        // What was missed already includes it.
        if !self.has_missed() && matches!(self.sender.try_send(notice), Err(TrySendError::Full(_))) {
            self.missed.store(true, Ordering::Relaxed);
        }
    }

    fn has_missed(&self) -> bool {
        self.missed.load(Ordering::Relaxed)
    }

    async fn connect_again(&self) -> PgListener {
        let mut delay = FIRST_DELAY;
        loop {
            match connect(&self.readers).await {
                Ok(listener) => return listener,
                Err(error) => tracing::warn!(%error, "cannot listen for what other processes do, trying again"),
            }
            sleep(delay).await;
            delay = (delay * 2).min(LONGEST_DELAY);
        }
    }
}
