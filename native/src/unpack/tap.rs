//! The stored bytes on their way to a decoder: how many were taken, and whether reading them failed.

use std::io::{self, BufRead, Read};

/// A source that counts.
pub(super) struct Tap<R> {
    pub stored: R,
    /// Bytes taken so far.
    pub taken: u64,
    /// Reading the source failed: an error is its own, no fault of the stream.
    pub failed: bool,
}

impl<R: BufRead> Tap<R> {
    pub fn new(stored: R) -> Self {
        Self { stored, taken: 0, failed: false }
    }

    /// The first byte that is not zero.
    pub fn after_zeros(&mut self) -> io::Result<Option<u8>> {
        loop {
            let bytes = self.fill_buf()?;
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            let (found, end) = (bytes.get(zeros).copied(), bytes.is_empty());
            self.consume(zeros);
            if found.is_some() || end {
                return Ok(found);
            }
        }
    }
}

impl<R: BufRead> BufRead for Tap<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let found = self.stored.fill_buf();
        self.failed |= found.is_err();
        found
    }

    fn consume(&mut self, count: usize) {
        self.taken += count as u64;
        self.stored.consume(count);
    }
}

impl<R: BufRead> Read for Tap<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut bytes = self.fill_buf()?;
        let read = bytes.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}
