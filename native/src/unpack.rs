//! gzip, zstd, xz, bzip2 and lz4 streams unpacked while they are read: several members, frames or streams, one after
//! the other, are one stream.
//!
//! Memory is constant: a fixed piece at a time, and the window or dictionary that a stream asks for, refused above
//! [`WINDOW_LOG`] (bzip2 and lz4 have blocks of a few MiB at most). A stream that breaks gives out what came before and
//! then a [`Fault`]; an error of the source itself is passed on as it is. Source: RFC 1952, RFC 8878, The .xz File
//! Format 1.2.1, the bzip2 program, lz4 Frame format 1.6.4.

mod coder;
mod lz4;
mod tap;

use std::fmt;
use std::io::{self, BufRead, Read};

use bzip2::Decompress;
use flate2::bufread::GzDecoder;
use liblzma::stream::{CONCATENATED, Stream};
use zstd::stream::read::Decoder;

use self::coder::Coded;
use self::lz4::Lz4;
use self::tap::Tap;

/// Bytes unpacked at once: what is lost at most before the place where a stream is damaged.
const PIECE: usize = 1 << 16;
/// The largest window of zstd and dictionary of xz, as a power of two: 128 MiB, the limit of the zstd program.
const WINDOW_LOG: u32 = 27;
/// What a decoder of xz needs beside its dictionary, about.
const BESIDE: u64 = 1 << 20;
/// The first bytes of a bzip2 block, and of the end where there is none.
const BZIP2_BLOCKS: [[u8; 6]; 2] = [[0x31, 0x41, 0x59, 0x26, 0x53, 0x59], [0x17, 0x72, 0x45, 0x38, 0x50, 0x90]];

/// How an input is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
    /// The .xz file format.
    Xz,
    /// Of the bzip2 program.
    Bzip2,
    /// The lz4 frame format, legacy frames too.
    Lz4,
}

impl Compression {
    /// Bytes needed to tell.
    pub const MAGIC: usize = 10;
    const ALL: [Self; 5] = [Self::Gzip, Self::Zstd, Self::Xz, Self::Bzip2, Self::Lz4];

    /// Told by the first bytes; a skippable frame is zstd's.
    #[must_use]
    pub fn of(head: &[u8]) -> Option<Self> {
        match head {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            [b'B', b'Z', b'h', b'1'..=b'9', block @ ..] if is_bzip2(block) => Some(Self::Bzip2),
            head if head.starts_with(&lz4::MAGIC) || head.starts_with(&lz4::LEGACY) => Some(Self::Lz4),
            _ => None,
        }
    }

    /// The compression of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.text() == name)
    }

    /// `gzip`, `zstd`, `xz`, `bzip2` or `lz4`.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
            Self::Bzip2 => "bzip2",
            Self::Lz4 => "lz4",
        }
    }
}

/// Whether a bzip2 block begins so, or would if the bytes went on.
fn is_bzip2(block: &[u8]) -> bool {
    BZIP2_BLOCKS.iter().any(|magic| block.iter().zip(magic).all(|(byte, wanted)| byte == wanted))
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
    Xz(Box<Coded<Tap<R>, Stream>>),
    Bzip2(Box<Coded<Tap<R>, Decompress>>),
    Lz4(Box<Lz4<Tap<R>>>),
    Over,
}

impl<R: BufRead> Stage<R> {
    fn begin(kind: Compression, tap: Tap<R>) -> io::Result<Self> {
        Ok(match kind {
            Compression::Gzip => Self::Gzip(Box::new(GzDecoder::new(tap))),
            Compression::Zstd => {
                let mut decoder = Decoder::with_buffer(tap)?;
                decoder.window_log_max(WINDOW_LOG)?;
                Self::Zstd(Box::new(decoder))
            }
            Compression::Xz => {
                let stream = Stream::new_stream_decoder((1 << WINDOW_LOG) + BESIDE, CONCATENATED)?;
                Self::Xz(Box::new(Coded::new(tap, stream)))
            }
            Compression::Bzip2 => Self::Bzip2(Box::new(Coded::new(tap, Decompress::new(false)))),
            Compression::Lz4 => Self::Lz4(Box::new(Lz4::new(tap))),
        })
    }

    fn tap(&self) -> Option<&Tap<R>> {
        match self {
            Self::Gzip(decoder) => Some(decoder.get_ref()),
            Self::Zstd(decoder) => Some(decoder.get_ref()),
            Self::Xz(decoder) => Some(decoder.get_ref()),
            Self::Bzip2(decoder) => Some(decoder.get_ref()),
            Self::Lz4(decoder) => Some(decoder.get_ref()),
            Self::Over => None,
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Gzip(decoder) => decoder.read(buffer),
            Self::Zstd(decoder) => decoder.read(buffer),
            Self::Xz(decoder) => decoder.read(buffer),
            Self::Bzip2(decoder) => decoder.read(buffer),
            Self::Lz4(decoder) => decoder.read(buffer),
            Self::Over => Ok(0),
        }
    }

    /// The source of a decoder that stops behind each member, and the first byte of a member.
    fn between_members(self) -> Result<(Tap<R>, u8), Self> {
        match self {
            Self::Gzip(decoder) => Ok((decoder.into_inner(), 0x1f)),
            Self::Bzip2(decoder) => Ok((decoder.into_inner(), b'B')),
            other => Err(other),
        }
    }
}

impl<R: BufRead> Unpack<R> {
    /// Unpacks `stored`, which begins with the magic of `kind`.
    ///
    /// # Errors
    /// There is no memory for a decoder.
    pub fn new(kind: Compression, stored: R) -> io::Result<Self> {
        Ok(Self { kind, stage: Stage::begin(kind, Tap::new(stored))? })
    }

    /// How the stream is compressed.
    #[must_use]
    pub fn kind(&self) -> Compression {
        self.kind
    }

    /// The source, unless a fault ended the reading of it.
    #[must_use]
    pub fn stored(&self) -> Option<&R> {
        self.stage.tap().map(|tap| &tap.stored)
    }

    /// What an error of the decoder means.
    fn told(&self, error: io::Error) -> io::Error {
        let Some(tap) = self.stage.tap().filter(|tap| !tap.failed) else { return error };
        let (kind, offset) = (self.kind.text(), tap.taken);
        let (code, what) = match error.kind() {
            io::ErrorKind::UnexpectedEof => ("truncated", "is cut short".to_owned()),
            _ if coder::is_too_large(&error) || error.to_string().contains("too much memory") => {
                ("bad_compression", format!("needs a window of more than {} MiB", 1_u32 << (WINDOW_LOG - 20)))
            }
            _ => ("bad_compression", format!("is damaged ({error})")),
        };
        let message = format!("the {kind} stream {what} at byte {offset} of the compressed input");
        io::Error::new(error.kind(), Fault { code, offset, message })
    }

    /// What follows a member of gzip or bzip2: another, padding with zeros, or nothing; anything else is a fault.
    fn next_member(&mut self) -> io::Result<bool> {
        let (mut tap, magic) = match std::mem::replace(&mut self.stage, Stage::Over).between_members() {
            Ok(found) => found,
            Err(stage) => {
                self.stage = stage;
                return Ok(false);
            }
        };
        let next = tap.after_zeros();
        self.stage = Stage::begin(self.kind, tap)?;
        match next? {
            None => {
                self.stage = Stage::Over;
                Ok(false)
            }
            Some(first) if first == magic => Ok(true),
            Some(_) => {
                let what = format!("what follows is no {}", self.kind.text());
                Err(io::Error::new(io::ErrorKind::InvalidData, what))
            }
        }
    }

    fn more(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.stage.read(buffer)?;
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

#[cfg(test)]
mod tests;
