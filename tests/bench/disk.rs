//! What one commit costs on this disk: an append as large as that of one execution, flushed.

use std::path::Path;
use std::time::{Duration, Instant};

use std::fs::File;
use std::io::Write;

/// About what one execution of W1 adds to the write-ahead log.
const BYTES: usize = 56 << 10;

pub(crate) struct Commits {
    file: File,
    block: Vec<u8>,
}

impl Commits {
    pub(crate) fn open(path: &Path) -> Self {
        Self { file: File::create(path).unwrap(), block: vec![0x5a; BYTES] }
    }

    /// Append as a write-ahead log does, and wait for the disk.
    pub(crate) fn commit(&mut self) -> Duration {
        let start = Instant::now();
        self.file.write_all(&self.block).unwrap();
        self.file.sync_data().unwrap();
        start.elapsed()
    }
}
