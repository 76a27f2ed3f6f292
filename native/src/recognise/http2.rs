//! HTTP/2 in clear, with prior knowledge or after an upgrade (RFC 9113): what its header blocks ask for, and bodies.
//!
//! Promises: the host of every request whose header block was read, padding, priority and continuations taken off; bodies
//! of many streams kept apart. Refuses: what does not begin with the connection preface (header blocks build on one
//! another), pushes, and blocks of more than [`MOST_BLOCK`] bytes.

mod hpack;
mod huffman;

use super::http::{Bodies, Content, Requests};
use super::{Cursor, Outcome};
use hpack::Hpack;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Octets of a frame's head.
const HEAD: usize = 9;
/// Octets of a header block, over all its frames.
pub const MOST_BLOCK: usize = 64 * 1024;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const PRIORITY: u8 = 32;

/// Whether a direction begins as that of a client.
#[must_use]
pub fn preface(stream: &[u8]) -> Outcome<()> {
    match stream.strip_prefix(PREFACE) {
        Some(_) => Outcome::Found(()),
        None if PREFACE.starts_with(stream) => Outcome::NeedMore,
        None => Outcome::No,
    }
}

/// Whether a direction begins as that of a server: with a frame of settings.
#[must_use]
pub fn settings(stream: &[u8]) -> Outcome<()> {
    let fits = |(at, byte): (usize, &u8)| match at {
        0 | 1 | 4..HEAD => *byte == 0,
        2 => byte.is_multiple_of(6),
        _ => *byte == SETTINGS,
    };
    match stream.iter().take(HEAD).enumerate().all(fits) {
        true if stream.len() >= HEAD => Outcome::Found(()),
        true => Outcome::NeedMore,
        false => Outcome::No,
    }
}

/// The frames of one direction, read on as its bytes come.
#[derive(Debug, Default)]
pub struct Frames {
    at: usize,
    /// The preface was seen.
    is_client: bool,
    state: State,
    hpack: Hpack,
    /// The header block that is being put together, of this stream.
    block: Vec<u8>,
    open: Option<Frame>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Frame,
    /// Inside a frame of data: octets of it that are left, and of its padding.
    Data(Frame, usize, usize),
    Done,
}

/// The head of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Frame {
    length: usize,
    kind: u8,
    flags: u8,
    stream: u32,
}

impl Frame {
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(bytes);
        let (high, low) = (cursor.u8()?, cursor.u16()?);
        let length = usize::from(high) << 16 | usize::from(low);
        Some(Self { length, kind: cursor.u8()?, flags: cursor.u8()?, stream: cursor.u32()? & 0x7fff_ffff })
    }

    fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// What a header block says that matters here; the first of each counts.
#[derive(Debug, Default)]
struct Fields {
    method: Option<Vec<u8>>,
    path: Option<Vec<u8>>,
    authority: Option<Vec<u8>>,
    host: Option<Vec<u8>>,
    user_agent: Option<Vec<u8>>,
    coding: Option<Vec<u8>>,
    kind: Option<Vec<u8>>,
}

impl Fields {
    fn take(&mut self, name: &[u8], value: &[u8]) {
        let field = match name {
            b":method" => &mut self.method,
            b":path" => &mut self.path,
            b":authority" => &mut self.authority,
            b"host" => &mut self.host,
            b"user-agent" => &mut self.user_agent,
            b"content-encoding" => &mut self.coding,
            b"content-type" => &mut self.kind,
            _ => return,
        };
        field.get_or_insert_with(|| value.to_vec());
    }

    fn content(&self) -> Content<'_> {
        Content { coding: self.coding.as_deref(), kind: self.kind.as_deref() }
    }

    /// Tells `requests` of a request; CONNECT has no path.
    fn tell(&self, requests: &mut Requests) {
        let Some(method) = self.method.as_deref() else { return };
        let target = self.path.as_deref().or(self.authority.as_deref()).unwrap_or_default();
        requests.told(method, target, [self.authority.as_deref(), self.host.as_deref()], self.user_agent.as_deref());
    }
}

impl Frames {
    /// Reads on. `stream` is the same bytes as the last time (but for [`Self::forget`]) and what came behind them;
    /// `requests` are told of those in it, where it is the client's direction.
    pub fn read(&mut self, stream: &[u8], requests: Option<&mut Requests>, bodies: &mut dyn Bodies) {
        if !self.is_client && self.at == 0 {
            match preface(stream) {
                Outcome::Found(()) => (self.is_client, self.at) = (true, PREFACE.len()),
                Outcome::NeedMore => return,
                Outcome::No => {}
            }
        }
        let mut requests = requests.filter(|_| self.is_client);
        while let Some(rest) = stream.get(self.at..) {
            let moved = match self.state {
                State::Frame => self.frame(rest, requests.as_deref_mut(), bodies),
                State::Data(frame, left, padding) => self.data(rest, frame, left, padding, bodies),
                State::Done => false,
            };
            if !moved {
                return;
            }
        }
    }

    /// Whether no more is read.
    #[must_use]
    pub fn done(&self) -> bool {
        self.state == State::Done
    }

    /// Bytes at the front of the stream that are never looked at again; past its end inside a long frame.
    #[must_use]
    pub fn consumed(&self) -> usize {
        self.at
    }

    /// The caller dropped `count` bytes, at most [`Self::consumed`], from the front of the stream.
    pub fn forget(&mut self, count: usize) {
        self.at = self.at.saturating_sub(count);
    }

    /// Bytes that this takes, about.
    #[must_use]
    pub fn held(&self) -> usize {
        self.hpack.held() + self.block.len()
    }

    /// What comes next was not recorded; how many bytes may be passed over, 0 where the framing is lost.
    pub fn lose(&mut self, bodies: &mut dyn Bodies) -> u64 {
        let State::Data(frame, left, padding) = self.state else { return 0 };
        bodies.end(frame.stream, false);
        self.state = State::Frame;
        (left + padding) as u64
    }

    fn frame(&mut self, rest: &[u8], requests: Option<&mut Requests>, bodies: &mut dyn Bodies) -> bool {
        let Some(frame) = Frame::read(rest) else { return false };
        let is_next = match self.open {
            Some(open) => frame.kind == CONTINUATION && frame.stream == open.stream,
            None => frame.kind != CONTINUATION,
        };
        let needs_stream = matches!(frame.kind, DATA | HEADERS);
        if !is_next || (needs_stream && frame.stream == 0) {
            return self.go(0, State::Done);
        }
        match frame.kind {
            DATA => self.begin_data(rest, frame),
            HEADERS | CONTINUATION if frame.length > MOST_BLOCK => self.go(0, State::Done),
            HEADERS | CONTINUATION => match rest.get(HEAD..HEAD + frame.length) {
                Some(payload) => self.header(payload, frame, requests, bodies),
                None => false,
            },
            RESET => {
                bodies.end(frame.stream, false);
                self.go(HEAD + frame.length, State::Frame)
            }
            _ => self.go(HEAD + frame.length, State::Frame),
        }
    }

    /// A part of a header block.
    fn header(
        &mut self,
        payload: &[u8],
        frame: Frame,
        requests: Option<&mut Requests>,
        bodies: &mut dyn Bodies,
    ) -> bool {
        let Some(fragment) = fragment(payload, frame) else { return self.go(0, State::Done) };
        if self.block.len() + fragment.len() > MOST_BLOCK {
            return self.go(0, State::Done);
        }
        self.block.extend_from_slice(fragment);
        let first = *self.open.get_or_insert(frame);
        if frame.has(END_HEADERS) {
            self.open = None;
            let block = std::mem::take(&mut self.block);
            if self.block(&block, first, requests, bodies).is_none() {
                return self.go(0, State::Done);
            }
        }
        self.go(HEAD + frame.length, State::Frame)
    }

    /// A whole header block: a request, a response, or the trailers behind a body.
    fn block(
        &mut self,
        block: &[u8],
        frame: Frame,
        requests: Option<&mut Requests>,
        bodies: &mut dyn Bodies,
    ) -> Option<()> {
        let mut fields = Fields::default();
        self.hpack.read(block, &mut |name, value| fields.take(name, value))?;
        requests.into_iter().for_each(|requests| fields.tell(requests));
        if frame.has(END_STREAM) {
            bodies.end(frame.stream, true);
        } else if bodies.wanted() {
            bodies.begin(frame.stream, fields.content());
        }
        Some(())
    }

    fn begin_data(&mut self, rest: &[u8], frame: Frame) -> bool {
        if !frame.has(PADDED) {
            return self.go(HEAD, State::Data(frame, frame.length, 0));
        }
        let Some(padding) = rest.get(HEAD).map(|padding| usize::from(*padding)) else { return false };
        match frame.length.checked_sub(padding + 1) {
            Some(left) => self.go(HEAD + 1, State::Data(frame, left, padding)),
            None => self.go(0, State::Done),
        }
    }

    fn data(&mut self, rest: &[u8], frame: Frame, left: usize, padding: usize, bodies: &mut dyn Bodies) -> bool {
        if left == 0 || !bodies.wanted() {
            if frame.has(END_STREAM) {
                bodies.end(frame.stream, true);
            }
            return self.go(left + padding, State::Frame);
        }
        let data = rest.get(..left.min(rest.len())).unwrap_or_default();
        if data.is_empty() {
            return false;
        }
        bodies.data(frame.stream, data);
        self.go(data.len(), State::Data(frame, left - data.len(), padding))
    }

    fn go(&mut self, bytes: usize, state: State) -> bool {
        self.at = self.at.saturating_add(bytes);
        self.state = state;
        true
    }
}

/// A part of a header block without padding and priority.
fn fragment(payload: &[u8], frame: Frame) -> Option<&[u8]> {
    if frame.kind == CONTINUATION {
        return Some(payload);
    }
    let mut cursor = Cursor::new(payload);
    let padding = if frame.has(PADDED) { cursor.u8()? } else { 0 };
    if frame.has(PRIORITY) {
        cursor.take(5)?;
    }
    let length = cursor.rest().len().checked_sub(usize::from(padding))?;
    cursor.take(length)
}

#[cfg(test)]
mod tests;
