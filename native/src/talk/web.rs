//! TLS hellos and HTTP/1, as they come at the front of a direction.

use super::streams::{Step, What};
use crate::flows::key::{Side, other};
use crate::flows::table::Flow;
use crate::recognise::{Outcome, http, tls};

/// The client's hello at the front.
pub(super) fn said_hello(flow: &mut Flow, side: Side, hello: tls::ClientHello) {
    let facts = flow.facts.get_or_insert_default();
    if facts.is("tls") && facts.client.is_none() {
        facts.clear = [Some(false); 2];
        facts.client = Some(Box::new(hello));
        flow.asked_by(side);
    }
}

/// The server's hello at the front: up to TLS 1.2 a certificate may follow.
pub(super) fn answered_hello(flow: &mut Flow, side: Side, hello: tls::ServerHello) -> Step {
    let facts = flow.facts.get_or_insert_default();
    if !facts.is("tls") || facts.server.is_some() {
        return Step::Done;
    }
    facts.clear = [Some(false); 2];
    let shows = hello.shows_certificate();
    facts.server = Some(Box::new(hello));
    flow.asked_by(other(side));
    if shows { Step::Next(What::ServerHello, 0) } else { Step::Done }
}

/// A request at the front.
pub(super) fn asked(flow: &mut Flow, side: Side) -> Step {
    let facts = flow.facts.get_or_insert_default();
    if !facts.is("http") || facts.http.is_some() {
        return Step::Done;
    }
    facts.clear[side] = Some(true);
    facts.http = Some(Box::default());
    flow.asked_by(side);
    Step::Next(What::Requests, 0)
}

/// A response at the front: nothing more is wanted of it, unless it answers CONNECT.
pub(super) fn answered(flow: &mut Flow, side: Side) -> Step {
    let facts = flow.facts.get_or_insert_default();
    if !facts.is("http") {
        return Step::Done;
    }
    facts.clear[side].get_or_insert(true);
    let is_tunnel = facts.http.as_ref().is_some_and(|http| http.tunnels());
    flow.asked_by(other(side));
    if is_tunnel { Step::Next(What::Answers, 0) } else { Step::Done }
}

/// Reads requests on; what was read is consumed, bodies are passed over.
pub(super) fn requests(flow: &mut Flow, side: Side, stream: &[u8]) -> Step {
    let Some(requests) = flow.facts.as_deref_mut().and_then(|facts| facts.http.as_deref_mut()) else {
        return Step::Done;
    };
    requests.read(stream);
    let consumed = requests.consumed();
    requests.forget(consumed);
    if !requests.done() {
        return Step::On(consumed);
    }
    let is_tunnel = requests.tunnels();
    hidden(flow, side, is_tunnel);
    if is_tunnel { Step::Next(What::Tunnel, consumed) } else { Step::Done }
}

/// Reads answers to CONNECT: refusals are passed over, behind the one that agrees the tunnel begins.
pub(super) fn answers(stream: &[u8], scan: &mut http::Scan) -> Step {
    match http::answer(stream, scan) {
        Outcome::Found(http::Answer { status: 200..=299, head, .. }) => Step::Next(What::TunnelBack, head),
        Outcome::Found(http::Answer { head, body: Some(body), .. }) => {
            Step::Next(What::Answers, head.saturating_add(body))
        }
        Outcome::NeedMore => Step::On(0),
        _ => Step::Done,
    }
}

/// What follows is no HTTP/1: a tunnel in both directions, or something else in this one.
fn hidden(flow: &mut Flow, side: Side, is_tunnel: bool) {
    let facts = flow.facts.get_or_insert_default();
    facts.clear[side] = Some(false);
    if is_tunnel {
        facts.clear[other(side)] = Some(false);
    }
}
