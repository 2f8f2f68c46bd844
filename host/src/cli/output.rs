//! Lines on standard output.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether something that should have been on standard output is not.
static LOST: AtomicBool = AtomicBool::new(false);

/// Write a line. Who reads may be gone, as `head` is after a few lines: that is no failure. Anything else is told on
/// standard error, once.
pub(super) fn line(text: Arguments<'_>) {
    let mut output = std::io::stdout().lock();
    let Err(error) = writeln!(output, "{text}").and_then(|()| output.flush()) else { return };
    if error.kind() != ErrorKind::BrokenPipe && !LOST.swap(true, Ordering::Relaxed) {
        tell!("error: standard output cannot be written: {error}");
    }
}

/// Whether a line could not be written although somebody may want it.
pub(super) fn is_lost() -> bool {
    LOST.load(Ordering::Relaxed)
}
