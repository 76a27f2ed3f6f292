//! lz4 frames one after the other, the legacy ones too, block by block; skippable frames are passed over.
//!
//! A block is unpacked whole, so that memory is at most two blocks of the largest size and the window before them.
//! Refuses frames that need a dictionary, and checks every checksum there is. The end of the input within a frame is
//! no end. Source: lz4 Frame format 1.6.4.

use std::hash::Hasher;
use std::io::{self, BufRead, Read};

use lz4_flex::block::{decompress_into, decompress_into_with_dict};
use twox_hash::XxHash32;

pub(super) const MAGIC: [u8; 4] = 0x184d_2204_u32.to_le_bytes();
pub(super) const LEGACY: [u8; 4] = 0x184c_2102_u32.to_le_bytes();

/// How far back a block may refer into the ones before it.
const WINDOW: usize = 64 * 1024;
/// Unpacked bytes of a legacy block.
const LEGACY_BLOCK: usize = 8 << 20;

/// The unpacked bytes of lz4 frames.
pub(super) struct Lz4<R> {
    stored: R,
    frame: Option<Frame>,
    /// The block as stored.
    packed: Vec<u8>,
    /// Room for a block unpacked, never cleared: many small blocks must not cost as many large ones.
    block: Vec<u8>,
    /// Bytes of the room that hold the block, and those of them that are given out.
    filled: usize,
    given: usize,
    /// The unpacked bytes before the block, where blocks depend on each other.
    window: Vec<u8>,
}

/// What the descriptor of a frame says.
struct Frame {
    /// Largest block, unpacked.
    largest: usize,
    legacy: bool,
    linked: bool,
    block_checksums: bool,
    /// Of the whole content.
    checksum: Option<XxHash32>,
    /// Bytes that are still to come, where the frame says how many there are.
    left: Option<u64>,
}

/// The word before a block.
enum Head {
    Packed(usize),
    Plain(usize),
    End,
}

impl<R: BufRead> Lz4<R> {
    pub fn new(stored: R) -> Self {
        Self { stored, frame: None, packed: Vec::new(), block: Vec::new(), filled: 0, given: 0, window: Vec::new() }
    }

    pub fn get_ref(&self) -> &R {
        &self.stored
    }

    /// Unpacks the next block that holds bytes; false at the end of the input behind a frame.
    fn next_block(&mut self) -> io::Result<bool> {
        (self.filled, self.given) = (0, 0);
        loop {
            let Some(mut frame) = self.frame.take() else {
                self.frame = self.next_frame()?;
                if self.frame.is_none() {
                    return Ok(false);
                }
                continue;
            };
            let head = self.head(&frame)?;
            if let Head::End = head {
                self.end(frame)?;
                continue;
            }
            self.unpack(&mut frame, &head)?;
            self.frame = Some(frame);
            if self.filled > 0 {
                return Ok(true);
            }
        }
    }

    /// The descriptor of the next frame; none at the end of the input.
    fn next_frame(&mut self) -> io::Result<Option<Frame>> {
        self.window.clear();
        while !self.stored.fill_buf()?.is_empty() {
            match self.bytes::<4>()? {
                MAGIC => return self.descriptor().map(Some),
                LEGACY => return Ok(Some(Frame::legacy())),
                [0x50..=0x5f, 0x2a, 0x4d, 0x18] => self.skip()?,
                _ => return Err(damaged("what follows is no lz4")),
            }
        }
        Ok(None)
    }

    /// Passes over a frame for others.
    fn skip(&mut self) -> io::Result<()> {
        let mut left = self.long()? as usize;
        while left > 0 {
            let there = self.stored.fill_buf()?.len().min(left);
            if there == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.stored.consume(there);
            left -= there;
        }
        Ok(())
    }

    fn descriptor(&mut self) -> io::Result<Frame> {
        let mut hash = XxHash32::with_seed(0);
        let [flags, sizes] = self.bytes()?;
        hash.write(&[flags, sizes]);
        if flags & 0xc2 != 0x40 || sizes & 0x8f != 0 {
            return Err(damaged("a frame of another version"));
        }
        if flags & 1 != 0 {
            return Err(damaged("a frame that needs a dictionary"));
        }
        let largest = match sizes >> 4 {
            size @ 4..=7 => 1 << (2 * size + 8),
            _ => return Err(damaged("no size of blocks")),
        };
        let mut left = None;
        if flags & 8 != 0 {
            let size: [u8; 8] = self.bytes()?;
            hash.write(&size);
            left = Some(u64::from_le_bytes(size));
        }
        let [check] = self.bytes()?;
        if check != (hash.finish() >> 8) as u8 {
            return Err(damaged("the checksum of a frame's head is another"));
        }
        Ok(Frame {
            largest,
            legacy: false,
            linked: flags & 0x20 == 0,
            block_checksums: flags & 0x10 != 0,
            checksum: (flags & 4 != 0).then(|| XxHash32::with_seed(0)),
            left,
        })
    }

    /// What follows within a frame. A legacy frame has no end of its own: the input ends, or another frame begins.
    fn head(&mut self, frame: &Frame) -> io::Result<Head> {
        if frame.legacy {
            let next = self.stored.fill_buf()?;
            if next.is_empty() {
                return Ok(Head::End);
            }
            let word = self.bytes::<4>()?;
            return match u32::from_le_bytes(word) as usize {
                _ if word == LEGACY => self.head(frame),
                length if length <= packed_most(LEGACY_BLOCK) => Ok(Head::Packed(length)),
                _ => Err(damaged("a block longer than it may be")),
            };
        }
        let word = self.long()?;
        let length = (word & 0x7fff_ffff) as usize;
        match word {
            0 => Ok(Head::End),
            _ if length > frame.largest => Err(damaged("a block longer than it may be")),
            _ if word == length as u32 => Ok(Head::Packed(length)),
            _ => Ok(Head::Plain(length)),
        }
    }

    fn unpack(&mut self, frame: &mut Frame, head: &Head) -> io::Result<()> {
        let (length, room) = match *head {
            Head::End => return Ok(()),
            Head::Packed(length) => (length, &mut self.packed),
            Head::Plain(length) => (length, &mut self.block),
        };
        if room.len() < length {
            *room = vec![0; length];
        }
        let stored = &mut room[..length];
        self.stored.read_exact(stored)?;
        let sum = frame.block_checksums.then(|| XxHash32::oneshot(0, stored));
        if sum.is_some() && sum != Some(self.long()?) {
            return Err(damaged("the checksum of a block is another"));
        }
        self.filled = match head {
            Head::Packed(_) => self.decompress(length, frame.largest)?,
            _ => length,
        };
        if frame.linked {
            self.remember();
        }
        frame.count(&self.block[..self.filled])
    }

    fn decompress(&mut self, length: usize, largest: usize) -> io::Result<usize> {
        if self.block.len() < largest {
            self.block = vec![0; largest];
        }
        let (packed, room) = (&self.packed[..length], &mut self.block[..largest]);
        let unpacked = if self.window.is_empty() {
            decompress_into(packed, room)
        } else {
            decompress_into_with_dict(packed, room, &self.window[self.window.len().saturating_sub(WINDOW)..])
        };
        unpacked.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    /// Keeps the last bytes for the next block; older ones are let go now and then, not at every block.
    fn remember(&mut self) {
        let block = &self.block[..self.filled];
        self.window.extend_from_slice(&block[block.len().saturating_sub(WINDOW)..]);
        if self.window.len() > 8 * WINDOW {
            self.window.drain(..self.window.len() - WINDOW);
        }
    }

    /// Checks a frame at its end.
    fn end(&mut self, frame: Frame) -> io::Result<()> {
        if frame.left.is_some_and(|left| left > 0) {
            return Err(damaged("a frame shorter than it says"));
        }
        match frame.checksum {
            Some(hash) if u64::from(self.long()?) != hash.finish() => {
                Err(damaged("the checksum of a frame is another"))
            }
            _ => Ok(()),
        }
    }

    fn long(&mut self) -> io::Result<u32> {
        self.bytes().map(u32::from_le_bytes)
    }

    fn bytes<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.stored.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

impl Frame {
    fn legacy() -> Self {
        Self { largest: LEGACY_BLOCK, legacy: true, linked: false, block_checksums: false, checksum: None, left: None }
    }

    /// Takes a block into account.
    fn count(&mut self, block: &[u8]) -> io::Result<()> {
        if let Some(hash) = &mut self.checksum {
            hash.write(block);
        }
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(block.len() as u64).ok_or_else(|| damaged("a frame longer than it says"))?;
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Lz4<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given == self.filled && !self.next_block()? {
            return Ok(0);
        }
        let read = (&self.block[self.given..self.filled]).read(buffer)?;
        self.given += read;
        Ok(read)
    }
}

/// Bytes that a block of incompressible ones takes at most.
fn packed_most(unpacked: usize) -> usize {
    unpacked + unpacked / 255 + 16
}

fn damaged(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
