//! What processes on one Postgres tell one another.

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
pub struct Notices(mpsc::Receiver<Notice>);

impl Notices {
    /// The next one; `None` once the store is closed. May be dropped while it waits without losing one.
    pub async fn next(&mut self) -> Option<Notice> {
        self.0.recv().await
    }

    /// Whether there is no room for more.
    #[cfg(test)]
    pub(crate) fn is_full(&self) -> bool {
        self.0.len() == self.0.max_capacity()
    }
}

/// Listen from now on: what is committed after this returns is told.
pub(super) async fn listen(readers: &Readers) -> Result<Notices, StoreError> {
    let listener = connect(readers).await?;
    let (sender, receiver) = mpsc::channel(WAITING);
    let task = Task { readers: readers.clone(), sender, missed: false };
    tokio::spawn(task.run(listener));
    Ok(Notices(receiver))
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
    missed: bool,
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
                    self.missed = true;
                }
            } => {}
        }
    }

    /// Until the connection is lost.
    async fn pass_on(&mut self, listener: &mut PgListener) {
        loop {
            let received = tokio::select! {
                received = timeout(QUIET, listener.try_recv()) => received,
                permit = self.sender.reserve(), if self.missed => {
                    let Ok(permit) = permit else { return };
                    permit.send(Notice::Lost);
                    self.missed = false;
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
        if !self.missed && matches!(self.sender.try_send(notice), Err(TrySendError::Full(_))) {
            self.missed = true;
        }
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
