//! HTTP/1 requests in clear (RFC 9110, RFC 9112).
//!
//! Promises: the hosts of every request whose head lies in the bytes, bodies skipped by their framing; a name is told only from
//! a whole line. Own code rather than `httparse`: an unfinished head must still name its host, and a client must not be able to
//! hide its host behind one line that a strict parser refuses. Refuses: HTTP/0.9, HTTP/2, what follows CONNECT or an upgrade.

mod head;

use super::Outcome;
use head::{Body, Head, Line};

/// Bytes of one request head.
pub const MOST_HEAD: usize = 64 * 1024;
/// Distinct hosts kept of one direction.
pub const MOST_HOSTS: usize = 64;

/// What one direction asked for, read on as its bytes come.
#[derive(Debug, Clone, Default)]
pub struct Requests {
    /// Of the first request.
    pub method: Option<String>,
    /// Target of the first request: path with query; `host:port` for CONNECT; cut at 4,096 bytes.
    pub path: Option<String>,
    /// Host of the first request, without port: from the target where it has one, else from the Host line.
    pub host: Option<String>,
    /// Of the first request, cut at 1,024 bytes.
    pub user_agent: Option<String>,
    /// Every distinct host asked for, in order; one named by a target with its port, where that is not HTTP's own and the
    /// path does not tell it (as it does for a first CONNECT).
    pub hosts: Vec<String>,
    /// More than [`MOST_HOSTS`] hosts were asked for.
    pub hosts_overflow: bool,
    /// A path or user agent was cut, or a host was too long to be one.
    pub text_cut: bool,
    /// Requests whose head was read.
    pub requests: u32,
    at: usize,
    scanned: usize,
    line_fits: bool,
    tunnel: bool,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    /// At, or inside, a request head.
    #[default]
    Head,
    /// At a chunk's size line.
    Chunk,
    /// Inside the trailer lines behind the last chunk.
    Trailer,
    /// Nothing more is read.
    Done,
}

/// How far the search for the end of a head came in a front that is looked at again with more bytes behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scan {
    at: usize,
    scanned: usize,
    line_fits: bool,
}

impl Requests {
    /// Nothing was read yet, but the front of the stream was searched as far as `scan` came.
    #[must_use]
    pub fn after(scan: Scan) -> Self {
        let Scan { at, scanned, line_fits } = scan;
        Self { at, scanned, line_fits, ..Self::default() }
    }

    /// How far the search came.
    #[must_use]
    pub fn scan(&self) -> Scan {
        Scan { at: self.at, scanned: self.scanned, line_fits: self.line_fits }
    }

    /// Reads on. `stream` is the same bytes as the last time (but for [`Self::forget`]) and what came behind them; the cost is linear in all.
    ///
    /// `No`: not HTTP/1 from the first byte. `Found`: at least one request is known.
    pub fn read(&mut self, stream: &[u8]) -> Outcome<()> {
        while self.state != State::Done && self.step(stream) {}
        if self.requests > 0 {
            Outcome::Found(())
        } else if self.state == State::Done {
            Outcome::No
        } else {
            Outcome::NeedMore
        }
    }

    /// The stream gives no more bytes: takes what stands in an unfinished head. True if a request is known.
    pub fn finish(&mut self, stream: &[u8]) -> bool {
        if self.state == State::Head {
            let rest = stream.get(self.at..).unwrap_or_default();
            let whole_lines = rest.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
            if let Some(head) = Head::read(rest.get(..whole_lines).unwrap_or_default()) {
                self.take(&head);
            }
        }
        self.state = State::Done;
        self.requests > 0
    }

    /// Whether no more requests can come.
    #[must_use]
    pub fn done(&self) -> bool {
        self.state == State::Done
    }

    /// Whether the last request was CONNECT: what follows its head runs in a tunnel, if the proxy agrees.
    #[must_use]
    pub fn tunnels(&self) -> bool {
        self.tunnel
    }

    /// Requests come again where none were expected: behind a CONNECT that was refused, or inside its tunnel.
    pub fn resume(&mut self) {
        self.tunnel = false;
        self.go(0, State::Head);
    }

    /// Bytes at the front of the stream that are never looked at again; past its end inside a long body.
    #[must_use]
    pub fn consumed(&self) -> usize {
        self.at
    }

    /// The caller dropped `count` bytes, at most [`Self::consumed`], from the front of the stream: positions move with it.
    pub fn forget(&mut self, count: usize) {
        self.at = self.at.saturating_sub(count);
    }

    /// One step forward; false where more bytes are needed.
    fn step(&mut self, stream: &[u8]) -> bool {
        let Some(rest) = stream.get(self.at..) else { return false };
        match self.state {
            State::Head => self.head(rest),
            State::Chunk => self.chunk(rest),
            State::Trailer => self.trailer(rest),
            State::Done => false,
        }
    }

    fn head(&mut self, rest: &[u8]) -> bool {
        if rest.starts_with(b"\r\n") {
            return self.go(2, State::Head);
        }
        if rest == b"\r" || rest.is_empty() {
            return false;
        }
        match self.line(rest) {
            Line::Fits => {}
            Line::Short if rest.len() < MOST_HEAD => return false,
            _ => return self.go(0, State::Done),
        }
        let Some(length) = head::end(rest, &mut self.scanned) else {
            return rest.len() >= MOST_HEAD && self.head_too_long(rest);
        };
        let Some(head) = rest.get(..length).and_then(Head::read) else { return self.go(0, State::Done) };
        self.take(&head);
        match head.body() {
            Body::Length(body) => self.go(length.saturating_add(body), State::Head),
            Body::Chunked => self.go(length, State::Chunk),
            Body::Unknown => self.go(length, State::Done),
        }
    }

    /// Looks at the request line once, and at new bytes only.
    fn line(&mut self, rest: &[u8]) -> Line {
        if self.line_fits {
            return Line::Fits;
        }
        let line = head::front(rest, self.scanned);
        self.line_fits = line == Line::Fits;
        if line == Line::Short {
            self.scanned = rest.len();
        }
        line
    }

    fn head_too_long(&mut self, rest: &[u8]) -> bool {
        self.text_cut = true;
        if let Some(head) = rest.get(..MOST_HEAD).and_then(Head::read) {
            self.take(&head);
        }
        self.go(0, State::Done)
    }

    fn chunk(&mut self, rest: &[u8]) -> bool {
        match head::chunk(rest) {
            head::Chunk::Data(whole) => self.go(whole, State::Chunk),
            head::Chunk::Last(line) => self.go(line, State::Trailer),
            head::Chunk::Short => false,
            head::Chunk::No => self.go(0, State::Done),
        }
    }

    fn trailer(&mut self, rest: &[u8]) -> bool {
        match rest.iter().position(|b| *b == b'\n') {
            Some(end) if rest.get(..end).is_some_and(|line| matches!(line, b"" | b"\r")) => {
                self.go(end + 1, State::Head)
            }
            Some(end) => self.go(end + 1, State::Trailer),
            None if rest.len() >= head::MOST_CHUNK_LINE => self.go(0, State::Done),
            None => false,
        }
    }

    fn go(&mut self, bytes: usize, state: State) -> bool {
        self.at = self.at.saturating_add(bytes);
        self.scanned = 0;
        self.line_fits = false;
        self.state = state;
        true
    }

    fn take(&mut self, head: &Head<'_>) {
        self.tunnel = head.is_connect();
        if self.requests == 0 {
            self.method = Some(head.method_text());
            self.path = Some(head.path_text());
            self.user_agent = head.user_agent_text();
            self.host = head.hosts().next().and_then(Result::ok);
            self.text_cut |= head.long();
        }
        let in_path = self.requests == 0 && head.is_connect();
        self.requests = self.requests.saturating_add(1);
        if in_path {
            head.hosts().for_each(|host| self.asked(host));
        } else {
            head.asked().for_each(|host| self.asked(host));
        }
    }

    fn asked(&mut self, host: Result<String, head::TooLong>) {
        match host {
            Ok(host) => self.add(host),
            Err(head::TooLong) => self.text_cut = true,
        }
    }

    fn add(&mut self, host: String) {
        if self.hosts.contains(&host) {
            return;
        }
        if self.hosts.len() == MOST_HOSTS {
            self.hosts_overflow = true;
        } else {
            self.hosts.push(host);
        }
    }
}

/// The status code of the response at the front of one direction.
#[must_use]
pub fn response(stream: &[u8]) -> Outcome<u16> {
    const SHAPE: &[u8] = b"HTTP/1.x nnn";
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

/// The head of a response, and how much follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Bytes of the head.
    pub head: usize,
    /// Bytes of the body, where the head says how many: none for 1xx, 204 and 304.
    pub body: Option<usize>,
}

/// The whole head of the response at the front of one direction, which was searched as far as `scan` came.
#[must_use]
pub fn answer(stream: &[u8], scan: &mut Scan) -> Outcome<Answer> {
    let status = match response(stream) {
        Outcome::Found(status) => status,
        Outcome::NeedMore => return Outcome::NeedMore,
        Outcome::No => return Outcome::No,
    };
    let Some(length) = head::end(stream, &mut scan.scanned).filter(|length| *length <= MOST_HEAD) else {
        return if stream.len() < MOST_HEAD { Outcome::NeedMore } else { Outcome::No };
    };
    let body = match status {
        100..=199 | 204 | 304 => Some(0),
        _ => stream.get(..length).and_then(head::answer_body),
    };
    Outcome::Found(Answer { status, head: length, body })
}

#[cfg(test)]
mod tests;
