//! One body and its framing (RFC 9112 6, 7): what of the bytes behind a head is content, and where it ends.

/// Bytes of a chunk's size line, and of a trailer line.
const MOST_LINE: usize = 4096;

/// What a head says of the body behind it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Content<'a> {
    /// Content-Encoding.
    pub coding: Option<&'a [u8]>,
    /// Content-Type.
    pub kind: Option<&'a [u8]>,
}

/// The stream of all bodies in HTTP/1.
const ONLY: u32 = 0;

/// Whoever wants to see bodies, without their transfer coding; those of a stream come one after the other.
pub trait Bodies {
    /// Whether bytes are wanted at all: those of a body nobody wants are passed over.
    fn wanted(&self) -> bool;
    /// A body begins; one that was begun before it in this stream, and had no bytes, is none.
    fn begin(&mut self, stream: u32, content: Content<'_>);
    /// So it goes on.
    fn data(&mut self, stream: u32, bytes: &[u8]);
    /// It is over, if there was one; `whole` says that all of it was shown.
    fn end(&mut self, stream: u32, whole: bool);
}

/// Nobody.
#[derive(Debug, Clone, Copy)]
pub struct Nobody;

impl Bodies for Nobody {
    fn wanted(&self) -> bool {
        false
    }
    fn begin(&mut self, _: u32, _: Content<'_>) {}
    fn data(&mut self, _: u32, _: &[u8]) {}
    fn end(&mut self, _: u32, _: bool) {}
}

/// How far a body was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Walk {
    /// So many bytes are left of a length that was given.
    Length(u64),
    /// At a chunk's size line.
    Size,
    /// So many bytes are left of a chunk.
    Chunk(u64),
    /// At the trailer lines behind the last chunk.
    Trailer,
    /// It ends with the connection.
    Close,
}

/// One step through a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// Content.
    Data(&'a [u8]),
    /// So many bytes of framing.
    Framing(usize),
    /// So many bytes of framing, and the body is over.
    Over(usize),
    /// More bytes are needed.
    Short,
    /// The framing is broken.
    No,
}

impl Walk {
    /// The step that `bytes` allow.
    pub fn step<'a>(&mut self, bytes: &'a [u8]) -> Step<'a> {
        match *self {
            Self::Length(0) => Step::Over(0),
            Self::Chunk(0) => self.chunk_end(bytes),
            _ if bytes.is_empty() => Step::Short,
            Self::Length(left) => {
                let data = front(bytes, left);
                *self = Self::Length(left - data.len() as u64);
                Step::Data(data)
            }
            Self::Chunk(left) => {
                let data = front(bytes, left);
                *self = Self::Chunk(left - data.len() as u64);
                Step::Data(data)
            }
            Self::Size => self.size(bytes),
            Self::Trailer => trailer(bytes),
            Self::Close => Step::Data(bytes),
        }
    }

    /// Passes over the content up to the next framing, without looking at it; how many bytes that is.
    pub fn pass(&mut self) -> u64 {
        match *self {
            Self::Length(left) => {
                *self = Self::Length(0);
                left
            }
            Self::Chunk(left) => {
                *self = Self::Chunk(0);
                left
            }
            _ => 0,
        }
    }

    fn size(&mut self, bytes: &[u8]) -> Step<'static> {
        let Some(end) = bytes.iter().take(MOST_LINE).position(|b| *b == b'\n') else {
            return if bytes.len() < MOST_LINE { Step::Short } else { Step::No };
        };
        let line = bytes.get(..end).unwrap_or_default();
        let digits = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
        let text = line.get(..digits).and_then(|d| std::str::from_utf8(d).ok()).unwrap_or_default();
        let Ok(size) = u64::from_str_radix(text, 16) else { return Step::No };
        *self = if size == 0 { Self::Trailer } else { Self::Chunk(size) };
        Step::Framing(end + 1)
    }

    fn chunk_end(&mut self, bytes: &[u8]) -> Step<'static> {
        let length = match bytes {
            [b'\r', b'\n', ..] => 2,
            [b'\n', ..] => 1,
            [] | [b'\r'] => return Step::Short,
            _ => return Step::No,
        };
        *self = Self::Size;
        Step::Framing(length)
    }
}

fn front(bytes: &[u8], most: u64) -> &[u8] {
    let length = usize::try_from(most).unwrap_or(usize::MAX).min(bytes.len());
    bytes.get(..length).unwrap_or(bytes)
}

/// One trailer line; the empty one ends the body.
fn trailer(bytes: &[u8]) -> Step<'static> {
    match bytes.iter().take(MOST_LINE).position(|b| *b == b'\n') {
        Some(end) if matches!(bytes.get(..end), Some(b"" | b"\r")) => Step::Over(end + 1),
        Some(end) => Step::Framing(end + 1),
        None if bytes.len() >= MOST_LINE => Step::No,
        None => Step::Short,
    }
}

/// A body that is being read, for somebody or to be passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    walk: Walk,
    wanted: bool,
}

/// What one step of the reading came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// So many bytes are done with; more than there were, where content is passed over.
    On(usize),
    /// So many bytes are done with, and the body is over.
    Over(usize),
    /// More bytes are needed.
    Short,
    /// The framing is broken.
    No,
}

impl Reading {
    /// The body that begins here.
    pub fn begin(walk: Walk, content: Content<'_>, bodies: &mut dyn Bodies) -> Self {
        let wanted = bodies.wanted() && walk != Walk::Length(0);
        if wanted {
            bodies.begin(ONLY, content);
        }
        Self { walk, wanted }
    }

    /// Whether it ends with the connection and nobody wants it.
    pub fn is_idle(self) -> bool {
        !self.wanted && self.walk == Walk::Close
    }

    /// Reads on.
    pub fn read(&mut self, rest: &[u8], bodies: &mut dyn Bodies) -> Moved {
        let passed = if self.wanted { 0 } else { self.walk.pass() };
        if passed > 0 {
            return Moved::On(usize::try_from(passed).unwrap_or(usize::MAX));
        }
        match self.walk.step(rest) {
            Step::Data(data) => {
                bodies.data(ONLY, data);
                Moved::On(data.len())
            }
            Step::Framing(length) => Moved::On(length),
            Step::Over(length) => {
                self.end(true, bodies);
                Moved::Over(length)
            }
            Step::Short => Moved::Short,
            Step::No => {
                self.end(false, bodies);
                Moved::No
            }
        }
    }

    /// What comes next was not recorded: the body counts as cut, and up to its next framing the bytes may be passed over.
    pub fn lose(&mut self, bodies: &mut dyn Bodies) -> u64 {
        self.end(false, bodies);
        self.walk.pass()
    }

    /// The connection is over; `whole` says that all of it was shown.
    pub fn finish(&mut self, whole: bool, bodies: &mut dyn Bodies) {
        self.end(whole && self.walk == Walk::Close, bodies);
    }

    fn end(&mut self, whole: bool, bodies: &mut dyn Bodies) {
        if std::mem::take(&mut self.wanted) {
            bodies.end(ONLY, whole);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walked(mut walk: Walk, mut bytes: &[u8]) -> (Vec<u8>, bool) {
        let mut data = Vec::new();
        loop {
            let length = match walk.step(bytes) {
                Step::Data(some) => {
                    data.extend_from_slice(some);
                    some.len()
                }
                Step::Framing(length) => length,
                Step::Over(length) => return (data, bytes.len() == length),
                Step::Short | Step::No => return (data, false),
            };
            bytes = &bytes[length..];
        }
    }

    #[test]
    fn content_is_what_is_no_framing() {
        assert_eq!(walked(Walk::Length(3), b"abc"), (b"abc".to_vec(), true));
        assert_eq!(walked(Walk::Length(0), b""), (vec![], true));
        assert_eq!(walked(Walk::Size, b"3;x=y\r\nabc\r\n2\nde\n0\r\nt: v\r\n\r\n"), (b"abcde".to_vec(), true));
        assert_eq!(walked(Walk::Close, b"abc"), (b"abc".to_vec(), false));
    }

    #[test]
    fn broken_framing_is_told() {
        for bytes in [&b"x\r\n"[..], b"3\r\nabcd\r\n", b"fffffffffffffffff\r\n"] {
            assert!(!walked(Walk::Size, bytes).1, "{bytes:?}");
        }
        assert_eq!(Walk::Size.step(&[b'1'; MOST_LINE]), Step::No);
        assert_eq!(Walk::Trailer.step(&[b'1'; MOST_LINE]), Step::No);
    }
}
