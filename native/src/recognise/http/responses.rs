//! The responses of one direction (RFC 9112 6.3): each is matched to its request, since that says whether it has a body.
//!
//! Promises: the content of each response that is whole, told to whoever wants it. Where its request was not seen, a
//! response that is followed by another is taken for one without a body. Refuses: what follows an agreed CONNECT, a
//! change of protocol, or a framing that contradicts itself.

use super::body::{Bodies, Moved, Reading, Walk};
use super::head::{self, Answered, Body, Fields};
use super::{MOST_HEAD, Requests};
use crate::recognise::Outcome;

const SHAPE: &[u8] = b"HTTP/1.x nnn";

/// One direction of responses, read on as its bytes come.
#[derive(Debug, Default)]
pub struct Responses {
    /// Final responses whose head was read.
    responses: u32,
    at: usize,
    scanned: usize,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    /// At, or inside, a head.
    #[default]
    Head,
    Body(Reading),
    End(End),
}

/// Why responses are read no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// A tunnel begins.
    Tunnel,
    /// HTTP/2 begins.
    Http2,
    /// Another protocol begins.
    Switched,
    /// All that follows is one body, which nobody wants.
    Body,
    /// Messages cannot be told apart any more.
    Lost,
}

impl Responses {
    /// Reads on. `stream` is the same bytes as the last time (but for [`Self::forget`]) and what came behind them.
    ///
    /// `requests` are those that are answered, `all` whether both directions were read from their beginning.
    pub fn read(&mut self, stream: &[u8], requests: Option<&Requests>, all: bool, bodies: &mut dyn Bodies) {
        while let Some(rest) = stream.get(self.at..) {
            let moved = match &mut self.state {
                State::Head => self.head(rest, requests, all, bodies),
                State::Body(body) => match body.read(rest, bodies) {
                    Moved::On(length) => self.go(length, self.state),
                    Moved::Over(length) => self.go(length, State::Head),
                    Moved::Short => false,
                    Moved::No => self.go(0, State::End(End::Lost)),
                },
                State::End(_) => false,
            };
            if !moved {
                return;
            }
        }
    }

    /// Why no more is read; none while more is.
    #[must_use]
    pub fn ended(&self) -> Option<End> {
        match self.state {
            State::End(end) => Some(end),
            _ => None,
        }
    }

    /// Bytes at the front of the stream that are never looked at again; past its end inside a long body.
    #[must_use]
    pub fn consumed(&self) -> usize {
        self.at
    }

    /// The caller dropped `count` bytes, at most [`Self::consumed`], from the front of the stream.
    pub fn forget(&mut self, count: usize) {
        self.at = self.at.saturating_sub(count);
    }

    /// What comes next was not recorded; how many bytes may be passed over, 0 where the framing is lost.
    pub fn lose(&mut self, bodies: &mut dyn Bodies) -> u64 {
        match &mut self.state {
            State::Body(body) => body.lose(bodies),
            _ => 0,
        }
    }

    /// The connection is over; `whole` says that all of the direction was shown.
    pub fn finish(&mut self, whole: bool, bodies: &mut dyn Bodies) {
        if let State::Body(body) = &mut self.state {
            body.finish(whole, bodies);
        }
        self.state = State::End(End::Lost);
    }

    fn head(&mut self, rest: &[u8], requests: Option<&Requests>, all: bool, bodies: &mut dyn Bodies) -> bool {
        let status = match response(rest) {
            Outcome::Found(status) => status,
            Outcome::NeedMore => return false,
            Outcome::No => return self.go(0, State::End(End::Lost)),
        };
        let Some(length) = head::end(rest, &mut self.scanned).filter(|length| *length <= MOST_HEAD) else {
            return rest.len() >= MOST_HEAD && self.go(0, State::End(End::Lost));
        };
        let (head, behind) = rest.split_at(length.min(rest.len()));
        let answered = requests.and_then(|requests| requests.answered(all.then_some(self.responses)));
        let walk = match (status, answered) {
            (101, _) => return self.go(length, State::End(switched(head))),
            (100..=199, _) => return self.go(length, State::Head),
            (200..=299, Some(Answered::WithTunnel)) => return self.go(length, State::End(End::Tunnel)),
            (204 | 304, _) | (_, Some(Answered::WithoutBody)) => Walk::Length(0),
            _ => {
                let fields = Fields::read(head);
                let walk = match fields.response_body() {
                    Body::Length(length) => Walk::Length(length),
                    Body::Chunked => Walk::Size,
                    Body::Unsaid => Walk::Close,
                    Body::Unknown => return self.go(length, State::End(End::Lost)),
                };
                match (answered, response(behind)) {
                    (None, Outcome::Found(_)) => Walk::Length(0),
                    (None, Outcome::NeedMore) if walk != Walk::Length(0) => return false,
                    _ => return self.body(length, Reading::begin(walk, fields.content(), bodies)),
                }
            }
        };
        self.body(length, Reading::begin(walk, Fields::default().content(), bodies))
    }

    fn body(&mut self, head: usize, body: Reading) -> bool {
        self.responses = self.responses.saturating_add(1);
        self.go(head, if body.is_idle() { State::End(End::Body) } else { State::Body(body) })
    }

    fn go(&mut self, bytes: usize, state: State) -> bool {
        self.at = self.at.saturating_add(bytes);
        self.scanned = 0;
        self.state = state;
        true
    }
}

/// What the head of a response changes the protocol to.
fn switched(head: &[u8]) -> End {
    match Fields::read(head).upgrade() {
        Some(protocol) if protocol.eq_ignore_ascii_case(b"h2c") => End::Http2,
        _ => End::Switched,
    }
}

/// The status code of the response at the front of one direction.
#[must_use]
pub fn response(stream: &[u8]) -> Outcome<u16> {
    let fits = |(have, want): (&u8, &u8)| match want {
        b'x' | b'n' => have.is_ascii_digit(),
        _ => have == want,
    };
    if !stream.iter().zip(SHAPE).all(fits) {
        return Outcome::No;
    }
    match stream.get(9..SHAPE.len()) {
        Some(digits) => Outcome::Found(digits.iter().fold(0, |sum, d| sum * 10 + u16::from(d - b'0'))),
        None => Outcome::NeedMore,
    }
}
