//! Bytes of one input in blocks of 1 MiB, read by one thread and shared with the hasher's by `Arc`.
//!
//! No memory map (a mapped file that shrinks kills the process) and no allocation sized by the file: at most
//! [`IN_FLIGHT`] blocks wait for each reader of them.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use sha2::{Digest, Sha256};

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
    /// The end: all bytes were given out, or reading failed with this error.
    End(Option<io::Error>),
}

/// An input being read by a thread of its own.
#[derive(Debug)]
pub struct Input {
    blocks: Receiver<io::Result<Block>>,
    spare: Spare,
    hasher: Option<JoinHandle<[u8; 32]>>,
    size: u64,
}

/// What is known of the bytes after the end.
#[derive(Debug, Clone, Copy)]
pub struct Sum {
    /// Bytes read.
    pub size: u64,
    /// SHA-256 of them, where a digest was asked for.
    pub sha256: Option<[u8; 32]>,
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
        let mut reader = Reader { source, blocks: send, copies, used };
        std::thread::Builder::new().name("flowwatch-read".into()).spawn(move || reader.run())?;
        Ok(Self { blocks, spare, hasher, size: 0 })
    }

    /// The next block; waits at most `patience`.
    pub fn next(&mut self, patience: Duration) -> Next {
        match self.blocks.recv_timeout(patience) {
            Ok(Ok(block)) => {
                self.size += block.len() as u64;
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

    /// Size and digest, once the end was reached; waits for the hasher.
    pub fn sum(&mut self) -> Sum {
        let sha256 = self.hasher.take().and_then(|thread| thread.join().ok());
        Sum { size: self.size, sha256 }
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
    source: Box<dyn Read + Send>,
    blocks: SyncSender<io::Result<Block>>,
    copies: Option<SyncSender<Block>>,
    used: Receiver<Vec<u8>>,
}

impl Reader {
    /// Fills blocks until the source ends; stops when nobody listens.
    fn run(&mut self) {
        loop {
            let mut bytes = self.used.try_recv().unwrap_or_default();
            bytes.resize(BLOCK, 0);
            let error = fill(self.source.as_mut(), &mut bytes);
            let ended = bytes.is_empty();
            if !ended && self.give(Arc::new(bytes)).is_none() {
                return;
            }
            if let Some(error) = error {
                let _ = self.blocks.send(Err(error));
                return;
            }
            if ended {
                return;
            }
        }
    }

    fn give(&self, block: Block) -> Option<()> {
        if let Some(copies) = &self.copies {
            copies.send(Arc::clone(&block)).ok()?;
        }
        self.blocks.send(Ok(block)).ok()
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
mod tests {
    use super::*;

    fn drain(mut input: Input) -> (Vec<u8>, Option<io::Error>, Sum) {
        let mut all = Vec::new();
        let error = loop {
            match input.next(Duration::from_secs(5)) {
                Next::Block(block) => all.extend_from_slice(&block),
                Next::Idle => panic!("a slice never makes one wait"),
                Next::End(error) => break error,
            }
        };
        (all, error, input.sum())
    }

    #[test]
    fn all_bytes_arrive_in_order_with_their_digest() {
        let bytes: Vec<u8> = (0..3 * BLOCK + 17).map(|i| (i % 251) as u8).collect();
        let source = Box::new(io::Cursor::new(bytes.clone()));
        let (all, error, sum) = drain(Input::from_read(source, true).unwrap());
        assert!(error.is_none());
        assert_eq!(all, bytes);
        assert_eq!(sum.size, bytes.len() as u64);
        assert_eq!(sum.sha256.unwrap()[..], Sha256::digest(&bytes)[..]);
    }

    #[test]
    fn no_digest_is_no_digest() {
        let (_, _, sum) = drain(Input::from_read(Box::new(io::empty()), false).unwrap());
        assert_eq!((sum.size, sum.sha256), (0, None));
    }

    #[test]
    fn a_failing_source_gives_what_it_had() {
        struct Fails(bool);
        impl Read for Fails {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                if std::mem::replace(&mut self.0, true) {
                    return Err(io::Error::other("gone"));
                }
                buffer[..3].copy_from_slice(b"abc");
                Ok(3)
            }
        }
        let (all, error, _) = drain(Input::from_read(Box::new(Fails(false)), false).unwrap());
        assert_eq!(all, b"abc");
        assert_eq!(error.unwrap().to_string(), "gone");
    }

    #[test]
    fn a_missing_file_is_an_error() {
        let error = Input::open(Path::new("does/not/exist"), false).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
