//! Bytes of one input in blocks of 1 MiB, read by one thread and shared with the hasher's by `Arc`.
//!
//! gzip and zstd are told by their first bytes and unpacked in the reading thread; the digest is of the bytes as stored.
//! No memory map (a mapped file that shrinks kills the process) and no allocation sized by the file: at most
//! [`IN_FLIGHT`] blocks wait for each reader of them.

mod stored;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use sha2::{Digest, Sha256};

use self::stored::Stored;
use crate::unpack::{Compression, Unpack};

/// Bytes in one block.
pub const BLOCK: usize = 1 << 20;
/// Blocks that may wait in each channel.
const IN_FLIGHT: usize = 6;

/// One block of the input, shared between the reader of packets and the hasher.
pub type Block = Arc<Vec<u8>>;

/// What [`Input::next`] found.
#[derive(Debug)]
pub enum Next {
    /// The next bytes, never empty.
    Block(Block),
    /// Nothing yet; the caller may look whether it was interrupted and ask again.
    Idle,
    /// The end: all bytes were given out, or reading failed with this error (a [`crate::unpack::Fault`] where the
    /// compressed stream is at fault).
    End(Option<io::Error>),
}

/// An input being read by a thread of its own.
#[derive(Debug)]
pub struct Input {
    blocks: Receiver<io::Result<Block>>,
    spare: Spare,
    reader: Option<JoinHandle<Stored>>,
    hasher: Option<JoinHandle<[u8; 32]>>,
    given: u64,
}

/// What is known of the bytes after the end.
#[derive(Debug, Clone, Copy)]
pub struct Sum {
    /// Bytes as stored.
    pub size: u64,
    /// SHA-256 of them, where a digest was asked for.
    pub sha256: Option<[u8; 32]>,
    /// How they are compressed, and the bytes unpacked from them.
    pub unpacked: Option<(Compression, u64)>,
}

impl Input {
    /// Reads the file at `path`; `-` is standard input.
    ///
    /// # Errors
    /// The file cannot be opened, or is a directory.
    pub fn open(path: &Path, digest: bool) -> io::Result<Self> {
        if path.as_os_str() == "-" {
            return Self::from_read(Box::new(io::stdin()), digest);
        }
        let mut file = File::open(path)?;
        // A directory can be opened, but not read.
        let _ = file.read(&mut [])?;
        Self::from_read(Box::new(file), digest)
    }

    /// Reads any stream of bytes.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub fn from_read(source: Box<dyn Read + Send>, digest: bool) -> io::Result<Self> {
        let (send, blocks) = sync_channel(IN_FLIGHT);
        let (spare, used) = channel();
        let spare = Spare(spare);
        let (hasher, copies) = if digest {
            let (copies, received) = sync_channel(IN_FLIGHT);
            let thread = std::thread::Builder::new().name("flowwatch-digest".into());
            let spare = spare.clone();
            (Some(thread.spawn(move || hash(&received, &spare))?), Some(copies))
        } else {
            (None, None)
        };
        let stored = Stored::new(source, copies, used, spare.clone());
        let thread = std::thread::Builder::new().name("flowwatch-read".into());
        let reader = Some(thread.spawn(move || Reader { stored, blocks: send }.run())?);
        Ok(Self { blocks, spare, reader, hasher, given: 0 })
    }

    /// The next block; waits at most `patience`.
    pub fn next(&mut self, patience: Duration) -> Next {
        match self.blocks.recv_timeout(patience) {
            Ok(Ok(block)) => {
                self.given += block.len() as u64;
                Next::Block(block)
            }
            Ok(Err(error)) => Next::End(Some(error)),
            Err(RecvTimeoutError::Timeout) => Next::Idle,
            Err(RecvTimeoutError::Disconnected) => Next::End(None),
        }
    }

    /// Takes back a block that was read, to be filled again.
    pub fn take_back(&self, block: Block) {
        self.spare.take_back(block);
    }

    /// Sizes and digest, once the end was reached; waits for the hasher.
    pub fn sum(&mut self) -> Sum {
        let stored = self.reader.take().and_then(|thread| thread.join().ok());
        let sha256 = self.hasher.take().and_then(|thread| thread.join().ok());
        let size = stored.as_ref().map_or(self.given, |stored| stored.size);
        let unpacked = stored.and_then(|stored| stored.compression).map(|compression| (compression, self.given));
        Sum { size, sha256, unpacked }
    }
}

/// Takes back blocks that nobody reads any more: fresh memory costs more than reading into it.
#[derive(Debug, Clone)]
struct Spare(Sender<Vec<u8>>);

impl Spare {
    fn take_back(&self, block: Block) {
        if let Some(bytes) = Arc::into_inner(block) {
            let _ = self.0.send(bytes);
        }
    }
}

/// The reading thread.
struct Reader {
    stored: Stored,
    blocks: SyncSender<io::Result<Block>>,
}

impl Reader {
    /// Gives out blocks until the source ends; stops when nobody listens.
    fn run(mut self) -> Stored {
        let compression = Compression::of(self.stored.head());
        self.stored.compression = compression;
        let error = match compression {
            None => self.plain(),
            Some(kind) => self.unpacked(kind),
        };
        if let Some(error) = error {
            let _ = self.blocks.send(Err(error));
        }
        self.stored.copies = None; // the hasher waits for its end
        self.stored
    }

    fn plain(&mut self) -> Option<io::Error> {
        loop {
            match self.stored.next() {
                Ok(Some(block)) => self.blocks.send(Ok(block)).ok()?,
                Ok(None) => return None,
                Err(error) => return Some(error),
            }
        }
    }

    /// Unpacks block by block; what is stored is read to its end whatever is wrong with the stream.
    fn unpacked(&mut self, kind: Compression) -> Option<io::Error> {
        let mut unpack = match Unpack::new(kind, &mut self.stored) {
            Ok(unpack) => unpack,
            Err(error) => return Some(error),
        };
        let error = loop {
            let mut bytes = unpack.stored().map_or_else(|| vec![0; BLOCK], |stored| stored.blank());
            let error = fill(&mut unpack, &mut bytes);
            let ended = bytes.is_empty();
            if !ended {
                self.blocks.send(Ok(Arc::new(bytes))).ok()?;
            }
            if ended || error.is_some() {
                break error;
            }
        };
        drop(unpack);
        error.or(self.stored.drain().err())
    }
}

/// One block: full, or what a slow source gave at once.
///
/// A pipe hands over less than a block; the bytes are passed on as they come, so that a live source is seen at once.
fn fill(source: &mut dyn Read, block: &mut Vec<u8>) -> Option<io::Error> {
    let mut filled = 0;
    let error = loop {
        match source.read(&mut block[filled..]) {
            Ok(0) => break None,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => break Some(error),
        }
        if filled >= BLOCK / 16 {
            break None;
        }
    };
    block.truncate(filled);
    error
}

fn hash(blocks: &Receiver<Block>, spare: &Spare) -> [u8; 32] {
    let mut digest = Sha256::new();
    while let Ok(block) = blocks.recv() {
        digest.update(block.as_slice());
        spare.take_back(block);
    }
    digest.finalize().into()
}

#[cfg(test)]
mod tests;
