//! Bodies of standard guests: gathered piece by piece on their way out, handed out piece by piece on their way in.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame};
use tokio::sync::OwnedSemaphorePermit;
use wasmtime_wasi_http::{Error, WasiBody};

use super::super::client::Held;
use super::super::failure::Failure;
use super::super::message::too_large;
use super::super::view::HttpView;

/// Largest piece of an answer, in bytes.
const PIECE_BYTES: usize = 64 << 10;

/// A whole request body.
pub(super) struct Gathered {
    pub(super) bytes: Vec<u8>,
    /// Its bytes count as in flight in the process.
    pub(super) held: Held,
    /// And as unfinished in the call.
    pub(super) room: OwnedSemaphorePermit,
}

/// Wait until the guest has finished the body. One that is too large is read to its end all the same, so that the guest
/// hears of the reason and not of a broken stream.
///
/// # Errors
/// If the guest gives it up. The inner error says why it cannot be sent.
pub(super) async fn gather(mut body: WasiBody, view: &HttpView) -> Result<Result<Gathered, Failure>, Error> {
    let config = view.client().config();
    let mut gathered = Ok(match view.unread(0) {
        Ok(room) => Gathered { bytes: Vec::new(), held: Held::of(view.client()), room },
        Err(error) => return Ok(Err(error.into())),
    });
    while let Some(frame) = body.frame().await {
        let frame = frame?;
        if frame.trailers_ref().is_some_and(|trailers| !trailers.is_empty()) {
            // A body is sent whole, with its length before it, so that nothing can come after it.
            return Err(Error::HttpRequestTrailerSectionSize(Some(0)));
        }
        let Ok(chunk) = frame.into_data() else { continue };
        gathered = gathered.and_then(|mut so_far| {
            if so_far.bytes.len() + chunk.len() > config.body_bytes {
                return Err(too_large(config));
            }
            so_far.held.more(chunk.len())?;
            so_far.room.merge(view.unread(chunk.len())?);
            so_far.bytes.extend_from_slice(&chunk);
            Ok(so_far)
        });
    }
    Ok(gathered)
}

/// An answer that waits to be read. Its bytes count as in flight until then.
struct Waiting {
    bytes: Vec<u8>,
    read: usize,
    holds: Option<(Option<Held>, OwnedSemaphorePermit)>,
}

/// Let the guest read an answer at its own pace.
pub(super) fn hand_out(bytes: Vec<u8>, held: Option<Held>, room: OwnedSemaphorePermit) -> WasiBody {
    Waiting { bytes, read: 0, holds: Some((held, room)) }.boxed_unsync()
}

impl Body for Waiting {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let waiting = self.get_mut();
        let rest = &waiting.bytes[waiting.read..];
        if rest.is_empty() {
            waiting.bytes = Vec::new();
            waiting.read = 0;
            waiting.holds = None;
            return Poll::Ready(None);
        }
        // A copy, so that a guest which keeps a piece does not keep the whole.
        let piece = Bytes::copy_from_slice(&rest[..rest.len().min(PIECE_BYTES)]);
        waiting.read += piece.len();
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.read == self.bytes.len()
    }
}
