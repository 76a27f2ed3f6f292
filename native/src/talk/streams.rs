//! TCP: the front of each direction shown to every recogniser, then to the one that knew it.

use super::dns::ear;
use super::{BUDGET, Context, Facts, Recogniser};
use crate::flows::key::{Side, other};
use crate::flows::table::Flow;
use crate::recognise::{Outcome, dns, http, tls};
use crate::stream::{Read, Window};
use crate::transport::Segment;

/// One direction that is being read.
#[derive(Debug, Default)]
pub(super) struct Way {
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

impl Recogniser {
    pub(super) fn segment(&mut self, mut context: Context<'_>, position: i64, segment: &Segment<'_>) {
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
    pub(super) fn settle(&mut self, flow: &mut Flow, side: Side) {
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
