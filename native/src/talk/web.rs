//! TLS hellos and HTTP/1, as they come at the front of a direction.

use super::Facts;
use super::exchange::{bodies, doubt};
use super::streams::{Step, What};
use crate::flows::key::{Side, other};
use crate::flows::table::Flow;
use crate::recognise::http::{End, Nobody, Responses, Ssdp};
use crate::recognise::{Outcome, http, http2, tls};
use crate::transport::Segment;

/// Segments of a direction joined late that are looked at for a message to begin.
const MOST_LOOKED: u8 = 64;

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
pub(super) fn asked(flow: &mut Flow, side: Side, digests: bool) -> Step {
    let facts = flow.facts.get_or_insert_default();
    if !facts.is("http") || facts.http.is_some() {
        return Step::Done;
    }
    facts.clear[side] = Some(true);
    facts.http = Some(Box::default());
    if digests {
        facts.exchange.get_or_insert_default().take_digests(side);
    }
    flow.asked_by(side);
    Step::Next(What::Requests, 0)
}

/// A response at the front: nothing more is wanted of it, unless what follows depends on it or is to be digested.
pub(super) fn answered(flow: &mut Flow, side: Side, digests: bool) -> Step {
    let facts = flow.facts.get_or_insert_default();
    if !facts.is("http") {
        return Step::Done;
    }
    facts.clear[side].get_or_insert(true);
    let is_more = digests || facts.http.as_ref().is_some_and(|http| http.tunnels() || http.offers_another());
    if digests {
        facts.exchange.get_or_insert_default().take_digests(side);
    }
    flow.asked_by(other(side));
    if is_more { Step::Next(What::Responses, 0) } else { Step::Done }
}

/// Whether a direction was joined inside something that nobody knew, with nothing told by the other.
pub(super) fn may_begin_late(flow: &Flow, side: Side) -> bool {
    !flow.sums[side].tcp.is_from_start() && flow.facts.as_ref().is_none_or(|facts| facts.app == Some("http"))
}

/// Whether a segment begins with a message, in such a direction.
pub(super) fn begins_late(flow: &Flow, side: Side, segment: &Segment<'_>) -> bool {
    may_begin_late(flow, side) && (is_request(segment.payload) || is_response(segment.payload))
}

/// Looks at a segment of such a direction: a message that begins it, whole, is certain enough.
pub(super) fn midstream(flow: &mut Flow, side: Side, stream: &[u8], looked: u8, digests: bool) -> Step {
    let exchange = flow.facts.as_ref().and_then(|facts| facts.exchange.as_ref());
    let client = exchange.and_then(|exchange| exchange.lost_of);
    if client != Some(other(side)) && is_request(stream) {
        return if client.is_some() { Step::Next(What::Requests, 0) } else { asked(flow, side, digests) };
    }
    if client != Some(side) && is_response(stream) {
        return answered(flow, side, digests);
    }
    if looked == MOST_LOOKED { Step::Done } else { Step::Next(What::Midstream(looked + 1), stream.len()) }
}

/// Messages of `side` cannot be told apart any more: they are read on from where one surely begins, and answers are matched
/// to the requests of `client` no longer.
pub(super) fn lost(flow: &mut Flow, side: Side, client: Side) {
    doubt(flow, side);
    let Some(facts) = flow.facts.as_deref_mut() else { return };
    let exchange = facts.exchange.get_or_insert_default();
    exchange.lost_of = Some(client);
    if client != side {
        exchange.responses = Responses::default();
    } else if let Some(requests) = &mut facts.http {
        requests.resume();
    }
}

fn is_request(segment: &[u8]) -> bool {
    http::Requests::default().read(segment, &mut Nobody) == Outcome::Found(())
}

fn is_response(segment: &[u8]) -> bool {
    matches!(http::response(segment), Outcome::Found(_)) && segment.windows(4).any(|end| end == b"\r\n\r\n")
}

/// Reads requests on; what was read is consumed, bodies are digested or passed over.
pub(super) fn requests(flow: &mut Flow, side: Side, stream: &[u8]) -> Step {
    let Some(facts) = flow.facts.as_deref_mut() else { return Step::Done };
    let Facts { http: Some(requests), exchange, .. } = facts else { return Step::Done };
    requests.read(stream, bodies(exchange, side, &mut Nobody));
    let consumed = requests.consumed();
    requests.forget(consumed);
    if !requests.done() {
        return Step::On(consumed);
    }
    let is_tunnel = requests.tunnels();
    let rest = stream.get(consumed..).unwrap_or_default();
    if !(is_tunnel || rest.is_empty() || http2::preface(rest) == Outcome::No) {
        return Step::Next(What::Frames, consumed);
    }
    hidden(flow, side, is_tunnel);
    if is_tunnel {
        return Step::Next(What::Tunnel, consumed);
    }
    lost(flow, side, side);
    Step::Next(What::Midstream(1), consumed.max(stream.len()))
}

/// Reads responses on: refusals of CONNECT are passed over, behind the one that agrees the tunnel begins.
pub(super) fn responses(flow: &mut Flow, side: Side, stream: &[u8]) -> Step {
    let all = flow.sums.iter().all(|sum| sum.tcp.is_from_start());
    let facts = flow.facts.get_or_insert_default();
    let exchange = facts.exchange.get_or_insert_default();
    let all = all && exchange.lost_of.is_none();
    let mut responses = std::mem::take(&mut exchange.responses);
    responses.read(stream, facts.http.as_deref(), all, bodies(&mut facts.exchange, side, &mut Nobody));
    let (consumed, ended) = (responses.consumed(), responses.ended());
    responses.forget(consumed);
    facts.exchange.get_or_insert_default().responses = responses;
    match ended {
        None => Step::On(consumed),
        Some(End::Tunnel) => Step::Next(What::TunnelBack, consumed),
        Some(End::Switched) => {
            hidden(flow, side, true);
            Step::Done
        }
        Some(End::Body) => Step::Done,
        Some(End::Http2) => Step::Next(What::Frames, consumed),
        Some(End::Lost) => {
            lost(flow, side, other(side));
            Step::Next(What::Midstream(1), consumed.max(stream.len()))
        }
    }
}

/// Whether a direction begins as HTTP/2 does; the server's by itself says too little to be taken for that.
pub(super) fn preface(flow: &Flow, stream: &[u8]) -> Outcome<()> {
    let is_asked = flow.facts.as_ref().is_some_and(|facts| facts.app == Some("http"));
    match (http2::preface(stream), http2::settings(stream)) {
        (Outcome::No, Outcome::Found(())) if is_asked => Outcome::Found(()),
        (Outcome::No, Outcome::Found(()) | Outcome::NeedMore) => Outcome::NeedMore,
        (told, _) => told,
    }
}

/// HTTP/2 at the front, with prior knowledge.
pub(super) fn framed(flow: &mut Flow, side: Side, stream: &[u8], digests: bool) -> Step {
    let is_client = http2::preface(stream) == Outcome::Found(());
    let facts = flow.facts.get_or_insert_default();
    if !facts.is("http") || (is_client && facts.http.is_some()) {
        return Step::Done;
    }
    facts.clear[side] = Some(true);
    if is_client {
        facts.http = Some(Box::default());
    }
    if digests {
        facts.exchange.get_or_insert_default().take_digests(side);
    }
    flow.asked_by(if is_client { side } else { other(side) });
    if is_client || digests { Step::Next(What::Frames, 0) } else { Step::Done }
}

/// Reads frames of HTTP/2 on.
pub(super) fn frames(flow: &mut Flow, side: Side, stream: &[u8]) -> Step {
    let facts = flow.facts.get_or_insert_default();
    let mut frames = facts.exchange.get_or_insert_default().frames[side].take().unwrap_or_default();
    frames.read(stream, facts.http.as_deref_mut(), bodies(&mut facts.exchange, side, &mut Nobody));
    let (consumed, done) = (frames.consumed(), frames.done());
    frames.forget(consumed);
    facts.exchange.get_or_insert_default().frames[side] = Some(frames);
    if !done {
        return Step::On(consumed);
    }
    doubt(flow, side);
    Step::Done
}

/// A datagram of SSDP; false where the conversation was taken for something else.
pub(super) fn announced(flow: &mut Flow, side: Side, datagram: &[u8]) -> bool {
    if flow.facts.is_some() {
        return false;
    }
    let Some(said) = http::ssdp(datagram) else { return false };
    let mut facts = Facts { app: Some("ssdp"), ..Facts::default() };
    facts.clear[side] = Some(true);
    let client = match said {
        Ssdp::Request(requests) => {
            facts.http = Some(requests);
            side
        }
        Ssdp::Answer => other(side),
    };
    flow.facts = Some(Box::new(facts));
    flow.asked_by(client);
    true
}

/// What follows is not read: a tunnel or another protocol in both directions, or something else in this one.
fn hidden(flow: &mut Flow, side: Side, both: bool) {
    let sides = if both { [side, other(side)] } else { [side; 2] };
    for side in sides {
        flow.facts.get_or_insert_default().clear[side] = Some(false);
        doubt(flow, side);
    }
}
