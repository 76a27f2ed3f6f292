//! What conversations speak: each direction's first bytes shown to the recognisers until one knows them or all refuse.
//!
//! DNS is read to the end of its conversation, HTTP/1 to its last request; TLS is done with its hellos. What waits in
//! all conversations together is bounded; a direction that cannot wait is given up and counted.

use std::collections::BTreeMap;

use crate::coverage::Rowless;
use crate::flows::key::{HIGH, LOW, Side, other};
use crate::flows::table::{Flow, Place};
use crate::lookups::{Ends, Lookup, Pairing, Seen, Transport};
use crate::recognise::dns::{self, Ear};
use crate::recognise::{Outcome, http, tls};
use crate::stream::{Read, Window};
use crate::transport::{Segment, TCP, UDP};

/// Bytes that may wait in all conversations together.
const BUDGET: usize = 64 << 20;
/// Datagrams shown to the DNS reader before a conversation counts as something else.
const TRIES: u8 = 6;
/// DNS questions that may wait for an answer.
const OPEN_QUESTIONS: usize = 65_536;
/// Stands for "no time" where a number is needed.
pub const NO_TIME: i64 = i64::MIN;

/// What was recognised of a conversation.
#[derive(Debug, Default)]
pub struct Facts {
    /// `tls`, `http` or `dns`.
    pub app: Option<&'static str>,
    /// Whether the payload of each end was read in clear; none where it was not recognised.
    pub clear: [Option<bool>; 2],
    /// The client's hello.
    pub client: Option<Box<tls::ClientHello>>,
    /// The server's hello.
    pub server: Option<Box<tls::ServerHello>>,
    /// What was asked for over HTTP/1.
    pub http: Option<Box<http::Requests>>,
}

impl Facts {
    /// Takes the conversation for `app`; false when it was taken for another.
    fn is(&mut self, app: &'static str) -> bool {
        *self.app.get_or_insert(app) == app
    }
}

/// How far the recognition of a conversation is.
#[derive(Debug, Default)]
pub struct Talk {
    ways: [Option<Box<Way>>; 2],
    settled: [bool; 2],
    tries: u8,
}

/// One direction that is being read.
#[derive(Debug, Default)]
struct Way {
    window: Window,
    what: What,
}

/// What a direction is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum What {
    #[default]
    Unknown,
    Requests,
    Dns,
}

/// The recognition of all conversations, and the lookups found on the way.
#[derive(Debug)]
pub struct Recogniser {
    pairing: Pairing,
    rows: Vec<Lookup>,
    held: usize,
    limits: BTreeMap<&'static str, u64>,
}

impl Default for Recogniser {
    fn default() -> Self {
        Self { pairing: Pairing::new(OPEN_QUESTIONS), rows: Vec::new(), held: 0, limits: BTreeMap::new() }
    }
}

/// What one reading of a direction needs beside its bytes.
struct Context<'a> {
    flow: &'a mut Flow,
    side: Side,
    place: Place,
}

impl Recogniser {
    /// Shows a packet's payload, which lies at `position` of its direction, to the recognisers.
    #[inline]
    pub fn take(&mut self, flow: &mut Flow, side: Side, place: Place, position: i64, segment: &Segment<'_>) {
        if segment.length == 0 || flow.talk.settled[side] {
            return;
        }
        match flow.key.proto {
            TCP if segment.tcp.is_some() => self.segment(Context { flow, side, place }, position, segment),
            UDP if !segment.payload.is_empty() => self.datagram(Context { flow, side, place }, segment),
            _ => {}
        }
    }

    /// Reads what is left of a conversation that is over.
    pub fn finish(&mut self, flow: &mut Flow) {
        for side in [LOW, HIGH] {
            self.settle(flow, side);
        }
        if let Some(requests) = flow.facts.as_deref().and_then(|facts| facts.http.as_deref()) {
            self.note("http_hosts", u64::from(requests.hosts_overflow));
            self.note("http_text", u64::from(requests.text_cut));
        }
    }

    /// How many lookups wait to be taken.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The lookups found since the last call.
    pub fn lookups(&mut self) -> Vec<Lookup> {
        std::mem::take(&mut self.rows)
    }

    /// The lookups that still wait for an answer, the limits that were hit, and messages without a row.
    pub fn end(mut self) -> (Vec<Lookup>, BTreeMap<&'static str, u64>, Rowless) {
        self.pairing.finish(&mut self.rows);
        self.note("dns_open_questions", self.pairing.evicted());
        self.note("dns_answers", self.pairing.overflowed());
        let rowless = Rowless {
            repeated: self.pairing.repeated(),
            other_opcodes: self.pairing.other_opcodes(),
            nameless: self.pairing.nameless(),
        };
        (self.rows, self.limits, rowless)
    }

    fn note(&mut self, limit: &'static str, count: u64) {
        if count > 0 {
            *self.limits.entry(limit).or_default() += count;
        }
    }

    fn segment(&mut self, mut context: Context<'_>, position: i64, segment: &Segment<'_>) {
        let side = context.side;
        let mut way = context.flow.talk.ways[side].take().unwrap_or_default();
        if context.flow.sums[side].tcp.is_from_start() {
            way.window.begin();
        }
        let before = way.window.held();
        let what = &mut way.what;
        let mut done = false;
        let goes_on = way.window.push(position, segment.payload, segment.length, &mut |stream| {
            let read = self.read(&mut context, what, stream);
            done |= read == Read::Done;
            read
        });
        self.held = self.held + way.window.held() - before;
        let room = self.held <= BUDGET;
        self.note("stream_budget", u64::from(!room));
        self.note("stream_gaps", u64::from(!goes_on && !done && what_is_lost(way.what)));
        context.flow.talk.ways[side] = Some(way);
        if done || !goes_on || !room {
            self.settle(context.flow, side);
        }
    }

    /// Ends the reading of a direction; what stands unfinished is taken for what it is worth.
    fn settle(&mut self, flow: &mut Flow, side: Side) {
        flow.talk.settled[side] = true;
        let Some(way) = flow.talk.ways[side].take() else { return };
        self.held -= way.window.held();
        let front = way.window.front();
        match (way.what, flow.facts.as_deref_mut()) {
            (What::Unknown, None) if !front.is_empty() => unfinished(flow, side, front),
            (What::Requests, Some(Facts { http: Some(requests), .. })) => _ = requests.finish(front),
            _ => {}
        }
    }

    fn read(&mut self, context: &mut Context<'_>, what: &mut What, stream: &[u8]) -> Read {
        if *what == What::Unknown {
            match begin(context.flow, context.side, stream) {
                Begun::Wait => return Read::On(0),
                Begun::Done => return Read::Done,
                Begun::As(found) => *what = found,
            }
        }
        match what {
            What::Requests => requests(context.flow, context.side, stream),
            _ => self.frames(context, stream),
        }
    }

    /// Reads DNS messages, each behind its length (RFC 1035 4.2.2).
    fn frames(&mut self, context: &mut Context<'_>, stream: &[u8]) -> Read {
        let mut at = 0;
        loop {
            match dns::tcp_frame(&stream[at..]) {
                Outcome::NeedMore => return Read::On(at as u64),
                Outcome::No => return Read::Done,
                Outcome::Found((message, length)) => {
                    at += length;
                    let known = context.flow.facts.as_ref().is_some_and(|facts| facts.app.is_some());
                    if !self.message(context, message, true) && !known {
                        return Read::Done;
                    }
                }
            }
        }
    }

    fn datagram(&mut self, mut context: Context<'_>, segment: &Segment<'_>) {
        let whole = segment.payload.len() == segment.length as usize;
        let known = context.flow.facts.is_some() || ear(context.flow) == Ear::DnsPort;
        let is_dns = self.message(&mut context, segment.payload, whole);
        if known || is_dns {
            return;
        }
        let talk = &mut context.flow.talk;
        talk.tries += 1;
        talk.settled = [talk.tries >= TRIES; 2];
    }

    /// Reads one DNS message; false when it is none.
    fn message(&mut self, context: &mut Context<'_>, bytes: &[u8], whole: bool) -> bool {
        let Context { flow, side, place } = context;
        let ear = ear(flow);
        let Some(message) = dns::message(bytes, whole, ear) else {
            self.note("dns_unreadable", u64::from(ear == Ear::DnsPort));
            return false;
        };
        let facts = flow.facts.get_or_insert_default();
        if !facts.is("dns") {
            return false;
        }
        facts.clear[*side] = Some(true);
        let (src, dst) = (flow.key.port(*side), flow.key.port(other(*side)));
        let transport = Transport::of(flow.key.proto, src, dst);
        if matches!(transport, Transport::Udp | Transport::Tcp) {
            flow.asked_by(if message.response { other(*side) } else { *side });
        }
        let ends = Ends { src: (flow.key.ip(*side), src), dst: (flow.key.ip(other(*side)), dst) };
        let seen = Seen { time: place.time.unwrap_or(NO_TIME), record: place.record, offset: place.offset };
        self.pairing.take(message, ends, transport, seen, &mut self.rows);
        true
    }
}

fn ear(flow: &Flow) -> Ear {
    Ear::of(flow.key.port(LOW), flow.key.port(HIGH))
}

fn what_is_lost(what: What) -> bool {
    what != What::Unknown
}

/// What the front of a direction turned out to be.
enum Begun {
    Wait,
    Done,
    As(What),
}

/// Tries each protocol on the front of a direction.
fn begin(flow: &mut Flow, side: Side, stream: &[u8]) -> Begun {
    let hello = tls::client_hello(stream);
    if let Outcome::Found(hello) = hello {
        said_hello(flow, side, hello);
        return Begun::Done;
    }
    let mut first = http::Requests::default();
    let request = first.read(stream);
    if request == Outcome::Found(()) {
        return asked_http(flow, side);
    }
    let answer = tls::server_hello(stream);
    if let Outcome::Found(hello) = answer {
        answered_hello(flow, side, hello);
        return Begun::Done;
    }
    let response = http::response(stream);
    if let Outcome::Found(_) = response {
        answered_http(flow, side);
        return Begun::Done;
    }
    let frame = dns::tcp_front(stream, ear(flow));
    if frame == Outcome::Found(()) && flow.facts.as_ref().is_none_or(|facts| facts.app == Some("dns")) {
        return Begun::As(What::Dns);
    }
    let open = [
        hello == Outcome::NeedMore,
        request == Outcome::NeedMore,
        answer == Outcome::NeedMore,
        response == Outcome::NeedMore,
        frame == Outcome::NeedMore,
    ];
    if open.contains(&true) { Begun::Wait } else { Begun::Done }
}

fn said_hello(flow: &mut Flow, side: Side, hello: tls::ClientHello) {
    let facts = flow.facts.get_or_insert_default();
    if facts.is("tls") && facts.client.is_none() {
        facts.clear = [Some(false); 2];
        facts.client = Some(Box::new(hello));
        flow.asked_by(side);
    }
}

fn answered_hello(flow: &mut Flow, side: Side, hello: tls::ServerHello) {
    let facts = flow.facts.get_or_insert_default();
    if facts.is("tls") && facts.server.is_none() {
        facts.clear = [Some(false); 2];
        facts.server = Some(Box::new(hello));
        flow.asked_by(other(side));
    }
}

fn asked_http(flow: &mut Flow, side: Side) -> Begun {
    let facts = flow.facts.get_or_insert_default();
    if !facts.is("http") || facts.http.is_some() {
        return Begun::Done;
    }
    facts.clear[side] = Some(true);
    facts.http = Some(Box::default());
    flow.asked_by(side);
    Begun::As(What::Requests)
}

fn answered_http(flow: &mut Flow, side: Side) {
    let facts = flow.facts.get_or_insert_default();
    if facts.is("http") {
        facts.clear[side].get_or_insert(true);
        flow.asked_by(other(side));
    }
}

/// Reads requests on; what was read is consumed, bodies are passed over.
fn requests(flow: &mut Flow, side: Side, stream: &[u8]) -> Read {
    let Some(requests) = flow.facts.as_deref_mut().and_then(|facts| facts.http.as_deref_mut()) else {
        return Read::Done;
    };
    requests.read(stream);
    if requests.done() {
        hidden(flow, side);
        return Read::Done;
    }
    let consumed = requests.consumed();
    requests.forget(consumed);
    Read::On(consumed as u64)
}

/// What follows is no HTTP/1: a tunnel behind CONNECT, in both directions, or something else in this one.
fn hidden(flow: &mut Flow, side: Side) {
    let facts = flow.facts.get_or_insert_default();
    let is_tunnel = facts.http.as_ref().is_some_and(|http| http.method.as_deref() == Some("CONNECT"));
    facts.clear[side] = Some(false);
    if is_tunnel {
        facts.clear[other(side)] = Some(false);
    }
}

/// The last word on a front that never became whole.
fn unfinished(flow: &mut Flow, side: Side, front: &[u8]) {
    if let Some(hello) = tls::client_hello_cut(front) {
        return said_hello(flow, side, hello);
    }
    let mut requests = http::Requests::default();
    requests.read(front);
    if requests.finish(front) && matches!(asked_http(flow, side), Begun::As(_)) {
        flow.facts.get_or_insert_default().http = Some(Box::new(requests));
    }
}
