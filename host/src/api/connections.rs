//! Connections: taken within bounds, served until they end.
//!
//! HTTP/1.1 alone: all that a connection can hold up then is bounded by the time that a request's head may take, by the pace
//! of its body (`body.rs`), and by the bounds on event streams.

use std::convert::Infallible;
use std::io::ErrorKind;
use std::num::NonZero;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::{ApiState, router};

/// Between two tries to take a connection while that fails.
const ACCEPT_AGAIN: Duration = Duration::from_millis(250);

/// The place of a connection among those that may be open. Kept by whoever goes on with it after HTTP.
#[derive(Clone, Debug)]
pub(super) struct Place {
    _held: Arc<OwnedSemaphorePermit>,
}

/// Take connections, at most so many at a time, and answer their requests, until `no_more` is cancelled and those that are
/// open have ended. What comes while there is no place waits for one.
pub async fn serve(listener: TcpListener, state: ApiState, most: NonZero<usize>, no_more: CancellationToken) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(state.config.head_timeout);
    // Made ready once and not for each request.
    let router: Router = router(state).with_state(());
    let mut door = Door::new(listener, most);
    let open = TaskTracker::new();
    while let Some((stream, place)) = no_more.run_until_cancelled(door.next()).await {
        open.spawn(connection(stream, place, http.clone(), router.clone(), no_more.clone()));
    }
    drop(door);
    open.close();
    open.wait().await;
}

/// Where connections come in.
struct Door {
    listener: TcpListener,
    places: Arc<Semaphore>,
    /// Whether somebody was told that there is no place.
    is_told: bool,
}

impl Door {
    fn new(listener: TcpListener, most: NonZero<usize>) -> Self {
        let places = Arc::new(Semaphore::new(most.get().min(Semaphore::MAX_PERMITS)));
        Self { listener, places, is_told: false }
    }

    /// The next connection, once there is a place for it.
    async fn next(&mut self) -> (TcpStream, Place) {
        let place = self.place().await;
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => return (stream, place),
                Err(error) if is_its_own(error.kind()) => tracing::debug!(%error, "a connection ended before it began"),
                Err(error) => {
                    // Out of file descriptors, or of memory: some come free as others end.
                    tracing::error!(%error, "no connection can be taken");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                }
            }
        }
    }

    async fn place(&mut self) -> Place {
        let held = match Arc::clone(&self.places).try_acquire_owned() {
            Ok(held) => {
                self.is_told = false;
                held
            }
            Err(_) => {
                if !std::mem::replace(&mut self.is_told, true) {
                    tracing::warn!("as many connections are open as may be; others wait");
                }
                // Nobody closes it.
                Arc::clone(&self.places).acquire_owned().await.expect("a semaphore that is never closed")
            }
        };
        Place { _held: Arc::new(held) }
    }
}

/// Whether such an error is that of one connection.
fn is_its_own(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset)
}

async fn connection(stream: TcpStream, place: Place, http: http1::Builder, router: Router, no_more: CancellationToken) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY cannot be set");
    }
    let answer = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(place.clone());
        answered(router.clone(), request)
    });
    let mut served = pin!(http.serve_connection(TokioIo::new(stream), answer).with_upgrades());
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = no_more.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn answered(router: Router, request: Request<Incoming>) -> Result<Response, Infallible> {
    router.oneshot(request.map(Body::new)).await
}
