//! The bytes of one input, read straight from the file or by a thread of its own.
//!
//! A plain file without digest is read by whoever wants its bytes, a piece at a time that stays in the processor's cache:
//! bytes that cross from one core to another cost more than reading them. Everything else (a digest, a pipe, compressed
//! bytes) is read in blocks of 1 MiB by a thread, shared with the hasher's by `Arc`; a compression is told by its first
//! bytes and unpacked there; the digest is of the bytes as stored. No memory map (a mapped file that shrinks kills the
//! process) and no allocation sized by the file: at most [`IN_FLIGHT`] blocks wait for each reader of them.

pub mod follow;
mod stored;

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use sha2::{Digest, Sha256};

use self::stored::Stored;
use crate::unpack::{Compression, Unpack};

/// Bytes in one block of the reading thread.
pub const BLOCK: usize = 1 << 20;
/// Bytes of a file read straight at once: with what is found in them, less than the cache of one core.
const PIECE: usize = 1 << 17;
/// Blocks that may wait in each channel.
const IN_FLIGHT: usize = 6;

/// One block of the input, shared between the reader of packets and the hasher.
pub type Block = Arc<Vec<u8>>;

/// What [`Input::fill`] found.
#[derive(Debug)]
pub enum Filled {
    /// So many bytes more, at least one.
    Bytes(usize),
    /// Nothing yet; the caller may look whether it was interrupted and ask again.
    Idle,
    /// The end: all bytes were given out, or reading failed with this error (a [`crate::unpack::Fault`] where the
    /// compressed stream is at fault).
    End(Option<io::Error>),
}

/// An input being read.
#[derive(Debug)]
pub struct Input {
    way: Way,
    /// Bytes given out.
    given: u64,
    /// Bytes as stored that were read, for whoever wants to know how far the reading is.
    progress: Arc<AtomicU64>,
}

/// How the bytes come.
#[derive(Debug)]
enum Way {
    Straight(File),
    Thread(Reading),
}

/// The reading by a thread.
#[derive(Debug)]
struct Reading {
    blocks: Receiver<io::Result<Block>>,
    spare: Spare,
    reader: Option<JoinHandle<Stored>>,
    hasher: Option<JoinHandle<[u8; 32]>>,
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
    /// Reads the file at `path`; `-` is standard input. Stored bytes that were read are added to `progress`.
    ///
    /// # Errors
    /// The file cannot be opened, or is a directory.
    pub fn open(path: &Path, digest: bool, progress: Arc<AtomicU64>) -> io::Result<Self> {
        if path.as_os_str() == "-" {
            return Self::from_read(Box::new(io::stdin()), digest, progress);
        }
        let mut file = File::open(path)?;
        // A directory can be opened, but not read.
        let _ = file.read(&mut [])?;
        if !digest && file.metadata()?.is_file() {
            let mut head = [0; Compression::MAGIC];
            let length = file.read(&mut head)?;
            file.rewind()?;
            if Compression::of(&head[..length]).is_none() {
                return Ok(Self { way: Way::Straight(file), given: 0, progress });
            }
        }
        Self::from_read(Box::new(file), digest, progress)
    }

    /// Reads any stream of bytes.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub fn from_read(source: Box<dyn Read + Send>, digest: bool, progress: Arc<AtomicU64>) -> io::Result<Self> {
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
        let stored = Stored::new(source, copies, used, spare.clone(), Arc::clone(&progress));
        let thread = std::thread::Builder::new().name("flowwatch-read".into());
        let reader = Some(thread.spawn(move || Reader { stored, blocks: send }.run())?);
        Ok(Self { way: Way::Thread(Reading { blocks, spare, reader, hasher }), given: 0, progress })
    }

    /// Puts the next bytes into `buffer` from `at` on, which grows where it has no room; waits at most `patience`.
    pub fn fill(&mut self, buffer: &mut Vec<u8>, at: usize, patience: Duration) -> Filled {
        let filled = match &mut self.way {
            Way::Straight(file) => straight(file, buffer, at),
            Way::Thread(reading) => reading.fill(buffer, at, patience),
        };
        if let Filled::Bytes(count) = filled {
            self.given += count as u64;
            if matches!(self.way, Way::Straight(_)) {
                self.progress.fetch_add(count as u64, Ordering::Relaxed);
            }
        }
        filled
    }

    /// Sizes and digest, once the end was reached; waits for the hasher.
    pub fn sum(&mut self) -> Sum {
        let Way::Thread(reading) = &mut self.way else {
            return Sum { size: self.given, sha256: None, unpacked: None };
        };
        let stored = reading.reader.take().and_then(|thread| thread.join().ok());
        let sha256 = reading.hasher.take().and_then(|thread| thread.join().ok());
        let size = stored.as_ref().map_or(self.given, |stored| stored.size);
        let unpacked = stored.and_then(|stored| stored.compression).map(|compression| (compression, self.given));
        Sum { size, sha256, unpacked }
    }
}

/// One piece of a file.
fn straight(file: &mut File, buffer: &mut Vec<u8>, at: usize) -> Filled {
    make_room(buffer, at + PIECE);
    loop {
        match file.read(&mut buffer[at..at + PIECE]) {
            Ok(0) => return Filled::End(None),
            Ok(count) => return Filled::Bytes(count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Filled::End(Some(error)),
        }
    }
}

fn make_room(buffer: &mut Vec<u8>, length: usize) {
    if buffer.len() < length {
        buffer.resize(length, 0);
    }
}

impl Reading {
    fn fill(&mut self, buffer: &mut Vec<u8>, at: usize, patience: Duration) -> Filled {
        let block = match self.blocks.recv_timeout(patience) {
            Ok(Ok(block)) => block,
            Ok(Err(error)) => return Filled::End(Some(error)),
            Err(RecvTimeoutError::Timeout) => return Filled::Idle,
            Err(RecvTimeoutError::Disconnected) => return Filled::End(None),
        };
        let count = block.len();
        make_room(buffer, at + count);
        buffer[at..at + count].copy_from_slice(&block);
        self.spare.take_back(block);
        Filled::Bytes(count)
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

/// One block: a sixteenth of one at least, for decoders give little at once.
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
