//! HTTP/1 requests in clear (RFC 9110, RFC 9112).
//!
//! Promises: the hosts of every request whose head lies in the bytes, bodies skipped by their framing; a name is told only from
//! a whole line. Own code rather than `httparse`: an unfinished head must still name its host, and a client must not be able to
//! hide its host behind one line that a strict parser refuses. Refuses: HTTP/0.9, HTTP/2, what follows CONNECT or an upgrade.

mod body;
mod head;
mod responses;
mod ssdp;

use std::collections::VecDeque;

use super::Outcome;
pub use body::{Bodies, Content, Nobody};
use body::{Moved, Reading, Walk};
pub use head::{Answered, asks};
use head::{Body, Head, Line};
pub use responses::{End, Responses, response};
pub use ssdp::{Ssdp, ssdp};

/// Bytes of one request head.
pub const MOST_HEAD: usize = 64 * 1024;
/// Distinct hosts kept of one direction.
pub const MOST_HOSTS: usize = 64;
/// Requests remembered whose answers are framed in a way of their own.
const MOST_ODD: usize = 64;

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
    upgrade: bool,
    /// Requests whose answers are framed in a way of their own, by number; all from `sure` on.
    odd: VecDeque<(u32, Answered)>,
    sure: u32,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    /// At, or inside, a request head.
    #[default]
    Head,
    /// Inside a body.
    Body(Reading),
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
    /// `bodies` gets the content of the requests.
    pub fn read(&mut self, stream: &[u8], bodies: &mut dyn Bodies) -> Outcome<()> {
        while self.state != State::Done && self.step(stream, bodies) {}
        if self.requests > 0 {
            Outcome::Found(())
        } else if self.state == State::Done {
            Outcome::No
        } else {
            Outcome::NeedMore
        }
    }

    /// A request that was read elsewhere: in HTTP/2, whose `:authority` is the first of the hosts.
    pub fn told(&mut self, method: &[u8], target: &[u8], hosts: [Option<&[u8]>; 2], user_agent: Option<&[u8]>) {
        self.take(&Head::of(method, target, hosts, user_agent));
    }

    /// What comes next was not recorded; how many bytes may be passed over, 0 where the framing is lost.
    pub fn lose(&mut self, bodies: &mut dyn Bodies) -> u64 {
        match &mut self.state {
            State::Body(body) => body.lose(bodies),
            _ => 0,
        }
    }

    /// The stream gives no more bytes: takes what stands in an unfinished head. True if a request is known.
    pub fn finish(&mut self, stream: &[u8], bodies: &mut dyn Bodies) -> bool {
        if let State::Body(body) = &mut self.state {
            body.finish(false, bodies);
        }
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

    /// Whether a change of protocol was offered: what follows an answer that agrees is no HTTP/1.
    #[must_use]
    pub fn offers_another(&self) -> bool {
        self.upgrade
    }

    /// How the answer to a request is framed, by the request's number from 0; by what was asked last where that is not
    /// known. None where the request was not seen.
    #[must_use]
    pub fn answered(&self, number: Option<u32>) -> Option<Answered> {
        let Some(number) = number else { return self.tunnel.then_some(Answered::WithTunnel) };
        let odd = || self.odd.iter().find(|(other, _)| *other == number).map_or(Answered::Plainly, |(_, odd)| *odd);
        (self.sure..self.requests).contains(&number).then(odd)
    }

    fn remember(&mut self, answered: Answered) {
        if self.odd.len() == MOST_ODD {
            self.sure = self.odd.pop_front().map_or(self.sure, |(number, _)| number + 1);
        }
        self.odd.push_back((self.requests, answered));
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
    fn step(&mut self, stream: &[u8], bodies: &mut dyn Bodies) -> bool {
        let Some(rest) = stream.get(self.at..) else { return false };
        match &mut self.state {
            State::Head => self.head(rest, bodies),
            State::Body(body) => match body.read(rest, bodies) {
                Moved::On(length) => self.go(length, self.state),
                Moved::Over(length) => self.go(length, State::Head),
                Moved::Short => false,
                Moved::No => self.go(0, State::Done),
            },
            State::Done => false,
        }
    }

    fn head(&mut self, rest: &[u8], bodies: &mut dyn Bodies) -> bool {
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
        let walk = match head.fields.request_body() {
            _ if self.tunnel => return self.go(length, State::Done),
            Body::Unsaid => Walk::Length(0),
            Body::Length(body) => Walk::Length(body),
            Body::Chunked => Walk::Size,
            Body::Unknown => return self.go(length, State::Done),
        };
        let body = Reading::begin(walk, head.fields.content(), bodies);
        self.go(length, State::Body(body))
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

    fn go(&mut self, bytes: usize, state: State) -> bool {
        self.at = self.at.saturating_add(bytes);
        self.scanned = 0;
        self.line_fits = false;
        self.state = state;
        true
    }

    fn take(&mut self, head: &Head<'_>) {
        let answered = head.answered();
        self.tunnel = answered == Answered::WithTunnel;
        self.upgrade |= head.fields.upgrade().is_some();
        if answered != Answered::Plainly {
            self.remember(answered);
        }
        if self.requests == 0 {
            self.method = Some(head.method_text());
            self.path = Some(head.path_text());
            self.user_agent = head.user_agent_text();
            self.host = head.hosts().next().and_then(Result::ok);
            self.text_cut |= head.long();
        }
        let in_path = self.requests == 0 && self.tunnel;
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

#[cfg(test)]
mod tests;
