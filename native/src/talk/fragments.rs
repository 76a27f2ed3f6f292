//! DTLS: the client's hello from the fragments that its datagrams hold, and the server's where it came in one.

use super::streams::{Way, What};
use super::{BUDGET, Context, Facts, Recogniser};
use crate::flows::key::other;
use crate::recognise::dtls::{self, Fragment};
use crate::recognise::tls::{self, ClientHello, SERVER_HELLO};
use crate::stream::{Read, Window};

impl Recogniser {
    /// Reads the records of a datagram; false where the conversation was taken for something else.
    pub(super) fn records(&mut self, context: &mut Context<'_>, datagram: &[u8]) -> bool {
        let Context { flow, side, .. } = context;
        let facts = flow.facts.get_or_insert_default();
        if !facts.is("dtls") {
            return false;
        }
        facts.clear = [Some(false); 2];
        let (mut asks, mut answers, mut speaks) = (false, false, false);
        for part in dtls::fragments(datagram) {
            speaks = true;
            if part.is_client_hello() {
                asks = true;
                let mut way = flow.talk.ways[*side].take().unwrap_or_default();
                let before = way.window.held();
                self.said(facts, &mut way, &part);
                self.held = self.held + way.window.held() - before;
                flow.talk.ways[*side] = Some(way);
            } else if part.kind == SERVER_HELLO && part.bytes.len() == part.length {
                answers = true;
                facts.server = facts.server.take().or_else(|| tls::datagram_server_hello(part.bytes).map(Box::new));
            }
        }
        if asks || answers {
            flow.asked_by(if asks { *side } else { other(*side) });
        }
        let room = self.held <= BUDGET;
        self.note("stream_budget", u64::from(!room));
        let is_known = flow.facts.as_ref().is_some_and(|facts| facts.client.is_some());
        if !room || !speaks || answers || (asks && is_known) {
            self.settle(flow, *side);
        }
        true
    }

    /// Puts a part of the client's hello in its place; another number begins another hello.
    fn said(&mut self, facts: &mut Facts, way: &mut Way, part: &Fragment<'_>) {
        if facts.client.is_some() {
            return;
        }
        if way.what != What::Fragments(part.sequence) {
            *way = Way { what: What::Fragments(part.sequence), ..Way::default() };
            way.window.begin();
        }
        let mut hello = None;
        let fits = put(&mut way.window, part, &mut hello);
        self.note("stream_gaps", u64::from(!fits && hello.is_none()));
        facts.client = hello.map(Box::new);
    }
}

/// Puts a part in its place; false when the message cannot be read on.
fn put(window: &mut Window, part: &Fragment<'_>, hello: &mut Option<ClientHello>) -> bool {
    window.push(
        part.offset as i64,
        part.bytes,
        part.bytes.len() as u32,
        &mut |stream| match stream.get(..part.length) {
            Some(body) => {
                *hello = tls::datagram_client_hello(body);
                Read::Done
            }
            None => Read::On(0),
        },
    )
}
