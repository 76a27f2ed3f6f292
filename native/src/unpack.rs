//! gzip and zstd streams unpacked while they are read: several members or frames, one after the other, are one stream.
//!
//! Memory is constant: a fixed piece at a time, and for zstd the window a frame asks for, refused above
//! [`WINDOW_LOG`]. A stream that breaks gives out what came before and then a [`Fault`]; an error of the source itself
//! is passed on as it is. Source: RFC 1952, RFC 8878.

use std::fmt;
use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;
use zstd::stream::read::Decoder;

/// Bytes unpacked at once: what is lost at most before the place where a stream is damaged.
const PIECE: usize = 1 << 16;
/// The largest zstd window, as a power of two: 128 MiB, the limit of the zstd program.
const WINDOW_LOG: u32 = 27;

/// How an input is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl Compression {
    /// Bytes needed to tell.
    pub const MAGIC: usize = 4;

    /// Told by the first bytes; a skippable frame is zstd's.
    #[must_use]
    pub fn of(head: &[u8]) -> Option<Self> {
        match head {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            _ => None,
        }
    }

    /// The compression of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Gzip, Self::Zstd].into_iter().find(|kind| kind.text() == name)
    }

    /// `gzip` or `zstd`.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

/// Why a compressed stream could not be read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// `truncated` or `bad_compression`.
    pub code: &'static str,
    /// Byte of the compressed input up to which it was read.
    pub offset: u64,
    /// One line for a person.
    pub message: String,
}

impl Fault {
    /// The fault in an error of [`Unpack`]; none where the source itself failed.
    #[must_use]
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

/// The unpacked bytes of a compressed stream; at its end, and after a fault, there are none.
pub struct Unpack<R: BufRead> {
    kind: Compression,
    stage: Stage<R>,
}

enum Stage<R: BufRead> {
    Gzip(Box<GzDecoder<Tap<R>>>),
    Zstd(Box<Decoder<'static, Tap<R>>>),
    Over,
}

impl<R: BufRead> Unpack<R> {
    /// Unpacks `stored`, which begins with the magic of `kind`.
    ///
    /// # Errors
    /// There is no memory for a decoder.
    pub fn new(kind: Compression, stored: R) -> io::Result<Self> {
        let tap = Tap { stored, taken: 0, failed: false };
        let stage = match kind {
            Compression::Gzip => Stage::Gzip(Box::new(GzDecoder::new(tap))),
            Compression::Zstd => {
                let mut decoder = Decoder::with_buffer(tap)?;
                decoder.window_log_max(WINDOW_LOG)?;
                Stage::Zstd(Box::new(decoder))
            }
        };
        Ok(Self { kind, stage })
    }

    /// How the stream is compressed.
    #[must_use]
    pub fn kind(&self) -> Compression {
        self.kind
    }

    /// The source, unless a fault ended the reading of it.
    #[must_use]
    pub fn stored(&self) -> Option<&R> {
        self.tap().map(|tap| &tap.stored)
    }

    fn tap(&self) -> Option<&Tap<R>> {
        match &self.stage {
            Stage::Gzip(decoder) => Some(decoder.get_ref()),
            Stage::Zstd(decoder) => Some(decoder.get_ref()),
            Stage::Over => None,
        }
    }

    /// What an error of the decoder means.
    fn told(&self, error: io::Error) -> io::Error {
        let Some(tap) = self.tap().filter(|tap| !tap.failed) else { return error };
        let (kind, offset) = (self.kind.text(), tap.taken);
        let (code, what) = match error.kind() {
            io::ErrorKind::UnexpectedEof => ("truncated", "is cut short".to_owned()),
            _ if error.to_string().contains("too much memory") => {
                ("bad_compression", format!("needs a window of more than {} MiB", 1_u32 << (WINDOW_LOG - 20)))
            }
            _ => ("bad_compression", format!("is damaged ({error})")),
        };
        let message = format!("the {kind} stream {what} at byte {offset} of the compressed input");
        io::Error::new(error.kind(), Fault { code, offset, message })
    }

    /// What follows a gzip member: another, padding with zeros, or nothing; anything else is a fault.
    fn next_member(&mut self) -> io::Result<bool> {
        let Stage::Gzip(decoder) = &mut self.stage else { return Ok(false) };
        let tap = decoder.get_mut();
        match tap.after_zeros()? {
            None => Ok(false),
            Some(0x1f) => {
                let Stage::Gzip(decoder) = std::mem::replace(&mut self.stage, Stage::Over) else { return Ok(false) };
                self.stage = Stage::Gzip(Box::new(GzDecoder::new(decoder.into_inner())));
                Ok(true)
            }
            Some(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "what follows is no gzip")),
        }
    }

    fn more(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = match &mut self.stage {
                Stage::Gzip(decoder) => decoder.read(buffer)?,
                Stage::Zstd(decoder) => decoder.read(buffer)?,
                Stage::Over => 0,
            };
            if read > 0 || !self.next_member()? {
                return Ok(read);
            }
        }
    }
}

impl<R: BufRead> Read for Unpack<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(PIECE);
        if most == 0 {
            return Ok(0);
        }
        match self.more(&mut buffer[..most]) {
            Ok(read) => Ok(read),
            Err(error) => {
                let error = self.told(error);
                self.stage = Stage::Over;
                Err(error)
            }
        }
    }
}

/// The stored bytes on their way to a decoder: how many were taken, and whether reading them failed.
struct Tap<R> {
    stored: R,
    taken: u64,
    failed: bool,
}

impl<R: BufRead> Tap<R> {
    /// The first byte that is not zero.
    fn after_zeros(&mut self) -> io::Result<Option<u8>> {
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

#[cfg(test)]
mod tests;
