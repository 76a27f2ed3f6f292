//! Bytes of one input in blocks of 1 MiB, read by one thread and shared with the hasher's by `Arc`.
//!
//! gzip and zstd are told by their first bytes and unpacked in the reading thread; the digest is of the bytes as stored.
//! No memory map (a mapped file that shrinks kills the process) and no allocation sized by the file: at most
//! [`IN_FLIGHT`] blocks wait for each reader of them.

use std::fs::File;
use std::io::{self, BufRead, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use sha2::{Digest, Sha256};

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

/// The bytes as they are stored, each block given to the hasher too.
struct Stored {
    source: Box<dyn Read + Send>,
    copies: Option<SyncSender<Block>>,
    used: Receiver<Vec<u8>>,
    spare: Spare,
    /// Read, but not given out; from `at` on.
    front: Option<Block>,
    at: usize,
    /// Why the source cannot be read on, once what came before was given out.
    failed: Option<io::Error>,
    size: u64,
    compression: Option<Compression>,
}

impl Stored {
    fn new(
        source: Box<dyn Read + Send>,
        copies: Option<SyncSender<Block>>,
        used: Receiver<Vec<u8>>,
        spare: Spare,
    ) -> Self {
        Self { source, copies, used, spare, front: None, at: 0, failed: None, size: 0, compression: None }
    }

    /// The first bytes, as many as tell a compression; they are given out again.
    fn head(&mut self) -> &[u8] {
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

    fn next(&mut self) -> io::Result<Option<Block>> {
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
    fn drain(&mut self) -> io::Result<()> {
        self.front = None;
        while let Some(block) = self.next()? {
            self.spare.take_back(block);
        }
        Ok(())
    }

    /// Memory for one block, used before where there is any.
    fn blank(&self) -> Vec<u8> {
        let mut bytes = self.used.try_recv().unwrap_or_default();
        bytes.resize(BLOCK, 0);
        bytes
    }

    fn read(&mut self) -> Vec<u8> {
        let mut bytes = self.blank();
        self.failed = fill(&mut self.source, &mut bytes);
        bytes
    }

    fn counted(&mut self, bytes: Vec<u8>) -> Block {
        self.size += bytes.len() as u64;
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
    use crate::unpack::Fault;

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

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        io::Write::write_all(&mut encoder, bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_compressed_input_is_unpacked_and_digested_as_stored() {
        let bytes: Vec<u8> = (0..3 * BLOCK + 17).map(|i| (i * i % 251) as u8).collect();
        for (kind, stored) in [
            (Compression::Gzip, gzip(&bytes)),
            (Compression::Zstd, zstd::stream::encode_all(bytes.as_slice(), 1).unwrap()),
        ] {
            let (all, error, sum) = drain(Input::from_read(Box::new(io::Cursor::new(stored.clone())), true).unwrap());
            assert!(error.is_none() && all == bytes);
            assert_eq!((sum.size, sum.unpacked), (stored.len() as u64, Some((kind, bytes.len() as u64))));
            assert_eq!(sum.sha256.unwrap()[..], Sha256::digest(&stored)[..]);
        }
    }

    #[test]
    fn behind_a_fault_all_that_is_stored_is_digested() {
        let stored = [gzip(b"first"), vec![7; 2 * BLOCK]].concat();
        let (all, error, sum) = drain(Input::from_read(Box::new(io::Cursor::new(stored.clone())), true).unwrap());
        assert_eq!(
            (all.as_slice(), error.and_then(|e| Fault::of(&e).map(|f| f.code))),
            (&b"first"[..], Some("bad_compression"))
        );
        assert_eq!((sum.size, sum.sha256.unwrap()[..] == Sha256::digest(&stored)[..]), (stored.len() as u64, true));
    }

    #[test]
    fn a_source_that_gives_byte_by_byte_is_told_right() {
        struct Slow(io::Cursor<Vec<u8>>);
        impl Read for Slow {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let end = buffer.len().min(1);
                self.0.read(&mut buffer[..end])
            }
        }
        for (stored, told) in [(gzip(b"first"), &b"first"[..]), (b"abc".to_vec(), b"abc")] {
            let (all, error, _) = drain(Input::from_read(Box::new(Slow(io::Cursor::new(stored))), false).unwrap());
            assert!(error.is_none() && all == told);
        }
    }

    #[test]
    fn a_missing_file_is_an_error() {
        let error = Input::open(Path::new("does/not/exist"), false).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
