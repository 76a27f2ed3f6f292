//! What a body was before it was packed, in so far as gzip and deflate did it (RFC 1950 to 1952).
//!
//! Work is bounded: who sends few bytes that unpack to very many is read no further.

use std::io::{self, Write};

use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use super::multipart::Parts;
use super::{Sha, Sum};

/// Bytes that unpacking takes, about: the window of deflate, its tables and a buffer.
pub const SIZE: usize = 96 * 1024;
/// Bytes that any body may unpack to.
const FREE: u64 = 16 << 20;
/// How many bytes one byte may unpack to, behind those.
const MOST_RATIO: u64 = 100;

/// A content coding that is undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    Gzip,
    /// With the frame of zlib, or bare as some send it.
    Deflate,
}

impl Coding {
    /// The one of this name.
    pub fn of(name: &[u8]) -> Option<Self> {
        match name.to_ascii_lowercase().as_slice() {
            b"gzip" | b"x-gzip" => Some(Self::Gzip),
            b"deflate" => Some(Self::Deflate),
            _ => None,
        }
    }
}

/// The unpacking of one body.
#[derive(Debug)]
pub struct Unpacked {
    coding: Coding,
    state: State,
    parts: Option<Parts>,
    packed: u64,
    /// Bytes that it may unpack to however few were sent.
    free: u64,
}

#[derive(Debug)]
enum State {
    /// So many first bytes do not tell the form yet.
    Front(Vec<u8>),
    Gzip(MultiGzDecoder<Out>),
    Zlib(ZlibDecoder<Out>),
    Bare(DeflateDecoder<Out>),
    Failed,
}

/// What comes out.
#[derive(Debug, Default)]
struct Out {
    sum: Sum,
    parts: Option<Parts>,
    found: Vec<Sha>,
    length: u64,
    most: u64,
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.length += bytes.len() as u64;
        if self.length > self.most {
            return Err(io::Error::other("it unpacks beyond measure"));
        }
        self.sum.add(bytes);
        if let Some(parts) = &mut self.parts {
            parts.read(bytes, &mut |digest| self.found.push(digest));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Unpacked {
    /// Nothing unpacked yet; the parts are those of the unpacked body.
    pub fn new(coding: Coding, parts: Option<Parts>) -> Self {
        Self { coding, state: State::Front(Vec::new()), parts, packed: 0, free: FREE }
    }

    /// Unpacks on; `found` gets the digests of parts that are complete.
    pub fn read(&mut self, bytes: &[u8], found: &mut dyn FnMut(Sha)) {
        self.packed += bytes.len() as u64;
        if let State::Front(front) = &mut self.state {
            front.extend_from_slice(bytes);
            if front.len() < 2 {
                return;
            }
            let front = std::mem::take(front);
            self.begin(&front);
            self.write(&front);
        } else {
            self.write(bytes);
        }
        if let Some(out) = self.out() {
            out.found.drain(..).for_each(found);
        }
    }

    /// The body is over; false where it could not be unpacked.
    pub fn finish(mut self, found: &mut dyn FnMut(Sha)) -> bool {
        let done = match &mut self.state {
            State::Gzip(gzip) => gzip.try_finish().is_ok(),
            State::Zlib(zlib) => zlib.try_finish().is_ok(),
            State::Bare(bare) => bare.try_finish().is_ok(),
            State::Front(_) | State::Failed => false,
        };
        let Some(out) = self.out().filter(|_| done) else { return false };
        out.found.drain(..).for_each(&mut *found);
        out.sum.take().into_iter().for_each(found);
        true
    }

    fn begin(&mut self, front: &[u8]) {
        let out = Out { parts: self.parts.take(), ..Out::default() };
        self.state = match (self.coding, front) {
            (Coding::Gzip, _) => State::Gzip(MultiGzDecoder::new(out)),
            (Coding::Deflate, [a, b, ..]) if a & 15 == 8 && u16::from_be_bytes([*a, *b]).is_multiple_of(31) => {
                State::Zlib(ZlibDecoder::new(out))
            }
            (Coding::Deflate, _) => State::Bare(DeflateDecoder::new(out)),
        };
    }

    fn write(&mut self, bytes: &[u8]) {
        let most = self.free.saturating_add(self.packed.saturating_mul(MOST_RATIO));
        if let Some(out) = self.out() {
            out.most = most;
        }
        let written = match &mut self.state {
            State::Gzip(gzip) => gzip.write_all(bytes),
            State::Zlib(zlib) => zlib.write_all(bytes),
            State::Bare(bare) => bare.write_all(bytes),
            State::Front(_) | State::Failed => return,
        };
        if written.is_err() {
            self.state = State::Failed;
        }
    }

    fn out(&mut self) -> Option<&mut Out> {
        match &mut self.state {
            State::Gzip(gzip) => Some(gzip.get_mut()),
            State::Zlib(zlib) => Some(zlib.get_mut()),
            State::Bare(bare) => Some(bare.get_mut()),
            State::Front(_) | State::Failed => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    #[test]
    fn what_unpacks_beyond_measure_is_read_no_further() {
        let mut packer = GzEncoder::new(Vec::new(), Compression::best());
        packer.write_all(&vec![0; 1 << 20]).unwrap();
        let bomb = packer.finish().unwrap();
        for (free, unpacks) in [(1000, false), (1 << 20, true)] {
            let mut unpacked = Unpacked { free, ..Unpacked::new(Coding::Gzip, None) };
            unpacked.read(&bomb, &mut |_| {});
            assert_eq!(unpacked.finish(&mut |_| {}), unpacks, "{free}");
        }
    }
}
