//! What runs through a proxy: SOCKS up to its tunnel, then TLS, or HTTP in clear, as it does inside CONNECT.

use super::Facts;
use super::streams::{Step, What};
use crate::flows::key::{Side, other};
use crate::flows::table::Flow;
use crate::recognise::{Outcome, http, socks, tls};

/// A SOCKS request of `length` bytes, greeting and authentication with it.
pub(super) fn asked(flow: &mut Flow, side: Side, request: socks::Request, length: usize) -> Step {
    let facts = flow.facts.get_or_insert_default();
    if !facts.is("socks") || facts.socks.is_some() {
        return Step::Done;
    }
    facts.socks = Some(Box::new(request));
    flow.asked_by(side);
    Step::Next(What::Tunnel, length)
}

/// A SOCKS proxy's answers at the front; by themselves they say too little to be taken for that.
pub(super) fn answer(flow: &Flow, stream: &[u8]) -> Outcome<usize> {
    let is_asked = flow.facts.as_ref().is_some_and(|facts| facts.app == Some("socks"));
    match socks::answer(stream) {
        told if is_asked => told,
        // The method is chosen before the request is made.
        Outcome::NeedMore if stream.first() == Some(&5) => Outcome::NeedMore,
        _ => Outcome::No,
    }
}

/// The client's side of a tunnel: TLS, another request to a proxy that refused the first, or requests in clear.
pub(super) fn there(flow: &mut Flow, side: Side, stream: &[u8], scan: &mut http::Scan) -> Step {
    let hello = tls::client_hello(stream);
    if let Outcome::Found(hello) = hello {
        said(flow.facts.get_or_insert_default(), hello);
        return Step::Sealed(None);
    }
    let mut first = http::Requests::after(*scan);
    let request = first.read(stream, &mut http::Nobody);
    *scan = first.scan();
    match request {
        Outcome::Found(()) => requests(flow, side),
        Outcome::NeedMore => Step::On(0),
        Outcome::No if hello == Outcome::NeedMore => Step::Wait(tls::wanted(stream)),
        Outcome::No => Step::Done,
    }
}

/// The server's side of a tunnel: TLS, or nothing of interest.
pub(super) fn back(flow: &mut Flow, stream: &[u8]) -> Step {
    match tls::server_hello(stream) {
        Outcome::Found(hello) => {
            let facts = flow.facts.get_or_insert_default();
            facts.clear = [Some(false); 2];
            let shows = hello.shows_certificate();
            facts.server.get_or_insert_with(|| Box::new(hello));
            Step::Sealed(shows.then_some(What::ServerHello))
        }
        Outcome::NeedMore => Step::Wait(tls::wanted(stream)),
        Outcome::No => Step::Done,
    }
}

/// The last word on a tunnel's front that never became whole; true if it is TLS.
pub(super) fn unfinished(facts: &mut Facts, front: &[u8]) -> bool {
    let hello = tls::client_hello_cut(front).filter(|_| !front.is_empty());
    let is_hello = hello.is_some();
    hello.into_iter().for_each(|hello| said(facts, hello));
    is_hello
}

pub(super) fn said(facts: &mut Facts, hello: tls::ClientHello) {
    facts.clear = [Some(false); 2];
    facts.client.get_or_insert_with(|| Box::new(hello));
}

/// The requests go on, in clear.
fn requests(flow: &mut Flow, side: Side) -> Step {
    let facts = flow.facts.get_or_insert_default();
    facts.http.get_or_insert_default().resume();
    facts.clear[side] = Some(true);
    if facts.clear[other(side)] == Some(false) {
        facts.clear[other(side)] = Some(true);
    }
    Step::Next(What::Requests, 0)
}
