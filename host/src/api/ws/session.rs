//! One open WebSocket.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt as _, StreamExt as _};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use super::super::ApiState;
use super::super::events::sse::follower;
use super::super::events::topic::{self, MAX_TOPICS};
use super::MESSAGE_BYTES;
use super::message::{Asked, Failure, Said};
use crate::domain::Event;
use crate::events::{FollowError, Follower, Subject};

/// How long the client gets to agree to the end.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// Signs of life that may stay without an answer.
const MOST_UNANSWERED: u32 = 2;

/// The other half of a socket.
struct Session<'s> {
    state: &'s ApiState,
    sink: SplitSink<WebSocket, Message>,
    follower: Follower,
    /// Pings since the client was last heard.
    unanswered: u32,
}

/// Why it ends.
enum End {
    /// The client is gone, or has said goodbye.
    Gone,
    /// We say goodbye.
    Close(u16, &'static str),
    /// The same to somebody whose messages cannot be read any further.
    Unreadable,
}

type Step = Result<(), End>;

/// Serve a socket until either side has had enough.
pub(super) async fn run(state: &ApiState, socket: WebSocket) {
    let (sink, mut messages) = socket.split();
    let mut session = Session { state, sink, follower: follower(state), unanswered: 0 };
    match session.serve(&mut messages).await {
        End::Gone => {}
        End::Close(code, reason) => session.close(code, reason).await,
        End::Unreadable => {
            // Whatever else comes from there is not read, for want of a place to put it.
            session.close(close_code::PROTOCOL, "a message is far too long, or no message at all").await;
            return;
        }
    }
    // Reading on is what answers a goodbye.
    let goodbye = async { while let Some(Ok(_)) = messages.next().await {} };
    drop(timeout(CLOSE_TIMEOUT, goodbye).await);
}

impl Session<'_> {
    async fn serve(&mut self, messages: &mut SplitStream<WebSocket>) -> End {
        let beat = self.state.config.heartbeat;
        let mut beats = interval_at(Instant::now() + beat, beat);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let step = tokio::select! {
                () = self.state.closing().cancelled() => Err(End::Close(close_code::AWAY, "the server is shutting down")),
                message = messages.next() => match message {
                    Some(Ok(message)) => self.hear(message).await,
                    Some(Err(_)) => Err(End::Unreadable),
                    None => Err(End::Gone),
                },
                Some(told) = self.follower.next() => self.tell(told).await,
                _ = beats.tick() => self.beat().await,
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    async fn hear(&mut self, message: Message) -> Step {
        self.unanswered = 0;
        let text = match message {
            Message::Text(text) if text.len() <= MESSAGE_BYTES => text,
            Message::Text(_) => return Err(End::Close(close_code::SIZE, "messages have at most 64 KiB")),
            Message::Binary(_) => return Err(End::Close(close_code::UNSUPPORTED, "messages are JSON in text")),
            Message::Ping(_) | Message::Pong(_) => return Ok(()),
            Message::Close(_) => return Err(End::Gone),
        };
        let answered = match Asked::parse(&text) {
            Ok(Asked::Subscribe(subjects, after)) => self.subscribe(subjects, after).await,
            Ok(Asked::Unsubscribe(subjects)) => {
                self.follower.unsubscribe(&subjects);
                Ok(Said::unsubscribed(&subjects).text())
            }
            Err(failure) => Err(failure),
        };
        let answer = answered.unwrap_or_else(|failure| Said::Error { error: &failure }.text());
        self.send(Message::text(answer)).await
    }

    async fn subscribe(&mut self, subjects: Vec<Subject>, after: Option<i64>) -> Result<String, Failure> {
        if self.follower.subscriptions_with(&subjects) > MAX_TOPICS {
            let message = format!("at most {MAX_TOPICS} topics can be followed on a socket");
            return Err(Failure::new("too-many-topics", message));
        }
        topic::exist(self.state, &subjects).await?;
        if let Some(after) = after {
            topic::check_position(self.state, after, true).await?;
        }
        let live = self.follower.subscribe(subjects.clone(), after).await;
        let live = live.map_err(super::super::problem::ApiError::from)?;
        Ok(Said::subscribed(&subjects, live).text())
    }

    async fn tell(&mut self, told: Result<Event, FollowError>) -> Step {
        let failure = match told {
            Ok(event) => return self.send(Message::text(Said::event(&event).text())).await,
            Err(FollowError::Store(error)) => {
                tracing::error!(%error, "events cannot be read");
                return Err(End::Close(close_code::ERROR, "events cannot be read"));
            }
            Err(error @ FollowError::Slow { after }) => {
                Failure::new("slow-reader", error.to_string()).with_position(after)
            }
            Err(error @ FollowError::Gone) => Failure::new("position-gone", error.to_string()),
        };
        self.send(Message::text(Said::Error { error: &failure }.text())).await?;
        Err(End::Close(close_code::AGAIN, "events were missed"))
    }

    async fn beat(&mut self) -> Step {
        if self.unanswered >= MOST_UNANSWERED {
            return Err(End::Gone);
        }
        self.unanswered += 1;
        self.send(Message::Ping(Default::default())).await
    }

    /// A client that takes nothing for long is not waited for.
    async fn send(&mut self, message: Message) -> Step {
        let patience = self.state.config.stream_patience.saturating_mul(2);
        match timeout(patience, self.sink.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(End::Gone),
        }
    }

    async fn close(&mut self, code: u16, reason: &'static str) {
        let frame = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
        // It may be gone already.
        drop(timeout(CLOSE_TIMEOUT, self.sink.send(Message::Close(Some(frame)))).await);
    }
}
