//! Bodies that come compressed, with a cap on what they grow to.

use std::io::{self, Write};

use flate2::write::{MultiGzDecoder, ZlibDecoder};

use super::client::{Cause, SendError};

/// What the host offers to servers.
pub(super) const ACCEPTED: &str = "gzip, deflate";

/// How many compressed bytes are taken at once: deflate grows them at most about a thousandfold.
const STEP_BYTES: usize = 1 << 10;

/// Undo the encodings that a `Content-Encoding` header lists, the last one first. `hold` is told of each piece.
pub(super) fn inflate(
    encodings: &[u8],
    mut body: Vec<u8>,
    limit: usize,
    mut hold: impl FnMut(usize) -> Result<(), SendError>,
) -> Result<Vec<u8>, SendError> {
    let encodings = String::from_utf8_lossy(encodings).to_ascii_lowercase();
    for (undone, encoding) in encodings.split(',').map(str::trim).rev().enumerate() {
        // A server has no reason to wrap a body many times over.
        if undone >= 3 {
            return Err(SendError::Transport(Cause::Encoding, "the answer has too many content encodings".to_owned()));
        }
        body = match encoding {
            "" | "identity" => body,
            // An empty body of a HEAD request, or of a 204.
            _ if body.is_empty() => body,
            "gzip" | "x-gzip" => run(&body, limit, &mut hold, MultiGzDecoder::new(Vec::new()))?,
            "deflate" => run(&body, limit, &mut hold, ZlibDecoder::new(Vec::new()))?,
            _ => {
                return Err(SendError::Transport(
                    Cause::Encoding,
                    "the answer has a content encoding that was not asked for".to_owned(),
                ));
            }
        };
    }
    Ok(body)
}

/// A decoder that grows a list of bytes.
trait Decoder: Write {
    fn output(&mut self) -> &mut Vec<u8>;
    fn end(&mut self) -> io::Result<()>;
}

impl Decoder for MultiGzDecoder<Vec<u8>> {
    fn output(&mut self) -> &mut Vec<u8> {
        self.get_mut()
    }

    fn end(&mut self) -> io::Result<()> {
        self.try_finish()
    }
}

impl Decoder for ZlibDecoder<Vec<u8>> {
    fn output(&mut self) -> &mut Vec<u8> {
        self.get_mut()
    }

    fn end(&mut self) -> io::Result<()> {
        self.try_finish()
    }
}

fn run<D: Decoder>(
    body: &[u8],
    limit: usize,
    hold: &mut impl FnMut(usize) -> Result<(), SendError>,
    mut decoder: D,
) -> Result<Vec<u8>, SendError> {
    let broken =
        |error: io::Error| SendError::Transport(Cause::Encoding, format!("the answer cannot be decompressed: {error}"));
    let mut known = 0;
    for step in body.chunks(STEP_BYTES) {
        decoder.write_all(step).map_err(broken)?;
        let length = decoder.output().len();
        if length > limit {
            return Err(SendError::TooLarge(limit as u64));
        }
        hold(length - known)?;
        known = length;
    }
    decoder.end().map_err(broken)?;
    let body = std::mem::take(decoder.output());
    if body.len() > limit { Err(SendError::TooLarge(limit as u64)) } else { Ok(body) }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};

    use super::*;

    fn gzip(body: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    fn undo(encodings: &str, body: Vec<u8>, limit: usize) -> Result<Vec<u8>, SendError> {
        inflate(encodings.as_bytes(), body, limit, |_| Ok(()))
    }

    #[test]
    fn bodies_come_out_as_they_were() {
        let body = b"{\"leads\": []}".repeat(100);
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        zlib.write_all(&body).unwrap();
        assert_eq!(undo("gzip", gzip(&body), 1 << 20).unwrap(), body);
        assert_eq!(undo("X-GZIP", gzip(&body), 1 << 20).unwrap(), body);
        assert_eq!(undo("deflate", zlib.finish().unwrap(), 1 << 20).unwrap(), body);
        assert_eq!(undo("gzip, gzip", gzip(&gzip(&body)), 1 << 20).unwrap(), body);
        assert_eq!(undo("identity", body.clone(), 1 << 20).unwrap(), body);
        assert_eq!(undo("gzip", Vec::new(), 10).unwrap(), b"");
    }

    #[test]
    fn a_bomb_is_stopped_at_the_limit_and_its_bytes_are_counted() {
        let bomb = gzip(&vec![0; 64 << 20]);
        assert!(bomb.len() < 100 << 10);
        let mut most = 0;
        let counted = inflate(b"gzip", bomb.clone(), 1 << 20, |bytes| {
            most += bytes;
            Ok(())
        });
        assert_eq!(counted, Err(SendError::TooLarge(1 << 20)));
        assert!(most <= 3 << 20);
        let full = inflate(b"gzip", bomb, 100 << 20, |_| Err(SendError::Limited(String::new())));
        assert_eq!(full, Err(SendError::Limited(String::new())));
    }

    #[test]
    fn what_is_broken_or_was_not_asked_for_is_an_error() {
        let body = gzip(b"hello world, hello world");
        assert!(matches!(undo("br", body.clone(), 100), Err(SendError::Transport(..))));
        assert!(matches!(undo("gzip, gzip, gzip, gzip", body.clone(), 100), Err(SendError::Transport(..))));
        assert!(matches!(undo("gzip", b"no gzip at all".to_vec(), 100), Err(SendError::Transport(..))));
        assert!(matches!(undo("gzip", body[..body.len() - 9].to_vec(), 100), Err(SendError::Transport(..))));
        let mut wrong = body;
        let last = wrong.len() - 6;
        wrong[last] ^= 0xff;
        assert!(matches!(undo("gzip", wrong, 100), Err(SendError::Transport(..))));
    }
}
