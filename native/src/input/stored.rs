//! The bytes of an input as they are stored: block by block, or byte by byte for a decoder, each block hashed too.

use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};

use super::{BLOCK, Block, Spare};
use crate::unpack::Compression;

/// The bytes as they are stored, each block given to the hasher too.
pub(super) struct Stored {
    source: Box<dyn Read + Send>,
    /// Where the hasher listens.
    pub copies: Option<SyncSender<Block>>,
    used: Receiver<Vec<u8>>,
    spare: Spare,
    progress: Arc<AtomicU64>,
    /// Read, but not given out; from `at` on.
    front: Option<Block>,
    at: usize,
    /// Why the source cannot be read on, once what came before was given out.
    failed: Option<io::Error>,
    /// Bytes read.
    pub size: u64,
    /// How they are compressed, once that was told.
    pub compression: Option<Compression>,
}

impl Stored {
    pub fn new(
        source: Box<dyn Read + Send>,
        copies: Option<SyncSender<Block>>,
        used: Receiver<Vec<u8>>,
        spare: Spare,
        progress: Arc<AtomicU64>,
    ) -> Self {
        Self { source, copies, used, spare, progress, front: None, at: 0, failed: None, size: 0, compression: None }
    }

    /// The first bytes, as many as tell a compression; they are given out again.
    pub fn head(&mut self) -> &[u8] {
        let mut head = self.read();
        while head.len() < Compression::MAGIC && self.failed.is_none() {
            let more = self.read();
            if more.is_empty() {
                break;
            }
            head.extend_from_slice(&more);
        }
        self.front = (!head.is_empty()).then(|| self.counted(head));
        self.front.as_ref().map_or(&[], |block| block.as_slice())
    }

    pub fn next(&mut self) -> io::Result<Option<Block>> {
        if self.front.is_some() {
            return Ok(self.front.take());
        }
        let bytes = if self.failed.is_none() { self.read() } else { Vec::new() };
        match self.failed.take() {
            Some(error) if bytes.is_empty() => Err(error),
            later => {
                self.failed = later;
                Ok((!bytes.is_empty()).then(|| self.counted(bytes)))
            }
        }
    }

    /// Reads what is left, for size and digest.
    pub fn drain(&mut self) -> io::Result<()> {
        self.front = None;
        while let Some(block) = self.next()? {
            self.spare.take_back(block);
        }
        Ok(())
    }

    /// Memory for one block, used before where there is any.
    pub fn blank(&self) -> Vec<u8> {
        let mut bytes = self.used.try_recv().unwrap_or_default();
        bytes.resize(BLOCK, 0);
        bytes
    }

    /// One block, or what a slow source gave at once.
    ///
    /// A pipe hands over less than a block; the bytes are passed on as they come, so that a live source is seen at once.
    fn read(&mut self) -> Vec<u8> {
        let mut bytes = self.blank();
        let read = loop {
            match self.source.read(&mut bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        bytes.truncate(*read.as_ref().unwrap_or(&0));
        self.failed = read.err();
        bytes
    }

    fn counted(&mut self, bytes: Vec<u8>) -> Block {
        self.size += bytes.len() as u64;
        self.progress.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        let block = Arc::new(bytes);
        if let Some(copies) = &self.copies {
            let _ = copies.send(Arc::clone(&block));
        }
        block
    }
}

impl BufRead for Stored {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.front.as_ref().is_none_or(|block| self.at >= block.len()) {
            if let Some(block) = self.front.take() {
                self.spare.take_back(block);
            }
            self.at = 0;
            self.front = self.next()?;
        }
        Ok(self.front.as_ref().map_or(&[], |block| &block[self.at..]))
    }

    fn consume(&mut self, count: usize) {
        self.at += count;
    }
}

impl Read for Stored {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}
